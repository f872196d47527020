import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, nameOf, textAt } from "./chart-rules.ts";
import { cacheFolder } from "./helm.ts";

/**
 * Checks documents against the API types of Kubernetes and the Prometheus operator without a cluster: each is written as a typed
 * literal and given to the TypeScript compiler, which finds misspelt fields, missing ones and wrong types.
 */

/** 30 MB that only this check needs: installed into the cache, not into the project. */
const PACKAGES = ["kubernetes-models@5.1.0", "@kubernetes-models/prometheus-operator@6.0.0"] as const;

function modelsFolder(): string {
  const folder = cacheFolder(`kubernetes-models-${PACKAGES.map((name) => name.slice(name.lastIndexOf("@") + 1)).join("-")}`);
  if (existsSync(join(folder, "node_modules", "kubernetes-models"))) return folder;
  mkdirSync(cacheFolder("."), { recursive: true });
  const staged = mkdtempSync(join(cacheFolder("."), ".kubernetes-models-"));
  writeFileSync(join(staged, "package.json"), '{ "private": true }\n');
  try {
    execFileSync("npm", ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...PACKAGES], {
      cwd: staged,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 180_000,
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  } catch (cause) {
    rmSync(staged, { recursive: true, force: true });
    throw new Error(`cannot install ${PACKAGES.join(", ")} into ${folder}: ${(cause as Error).message}`, { cause });
  }
  return folder;
}

/** `networking.k8s.io/v1` NetworkPolicy → where its type is. */
function moduleOf(document: Document): string {
  const [group = "", version] = textAt(document, "apiVersion").includes("/")
    ? textAt(document, "apiVersion").split("/")
    : ["", textAt(document, "apiVersion")];
  const kind = textAt(document, "kind");
  if (group === "monitoring.coreos.com") return `@kubernetes-models/prometheus-operator/${group}/${version}/${kind}`;
  return ["kubernetes-models", group, version, kind].filter((part) => part !== "").join("/");
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

/** One line for each mismatch, naming the document; empty when all fit. */
export function typeProblems(documents: readonly Document[]): string[] {
  const models = modelsFolder();
  const folder = mkdtempSync(join(tmpdir(), "hyperspeed-types-"));
  try {
    symlinkSync(join(models, "node_modules"), join(folder, "node_modules"));
    const imports = new Map<string, string>();
    const lines: string[] = [];
    const owners: string[] = [];
    for (const document of documents) {
      const module = moduleOf(document);
      if (!existsSync(join(models, "node_modules", `${module}.d.ts`))) return [`${nameOf(document)}: no API type ${module}`];
      const kind = textAt(document, "kind");
      const alias = imports.get(module) ?? `T${imports.size}`;
      if (!imports.has(module)) {
        imports.set(module, alias);
        lines.push(`import type { I${kind} as ${alias} } from "${module}";`);
        owners.push("");
      }
      for (const line of `export const d${owners.length}: ${alias} = ${JSON.stringify(withoutNulls(document), null, 1)};`.split("\n")) {
        lines.push(line);
        owners.push(nameOf(document));
      }
    }
    writeFileSync(join(folder, "documents.ts"), lines.join("\n"));
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          target: "es2022",
          module: "nodenext",
          moduleResolution: "nodenext",
          types: [],
        },
        files: ["documents.ts"],
      }),
    );
    try {
      execFileSync(join(import.meta.dirname, "..", "node_modules", ".bin", "tsc"), ["--project", folder, "--pretty", "false"], {
        encoding: "utf8",
        stdio: "pipe",
      });
      return [];
    } catch (failure) {
      const { stdout = "", message } = failure as { stdout?: string; message: string };
      const found = stdout.split("\n").flatMap((line) => {
        const match = /\((\d+),\d+\): error (TS\d+: .*)$/.exec(line);
        return match === null ? [] : [`${owners[Number(match[1]) - 1] || "imports"}: ${match[2]}`];
      });
      return found.length > 0 ? [...new Set(found)] : [`tsc failed: ${stdout || message}`];
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(readFileSync(0, "utf8"))
    .map((document) => document.toJS() as Document | null)
    .filter((document) => document !== null);
  const problems = typeProblems(documents);
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
