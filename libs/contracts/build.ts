/**
 * Compiles our contracts, offline, with the solc that npm installed.
 *
 *   node libs/contracts/build.ts           writes artifacts/<Name>.json for src/*.sol and src/local/*.sol
 *   node libs/contracts/build.ts --check   compiles as well, writes nothing, and exits 1 when an artifact is missing, stale or orphaned
 *
 * Each file holds one deployable contract of its own name; what it imports (src/interfaces, src/libraries) gets no artifact. Every contract is compiled on
 * its own, so an artifact depends only on the text it was made from and never on what else happens to lie in the folder.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { invariant } from "#libs/units/invariant.ts";
import { ARTIFACTS_URL, type ContractArtifact, type Hex } from "./artifact.ts";

/** Folders whose every `.sol` file becomes an artifact, relative to `src/`. `local/` holds what only the local chain deploys. */
const ROOT_FOLDERS = [".", "local"] as const;

/**
 * `cancun` for transient storage (EIP-1153). `runs` at the top: the executor is deployed once and called for years. No metadata hash: it would change the
 * bytecode with every comment, and tie it to absolute paths.
 */
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 1_000_000 },
  viaIR: true,
  metadata: { bytecodeHash: "none" },
} as const;

interface SolcMessage {
  readonly severity: "error" | "warning" | "info";
  readonly formattedMessage: string;
}

interface SolcOutput {
  readonly errors?: readonly SolcMessage[];
  readonly contracts?: Record<
    string,
    Record<string, { abi: ContractArtifact["abi"]; evm: { bytecode: { object: string }; deployedBytecode: { object: string } } }>
  >;
}

interface Solc {
  version(): string;
  compile(input: string): string;
}

const SOURCES = fileURLToPath(new URL("src/", import.meta.url));
const ARTIFACTS = fileURLToPath(ARTIFACTS_URL);

/** Loaded only to compile: the WebAssembly compiler costs 0.4 s and 100 MB. */
let compiler: Solc | undefined;
function solc(): Solc {
  compiler ??= createRequire(import.meta.url)("solc") as Solc;
  return compiler;
}

/** Roots in a fixed order, as paths relative to `src/` with forward slashes. */
function rootFiles(): string[] {
  return ROOT_FOLDERS.flatMap((folder) => {
    const absolute = path.join(SOURCES, folder);
    if (!existsSync(absolute)) return [];
    return readdirSync(absolute)
      .filter((file) => file.endsWith(".sol"))
      .sort()
      .map((file) => path.posix.join(folder, file));
  });
}

/** The file and all it imports, keyed by path relative to `src/`, in path order. Only relative imports within `src/`: the build needs nothing else. */
function importClosure(root: string): Map<string, string> {
  const texts = new Map<string, string>();
  const pending = [root];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (texts.has(file)) continue;
    const text = readFileSync(path.join(SOURCES, file), "utf8");
    texts.set(file, text);
    for (const match of text.matchAll(/^\s*import\s[^;]*?["']([^"']+)["']\s*;/gm)) {
      const imported = match[1] ?? "";
      invariant(imported.startsWith("."), `${file}: only relative imports are supported, found ${imported}`);
      const resolved = path.posix.join(path.posix.dirname(file), imported);
      invariant(!resolved.startsWith(".."), `${file}: import leaves src/: ${imported}`);
      pending.push(resolved);
    }
  }
  return new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sourceHash(closure: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const [file, text] of closure) hash.update(`${file}\0${text}\0`);
  return hash.digest("hex");
}

/** Whether the artifact on disk says it was made from these sources, by this compiler, with these settings: then writing need not compile again. */
function claimsToBeCurrent(target: string, closure: ReadonlyMap<string, string>): boolean {
  if (!existsSync(target)) return false;
  const { compiler: version, settings, sourceSha256 } = JSON.parse(readFileSync(target, "utf8")) as ContractArtifact;
  return version === compilerVersion() && sourceSha256 === sourceHash(closure) && JSON.stringify(settings) === JSON.stringify(SETTINGS);
}

