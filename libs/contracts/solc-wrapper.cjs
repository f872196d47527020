#!/usr/bin/env node
// Lets forge use the compiler that npm installed, so that it never downloads one: answers the two invocations forge makes of a native solc.
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(require("node:fs").readFileSync(0, "utf8")));
} else {
  console.error(`solc-wrapper: unsupported arguments: ${process.argv.slice(2).join(" ")}`);
  process.exit(1);
}
