import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";

/**
 * Goes through deploy/Dockerfile without a Docker engine: lays out the files that its last stage would hold (as .dockerignore lets them
 * through), installs the production dependencies as it does, and starts the entry point. `--keep` leaves the folder for a look.
 */

const ROOT = join(import.meta.dirname, "..");

/** Does .dockerignore leave this path out? The last pattern that matches it, or a folder above it, decides. */
export function isIgnored(path: string, patterns: readonly string[]): boolean {
  let ignored = false;
  for (const line of patterns) {
    const negated = line.startsWith("!");
    const regex = new RegExp(
      `^${(negated ? line.slice(1) : line)
        .replace(/^\/|\/$/g, "")
        .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("**/", "\0")
        .replaceAll("**", "\u0001")
        .replaceAll("*", "[^/]*")
        .replaceAll("?", "[^/]")
        .replaceAll("\0", "(?:.*/)?")
        .replaceAll("\u0001", ".*")}(?:/|$)`,
    );
    if (regex.test(path)) ignored = !negated;
  }
  return ignored;
}

export interface Stage {
  readonly from: string;
  readonly name: string;
  readonly copies: readonly { readonly from: string | null; readonly sources: readonly string[]; readonly target: string }[];
  readonly lines: readonly string[];
}

/** The stages of a Dockerfile, as far as this project's goes. */
export function stagesOf(dockerfile: string): Stage[] {
  const stages: { from: string; name: string; copies: Stage["copies"][number][]; lines: string[] }[] = [];
  for (const line of dockerfile.replaceAll(/\\\n\s*/g, "").split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const start = /^FROM (\S+)(?: AS (\S+))?$/.exec(line);
    if (start !== null) stages.push({ from: start[1] ?? "", name: start[2] ?? "", copies: [], lines: [] });
    const stage = stages.at(-1);
    if (stage === undefined) continue;
    stage.lines.push(line);
    const copy = /^COPY (?:--from=(\S+) )?(.+)$/.exec(line);
    if (copy !== null) {
      const words = (copy[2] ?? "").split(/\s+/);
      stage.copies.push({ from: copy[1] ?? null, sources: words.slice(0, -1), target: words.at(-1) ?? "." });
    }
  }
  return stages;
}

/** Relative specifiers, package imports and bare names in a source, type-only ones left out; `lazy` for import(). */
export function importsOf(source: string): { specifier: string; lazy: boolean }[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const eager = [...code.matchAll(/^\s*(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm)];
  const lazy = [...code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)];
  return [
    ...eager.map(([, specifier = ""]) => ({ specifier, lazy: false })),
    ...lazy.map(([, specifier = ""]) => ({ specifier, lazy: true })),
  ];
}

