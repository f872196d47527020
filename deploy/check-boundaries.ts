import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/**
 * Holds the import boundaries (docs/adr/0005) and keeps cores pure: node deploy/check-boundaries.ts
 *
 * Our own, because the tools for this parse TypeScript through its compiler's interface, which version 7 does not have. Import statements are read from the
 * text with comments and templates blanked; the formatter gives them one shape.
 */

const FOLDERS = ["proto", "libs", "services", "deploy"] as const;
const SKIPPED = new Set(["node_modules", "dist", "out", "cache"]);

export interface Import {
  /** Path in the repository, or the name of a package or of a module of Node. */
  readonly target: string;
  /** `type` is gone when the code runs; `entry` is the file of another thread or process. */
  readonly kind: "value" | "type" | "entry";
  readonly line: number;
}

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in))\s*$/;

/** The text with everything blanked, character by character, that only looks like code: comments, templates, patterns, and strings too if asked. */
export function codeOf(text: string, options: { readonly strings: "keep" | "blank" }): string {
  let code = "";
  let at = 0;
  const take = (end: number, keep: boolean) => {
    const part = text.slice(at, end);
    code += keep ? part : part.replaceAll(/[^\n]/g, " ");
    at = end;
  };
  const endOf = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    return match === null || match.index !== at ? at + 1 : at + match[0].length;
  };
  /** Templates nest: `${` opens code again, in which another may begin. */
  const templateEnd = (): number => {
    let index = at + 1;
    let depth = 0;
    for (; index < text.length; index++) {
      if (text[index] === "\\") index++;
      else if (depth === 0 && text[index] === "`") return index + 1;
      else if (depth === 0 && text.startsWith("${", index)) {
        depth = 1;
        index++;
      } else if (depth > 0 && text[index] === "{") depth++;
      else if (depth > 0 && text[index] === "}") depth--;
    }
    return index;
  };
  while (at < text.length) {
    const character = text[at];
    if (text.startsWith("//", at)) take(endOf(/\/\/[^\n]*/y), false);
    else if (text.startsWith("/*", at)) take(endOf(/\/\*[\s\S]*?\*\//y), false);
    else if (character === "`") take(templateEnd(), false);
    else if (character === '"') take(endOf(/"(?:[^"\\\n]|\\.)*"/y), options.strings === "keep");
    else if (character === "'") take(endOf(/'(?:[^'\\\n]|\\.)*'/y), options.strings === "keep");
    else if (character === "/" && REGEX_MAY_FOLLOW.test(code.slice(-40)))
      take(endOf(/\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y), false);
    else take(at + 1, true);
  }
  return code;
}

const STATEMENT = /^[ \t]*(import|export)\b([^"';]*?)\bfrom\s*"([^"]+)"/gm;
const SIDE_EFFECT = /^[ \t]*import\s*"([^"]+)"/gm;
const CALL = /\b(?:import|require)\(\s*"([^"]+)"\s*[,)]/g;
/** A file that a worker or a process starts with. */
const ENTRY = /\bnew URL\(\s*"(\.[^"]+\.ts)"\s*,\s*import\.meta\.url/g;

function targetOf(from: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(dirname(from), specifier));
  return specifier.startsWith("#") ? specifier.slice(1) : specifier;
}

export function importsOf(file: string, text: string): Import[] {
  const code = codeOf(text, { strings: "keep" });
  const bare = codeOf(text, { strings: "blank" });
  const found: Import[] = [];
  const add = (index: number, specifier: string, kind: Import["kind"]) => {
    // What stands in a string is no import.
    if (bare[index] === code[index]) found.push({ target: targetOf(file, specifier), kind, line: code.slice(0, index).split("\n").length });
  };
  for (const match of code.matchAll(STATEMENT))
    add(match.index + match[0].lastIndexOf("from"), match[3] as string, /^\s+type\b(?!\s*,)/.test(match[2] as string) ? "type" : "value");
  for (const match of code.matchAll(SIDE_EFFECT)) add(match.index, match[1] as string, "value");
  for (const match of code.matchAll(CALL))
    add(match.index, match[1] as string, /\btypeof\s+$/.test(code.slice(0, match.index)) ? "type" : "value");
  for (const match of code.matchAll(ENTRY)) add(match.index, match[1] as string, "entry");
  return found;
}

/** Tests, benchmarks and what only they use: not shipped, so free to reach further. */
const isSupport = (file: string): boolean => /\.(?:test|bench|browser)\.tsx?$|\/testing\.ts$|^libs\/testkit\/|^deploy\//.test(file);
const isCore = (file: string): boolean => /^services\/[^/]+\/actor\.ts$/.test(file);
const layerOf = (file: string): number => ["proto", "libs", "services", "deploy"].indexOf(file.split("/")[0] as string);
const serviceOf = (file: string): string | undefined => /^services\/([^/]+)\//.exec(file)?.[1];
/** `concentrated` is no family: it is what those with ticks have in common. */
const familyOf = (file: string): string | undefined => /^libs\/dex\/(?!concentrated\/)([^/]+)\//.exec(file)?.[1];

/** Files of an actor that the composition root puts together. */
const COMPOSED = /^services\/[^/]+\/(?:main|config|server|build|api)\.ts$/;
const CORE_MODULES = new Set(["node:crypto", "ethers", "typebox"]);
/** Reading a file that is part of the sources is let pass (libs/contracts/artifact.ts). */
const OUTSIDE =
  /^(?:ws|piscina|express|@nats-io\/.*|node:(?:http|https|http2|net|tls|dgram|dns|child_process|worker_threads|timers)(?:\/.*)?)$/;