const compilerVersion = (): string => solc().version().replace(".Emscripten.clang", "");

function compile(root: string, closure: ReadonlyMap<string, string>): ContractArtifact {
  const contractName = path.posix.basename(root, ".sol");
  const input = {
    language: "Solidity",
    sources: Object.fromEntries([...closure].map(([file, content]) => [file, { content }])),
    settings: {
      ...SETTINGS,
      outputSelection: { [root]: { [contractName]: ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
    },
  };
  const output = JSON.parse(solc().compile(JSON.stringify(input))) as SolcOutput;
  const failures = (output.errors ?? []).filter((message) => message.severity === "error");
  if (failures.length > 0) throw new Error(failures.map((message) => message.formattedMessage).join("\n"));
  for (const message of output.errors ?? []) if (message.severity === "warning") process.stderr.write(message.formattedMessage);

  const contract = output.contracts?.[root]?.[contractName];
  invariant(contract, `${root} must define a contract named ${contractName}`);
  const creation = contract.evm.bytecode.object;
  invariant(creation.length > 0, `${root}: ${contractName} is abstract or an interface; move it to src/interfaces`);
  return {
    contractName,
    abi: contract.abi,
    bytecode: `0x${creation}` as Hex,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}` as Hex,
    compiler: compilerVersion(),
    settings: SETTINGS,
    sourceSha256: sourceHash(closure),
  };
}

const render = (built: ContractArtifact): string => `${JSON.stringify(built, null, 2)}\n`;

/** Artifacts that do not claim to be made from today's sources: quick, and enough for a test run; what they claim is proved by `staleArtifacts`. */
export function outdatedArtifacts(): string[] {
  return rootFiles()
    .map((root) => ({ root, target: path.join(ARTIFACTS, `${path.posix.basename(root, ".sol")}.json`) }))
    .filter(({ root, target }) => !claimsToBeCurrent(target, importClosure(root)))
    .map(({ root }) => root);
}

/** What is wrong with the artifacts on disk, one line each; empty when all are what the sources compile to, byte for byte. */
export function staleArtifacts(): string[] {
  const problems: string[] = [];
  const expected = new Set<string>();
  for (const root of rootFiles()) {
    const built = compile(root, importClosure(root));
    const file = `${built.contractName}.json`;
    expected.add(file);
    const target = path.join(ARTIFACTS, file);
    if (!existsSync(target)) problems.push(`missing: libs/contracts/artifacts/${file}`);
    else if (readFileSync(target, "utf8") !== render(built)) problems.push(`stale: libs/contracts/artifacts/${file}`);
  }
  for (const file of existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS).sort() : []) {
    if (!expected.has(file)) problems.push(`no source for: libs/contracts/artifacts/${file}`);
  }
  return problems;
}

/** Writes every artifact whose source, compiler or settings changed, and removes those whose source is gone. Returns the names written. */
export function buildArtifacts(): string[] {
  mkdirSync(ARTIFACTS, { recursive: true });
  const written: string[] = [];
  const expected = new Set<string>();
  for (const root of rootFiles()) {
    const file = `${path.posix.basename(root, ".sol")}.json`;
    invariant(!expected.has(file), `two contracts named ${file}: artifacts are keyed by name`);
    expected.add(file);
    const target = path.join(ARTIFACTS, file);
    const closure = importClosure(root);
    if (claimsToBeCurrent(target, closure)) continue;
    const built = compile(root, closure);
    writeFileSync(target, render(built));
    written.push(built.contractName);
  }
  for (const file of readdirSync(ARTIFACTS)) if (!expected.has(file)) rmSync(path.join(ARTIFACTS, file));
  return written;
}

function main(): void {
  if (process.argv.includes("--check")) {
    const problems = staleArtifacts();
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) {
      console.error("run: node libs/contracts/build.ts, and commit libs/contracts/artifacts");
      process.exitCode = 1;
    }
    return;
  }
  const written = buildArtifacts();
  console.log(written.length > 0 ? `compiled ${written.join(", ")}` : "all contracts up to date");
}

if (import.meta.main) main();
