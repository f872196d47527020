import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "#libs/units/invariant.ts";

/** The built page, ready to be served. */
export const DIST_DIRECTORY = join(import.meta.dirname, "dist");
const SOURCES = ["index.html", "vite.config.ts", "src", "public"].map((name) => join(import.meta.dirname, name));

function newestChangeMs(path: string): number {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestChangeMs(join(path, name))));
}

async function loadVite(): Promise<typeof import("vite") | null> {
  try {
    return await import("vite");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}

/**
 * Sees to it that `dist` holds the page: builds it in a source checkout where it is missing or older than its sources, and takes it as it is where it was
 * installed without the tools to build it. Throws `UserError` when there is neither.
 */
export async function ensureDashboardBuilt(options: { log?: (line: string) => void } = {}): Promise<string> {
  const builtMs = newestChangeMs(join(DIST_DIRECTORY, "index.html"));
  if (builtMs > 0 && builtMs >= Math.max(...SOURCES.map(newestChangeMs))) return DIST_DIRECTORY;
  const vite = await loadVite();
  if (vite === null) {
    if (builtMs > 0) return DIST_DIRECTORY;
    throw new UserError(
      "the dashboard is not built, and vite, which builds it, is not installed",
      "run npm install with development dependencies",
    );
  }
  options.log?.("building the dashboard");
  // A build under NODE_ENV=test would hold React's development version: twice the size, and slow.
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = "production";
  try {
    await vite.build({ configFile: join(import.meta.dirname, "vite.config.ts"), mode: "production", logLevel: "warn" });
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
  }
  return DIST_DIRECTORY;
}