const IMPURE_NAMES = /\b(?:JsonRpc|WebSocket|Browser|Ipc|Fallback)\w*Provider\b|\bFetchRequest\b/;
const UNREPEATABLE =
  /\bDate\.now\b|\bnew Date\(|\bMath\.random\b|\bprocess\.|\bperformance\.|\brandomBytes\b|\brandomUUID\b|\bset(?:Timeout|Interval|Immediate)\(|\bfetch\(/g;

type Rule = (from: string, to: string, kind: Import["kind"]) => string | null;

const RULES: readonly Rule[] = [
  (from, to) => (layerOf(to) > layerOf(from) && !isSupport(from) ? "imports run services → libs → proto" : null),
  (from, to, kind) => {
    const [own, other] = [serviceOf(from), serviceOf(to)];
    if (own === undefined || other === undefined || own === other) return null;
    if (own === "cli" && (COMPOSED.test(to) || isCore(to) || isSupport(from) || isSupport(to))) return null;
    if (own === "dashboard" && other === "gateway" && (isSupport(from) || (to === "services/gateway/api.ts" && kind === "type")))
      return null;
    return "services do not import each other";
  },
  (from, to) =>
    to.startsWith("@nats-io/") && !from.startsWith("libs/actor/") && !isSupport(from)
      ? "only libs/actor imports the broker's client"
      : null,
  (from, to) => {
    const [own, other] = [familyOf(from), familyOf(to)];
    return own !== undefined && other !== undefined && own !== other && !isSupport(from) ? "a pool family imports no other" : null;
  },
  (from, to) =>
    to.startsWith("libs/localnet/") && !/^(?:libs\/localnet|services\/cli)\//.test(from) && !isSupport(from)
      ? "only the command line, tests and benchmarks use the local chain"
      : null,
  (from, to) =>
    layerOf(to) >= 0 && isSupport(to) && !isSupport(from) && from !== "services/cli/bench.ts"
      ? "what is shipped imports no test support"
      : null,
  (from, to, kind) => (isCore(from) && kind !== "type" && layerOf(to) < 0 && !CORE_MODULES.has(to) ? "a core does no I/O" : null),
];

/** Groups of files that import each other in a ring, types left aside: those are gone when the code runs. */
function ringsOf(imports: ReadonlyMap<string, readonly Import[]>): string[][] {
  const rings: string[][] = [];
  const state = new Map<string, "open" | "closed">();
  const path: string[] = [];
  const visit = (file: string) => {
    state.set(file, "open");
    path.push(file);
    for (const { target, kind } of imports.get(file) ?? []) {
      if (kind !== "value" || !imports.has(target)) continue;
      if (state.get(target) === "open") rings.push([...path.slice(path.indexOf(target)), target]);
      else if (!state.has(target)) visit(target);
    }
    path.pop();
    state.set(file, "closed");
  };
  for (const file of [...imports.keys()].sort()) if (!state.has(file)) visit(file);
  return rings;
}

/** How a file comes to load a module of the outside world, through whatever it imports; null where it does not. */
function wayOut(file: string, imports: ReadonlyMap<string, readonly Import[]>): string | null {
  const ways = new Map([[file, file]]);
  for (const [at, way] of ways) {
    for (const { target, kind } of imports.get(at) ?? []) {
      if (kind !== "value" || ways.has(target)) continue;
      ways.set(target, `${way} → ${target}`);
      if (OUTSIDE.test(target)) return ways.get(target) as string;
    }
  }
  return null;
}

/** Everything wrong with these files (path in the repository → text), one line each. */
export function problemsOf(files: ReadonlyMap<string, string>): string[] {
  const imports = new Map([...files].map(([file, text]) => [file, importsOf(file, text)]));
  const problems: string[] = [];
  for (const [file, found] of imports) {
    for (const { target, kind, line } of found) {
      if (layerOf(target) >= 0 && !files.has(target) && /\.tsx?$/.test(target))
        problems.push(`${file}:${line} imports ${target}, which is not there`);
      for (const rule of RULES) {
        const problem = rule(file, target, kind);
        if (problem !== null) problems.push(`${file}:${line} imports ${target}: ${problem}`);
      }
    }
    if (!isCore(file)) continue;
    const way = wayOut(file, imports);
    if (way !== null) problems.push(`${way}: a core does no I/O, nor what it imports`);
    const code = codeOf(files.get(file) as string, { strings: "blank" });
    for (const match of [...code.matchAll(UNREPEATABLE), ...code.matchAll(new RegExp(IMPURE_NAMES, "g"))])
      problems.push(
        `${file}:${code.slice(0, match.index).split("\n").length} uses ${match[0]}: a core is the same whenever its inputs are`,
      );
  }
  return [...problems, ...ringsOf(imports).map((ring) => `circular: ${ring.join(" → ")}`)];
}

export function sourceFiles(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) visit(path);
      } else if (/\.tsx?$/.test(entry.name)) files.set(path, readFileSync(join(root, path), "utf8"));
    }
  };
  for (const folder of FOLDERS) if (existsSync(join(root, folder))) visit(folder);
  return files;
}

if (import.meta.main) {
  const files = sourceFiles(join(import.meta.dirname, ".."));
  const problems = problemsOf(files);
  for (const problem of problems) console.error(problem);
  console.log(`${files.size} files, ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
}