if (import.meta.main) {
  let failed = 0;
  let passed = 0;
  const report = (name: string, problems: readonly string[]): void => {
    if (problems.length === 0) passed++;
    else failed++;
    console.log(`${problems.length === 0 ? "ok   " : "FAIL "} ${name}`);
    for (const problem of problems) console.log(`      ${problem}`);
  };

  const dockerfile = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8");
  const stages = stagesOf(dockerfile);
  const last = stages.at(-1);
  if (last === undefined) throw new Error("deploy/Dockerfile has no stage");
  const ignore = readFileSync(join(ROOT, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const context = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: ROOT, encoding: "utf8" })
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(ROOT, path)) && !isIgnored(path, ignore));

  report("every stage starts from a pinned official image", [
    ...stages.filter(({ from }) => !/^node:\d+-slim$/.test(from)).map(({ from }) => `FROM ${from}`),
  ]);
  report("the last stage runs as a number that is not root, with an exec-form entry point", [
    ...(last.lines.some((line) => /^USER [1-9]\d*:[1-9]\d*$/.test(line)) ? [] : ["no USER uid:gid"]),
    ...(last.lines.includes('ENTRYPOINT ["node", "services/cli/main.ts"]') ? [] : ["another ENTRYPOINT"]),
  ]);
  const names = stages.map(({ name }) => name);
  report(
    "every COPY has something to copy",
    stages.flatMap(({ copies }) =>
      copies.flatMap(({ from, sources }) =>
        from === null
          ? sources
              .filter((source) => !context.some((path) => path === source || path.startsWith(`${source}/`)))
              .map((source) => `${source} is not in the build context`)
          : names.includes(from)
            ? []
            : [`no stage ${from}`],
      ),
    ),
  );
  report("no secret, test or build output in the build context", [
    ...context.filter((path) => /(^|\/)(\.env|node_modules|dist)(\/|$|\.)|\.test\.ts$|keystore[^/]*\.json$|\.(pem|key)$/.test(path)),
  ]);

  const folder = mkdtempSync(join(tmpdir(), "hyperspeed-image-"));
  try {
    const app = join(folder, "app");
    const lay = (target: string, sources: readonly string[]): void => {
      for (const path of context.filter((candidate) =>
        sources.some((source) => candidate === source || candidate.startsWith(`${source}/`)),
      )) {
        mkdirSync(dirname(join(target, path)), { recursive: true });
        cpSync(join(ROOT, path), join(target, path));
      }
    };
    // Stage "dependencies".
    lay(app, ["package.json", "package-lock.json", ".npmrc"]);
    const started = performance.now();
    const install = stages
      .find(({ name }) => name === "dependencies")
      ?.lines.find((line) => line.startsWith("RUN "))
      ?.replace(/^RUN (--mount=\S+ )*/, "");
    if (install === undefined) throw new Error("deploy/Dockerfile installs nothing in its stage dependencies");
    execFileSync("sh", ["-c", install], { cwd: app, stdio: ["ignore", "ignore", "inherit"] });
    console.log(`      ${install} took ${((performance.now() - started) / 1_000).toFixed(1)} s`);
    for (const extra of ["package-lock.json", ".npmrc"]) rmSync(join(app, extra));

    // Stage "dashboard", with the development dependencies of this checkout.
    const build = join(folder, "dashboard");
    lay(build, ["package.json", "tsconfig.json", "proto", "libs", "services"]);
    symlinkSync(join(ROOT, "node_modules"), join(build, "node_modules"));
    try {
      execFileSync(process.execPath, [join(ROOT, "node_modules/vite/bin/vite.js"), "build", "services/dashboard", "--logLevel", "error"], {
        cwd: build,
        stdio: "pipe",
        encoding: "utf8",
      });
      report(
        "the dashboard builds from the build context alone",
        existsSync(join(build, "services/dashboard/dist/index.html")) ? [] : ["no index.html"],
      );
    } catch (failure) {
      report("the dashboard builds from the build context alone", [
        (failure as { stderr?: string }).stderr?.trim() || (failure as Error).message,
      ]);
    }

    // The last stage.
    lay(
      app,
      last.copies.filter(({ from }) => from === null).flatMap(({ sources }) => sources),
    );
    const built = join(build, "services/dashboard/dist");
    if (existsSync(built)) cpSync(built, join(app, "services/dashboard/dist"), { recursive: true });

    const files = readdirSync(app, { recursive: true, encoding: "utf8", withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    console.log(`      ${files.length} files, ${(bytes / 1024 ** 2).toFixed(0)} MiB over the base image`);
    report(
      "no binary of another platform, and none that starts a server of its own",
      files
        .filter((file) => /\.(dll|dylib|exe)$|(win32|darwin|musl)[^/]*\.node$|bin\/(nats-server|anvil|forge|helm)$/.test(file))
        .map((file) => relative(app, file)),
    );

    const entry = join(app, "services/cli/main.ts");
    if (existsSync(entry)) {
      report("everything that the entry point imports is in the image", missingImports(app, entry));
      try {
        const help = execFileSync(process.execPath, ["services/cli/main.ts", "--help"], {
          cwd: app,
          encoding: "utf8",
          stdio: "pipe",
          env: { PATH: process.env.PATH, NODE_ENV: "production" },
          timeout: 30_000,
        });
        report("node services/cli/main.ts --help starts", /\brun\b/.test(help) ? [] : [`it does not offer run: ${help}`]);
      } catch (failure) {
        report("node services/cli/main.ts --help starts", [
          (failure as { stderr?: string }).stderr?.trim().slice(0, 2_000) || (failure as Error).message,
        ]);
      }
    } else report("node services/cli/main.ts --help starts", ["services/cli/main.ts is not in the build context"]);
  } finally {
    if (process.argv.includes("--keep")) console.log(folder);
    else rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** What the sources reachable from an entry point import but the folder does not have. Packages behind import() only are left out: they are for development. */
function missingImports(app: string, entry: string): string[] {
  const { imports } = JSON.parse(readFileSync(join(app, "package.json"), "utf8")) as { imports: Record<string, string> };
  const missing = new Set<string>();
  const seen = new Set<string>();
  const waiting = [{ file: entry, eager: true }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next.file)) continue;
    seen.add(next.file);
    for (const { specifier, lazy } of importsOf(readFileSync(next.file, "utf8"))) {
      const eager = next.eager && !lazy;
      const alias = Object.keys(imports).find((key) => key.endsWith("/*") && specifier.startsWith(key.slice(0, -1)));
      const target = specifier.startsWith(".")
        ? resolve(dirname(next.file), specifier)
        : alias === undefined
          ? undefined
          : join(app, (imports[alias] ?? "").slice(0, -1), specifier.slice(alias.length - 1));
      if (target !== undefined) {
        if (existsSync(target)) {
          if (/\.ts$/.test(target)) waiting.push({ file: target, eager });
        } else if (eager) missing.add(`${relative(app, next.file)} imports ${specifier}`);
      } else if (!isBuiltin(specifier)) {
        const name = specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/");
        if (!existsSync(join(app, "node_modules", name)) && eager) missing.add(`${relative(app, next.file)} imports ${specifier}`);
      }
    }
  }
  return [...missing].sort();
}
