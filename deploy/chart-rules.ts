import { parse } from "yaml";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { CHAINS } from "#libs/chains/index.ts";
import { parseSystemConfig, type SystemConfig } from "#libs/chains/system-config.ts";
import { ACTORS, STREAMS } from "#proto/subjects.ts";

/** What must hold for the rendered documents of one install, beyond what Kubernetes itself checks. Pure: documents in, problems out. */

export type Document = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value under a path, or undefined. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (Array.isArray(current)) current = current[step as number];
    else if (isRecord(current)) current = current[step];
    else return undefined;
  }
  return current;
}
export const textAt = (value: unknown, ...path: readonly (string | number)[]): string => {
  const found = at(value, ...path);
  return found === undefined || found === null ? "" : String(found);
};
export const listAt = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
};
const recordAt = (value: unknown, ...path: readonly (string | number)[]): Readonly<Record<string, unknown>> => {
  const found = at(value, ...path);
  return isRecord(found) ? found : {};
};

export const nameOf = (document: Document): string => `${textAt(document, "kind")}/${textAt(document, "metadata", "name")}`;
const ofKind = (documents: readonly Document[], ...kinds: readonly string[]): Document[] =>
  documents.filter((document) => kinds.includes(textAt(document, "kind")));

const HOSTED = [...ACTORS, "dashboard"];
/** Those whose spec names a lease (services/<actor>/main.ts): only one is active, so a rolling update would wait for its successor for ever. */
export const LEASED: readonly string[] = ["fetcher", "analyst", "solver", "scorer", "executor", "trainer"];
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const CONFIG_PATH = "/etc/hyperspeed/config.yaml";
/** Ours, beside those that Node and OpenTelemetry define: filled from Secrets because the configuration refers to them. */
const CONFIG_ENV = /^HS_(RPC|RELAY)_/;

/** Does a label selector (matchLabels and In/NotIn/Exists expressions) choose these labels? */
export function selects(selector: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const exact = Object.entries(recordAt(selector, "matchLabels")).every(([key, value]) => labels[key] === value);
  return (
    exact &&
    listAt(selector, "matchExpressions").every((expression) => {
      const value = labels[textAt(expression, "key")];
      const values = listAt(expression, "values");
      switch (textAt(expression, "operator")) {
        case "In":
          return values.includes(value);
        case "NotIn":
          return !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

const workloadsOf = (documents: readonly Document[]): Document[] => ofKind(documents, "Deployment", "StatefulSet");

/** Metadata and spec of every pod that the documents make. */
function podsOf(documents: readonly Document[]): { owner: string; labels: Readonly<Record<string, unknown>>; spec: unknown }[] {
  return [
    ...workloadsOf(documents).map((document) => ({
      owner: nameOf(document),
      labels: recordAt(document, "spec", "template", "metadata", "labels"),
      spec: at(document, "spec", "template", "spec"),
    })),
    ...ofKind(documents, "Pod").map((document) => ({
      owner: nameOf(document),
      labels: recordAt(document, "metadata", "labels"),
      spec: at(document, "spec"),
    })),
  ];
}

export function metadataProblems(documents: readonly Document[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const document of documents) {
    const name = nameOf(document);
    if (textAt(document, "apiVersion") === "" || textAt(document, "kind") === "") problems.push(`${name}: no apiVersion or kind`);
    if (!DNS_LABEL.test(textAt(document, "metadata", "name"))) problems.push(`${name}: name is not a DNS label of at most 63 characters`);
    if (seen.has(name)) problems.push(`${name}: rendered twice`);
    seen.add(name);
    const labels = { ...recordAt(document, "metadata", "labels"), ...recordAt(document, "spec", "template", "metadata", "labels") };
    for (const [key, value] of Object.entries(labels)) {
      if (typeof value !== "string" || !LABEL_VALUE.test(value))
        problems.push(`${name}: label ${key}=${String(value)} is not a label value`);
    }
    for (const key of ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"]) {
      if (recordAt(document, "metadata", "labels")[key] === undefined) problems.push(`${name}: no label ${key}`);
    }
  }
  return problems;
}

export function selectorProblems(documents: readonly Document[]): string[] {
  const problems: string[] = [];
  const workloads = workloadsOf(documents);
  const pods = podsOf(documents);
  for (const workload of workloads) {
    const selector = at(workload, "spec", "selector");
    for (const pod of pods) {
      const own = pod.owner === nameOf(workload);
      if (selects(selector, pod.labels) !== own)
        problems.push(`${nameOf(workload)}: selector ${own ? "misses its own pods" : `also takes the pods of ${pod.owner}`}`);
    }
  }
  for (const service of ofKind(documents, "Service")) {
    const chosen = pods.filter((pod) => selects({ matchLabels: at(service, "spec", "selector") }, pod.labels));
    if (chosen.length === 0) problems.push(`${nameOf(service)}: selects no pod`);
    for (const port of listAt(service, "spec", "ports")) {
      const target = textAt(port, "targetPort");
      const served = chosen.some((pod) => listAt(pod.spec, "containers", 0, "ports").some((open) => textAt(open, "name") === target));
      if (chosen.length > 0 && !served) problems.push(`${nameOf(service)}: no selected pod has port ${target}`);
    }
  }
  for (const document of ofKind(documents, "PodDisruptionBudget", "NetworkPolicy")) {
    const selector = at(document, "spec", textAt(document, "kind") === "NetworkPolicy" ? "podSelector" : "selector");
    if (!pods.some((pod) => selects(selector, pod.labels))) problems.push(`${nameOf(document)}: selects no pod`);
  }
  for (const monitor of ofKind(documents, "ServiceMonitor")) {
    const services = ofKind(documents, "Service").filter((service) =>
      selects(at(monitor, "spec", "selector"), recordAt(service, "metadata", "labels")),
    );
    if (services.length !== 1) problems.push(`${nameOf(monitor)}: selects ${services.length} Services, not one`);
  }
  for (const ingress of ofKind(documents, "Ingress")) {
    for (const path of listAt(ingress, "spec", "rules", 0, "http", "paths")) {
      const name = textAt(path, "backend", "service", "name");
      const service = ofKind(documents, "Service").find((candidate) => textAt(candidate, "metadata", "name") === name);
      const port = textAt(path, "backend", "service", "port", "name");
      if (!listAt(service, "spec", "ports").some((open) => textAt(open, "name") === port))
        problems.push(`${nameOf(ingress)}: backend ${name}:${port} does not exist`);
    }
  }
  return problems;
}

export function securityProblems(documents: readonly Document[]): string[] {
  const problems: string[] = [];
  for (const { owner, spec } of podsOf(documents)) {
    const want = (condition: boolean, what: string): void => {
      if (!condition) problems.push(`${owner}: ${what}`);
    };
    want(at(spec, "automountServiceAccountToken") === false, "mounts a service-account token");
    want(at(spec, "securityContext", "runAsNonRoot") === true, "may run as root");
    want(Number(at(spec, "securityContext", "runAsUser")) > 0, "has no user of its own");
    want(textAt(spec, "securityContext", "seccompProfile", "type") === "RuntimeDefault", "has no seccomp profile");
    want(at(spec, "hostNetwork") === undefined && at(spec, "hostPID") === undefined, "shares the host's namespaces");
    for (const container of listAt(spec, "containers")) {
      const image = textAt(container, "image");
      want(/@sha256:[0-9a-f]{64}$|:[\w][\w.-]*$/.test(image) && !image.endsWith(":latest"), `image ${image} is not pinned`);
      want(at(container, "securityContext", "readOnlyRootFilesystem") === true, "has a writable root file system");
      want(at(container, "securityContext", "allowPrivilegeEscalation") === false, "may escalate privileges");
      want(textAt(container, "securityContext", "capabilities", "drop") === "ALL", "keeps capabilities");
      for (const [kind, what] of [
        ["requests", "cpu"],
        ["requests", "memory"],
        ["limits", "memory"],
      ] as const)
        want(textAt(container, "resources", kind, what) !== "", `has no ${what} ${kind}`);
      for (const variable of listAt(container, "env")) {
        const name = textAt(variable, "name");
        want(
          !(/(SECRET|PASSWORD|PRIVATE_KEY|TOKEN)/.test(name) && at(variable, "value") !== undefined),
          `${name} carries a secret as text`,
        );
      }
      const names = listAt(container, "env").map((variable) => textAt(variable, "name"));
      want(new Set(names).size === names.length, "sets an environment variable twice");
    }
  }
  return problems;
}

export function availabilityProblems(documents: readonly Document[]): string[] {
  const problems: string[] = [];
  for (const workload of workloadsOf(documents)) {
    const name = nameOf(workload);
    const spec = at(workload, "spec", "template", "spec");
    const container = at(spec, "containers", 0);
    const ports = listAt(container, "ports").map((port) => textAt(port, "name"));
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      if (!ports.includes(textAt(container, probe, "httpGet", "port"))) problems.push(`${name}: no ${probe} on a port it opens`);
    }
    if (!(Number(at(spec, "terminationGracePeriodSeconds")) > 30)) problems.push(`${name}: less than 30 s to drain`);
    const replicas = Number(at(workload, "spec", "replicas") ?? 1);
    const budget = ofKind(documents, "PodDisruptionBudget").some((candidate) =>
      selects(at(candidate, "spec", "selector"), recordAt(workload, "spec", "template", "metadata", "labels")),
    );
    if (replicas > 1 && !budget) problems.push(`${name}: ${replicas} replicas without a disruption budget`);
  }
  return problems;
}

/** Every `env:NAME` in a parsed configuration. */
function environmentReferences(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith("env:") ? [value.slice(4)] : [];
  if (Array.isArray(value)) return value.flatMap(environmentReferences);
  return isRecord(value) ? Object.values(value).flatMap(environmentReferences) : [];
}

/** The configuration that a pod will read, its command line, and the Secrets it is given. */
export function actorProblems(documents: readonly Document[]): string[] {
  const problems: string[] = [];
  for (const deployment of ofKind(documents, "Deployment")) {
    const name = nameOf(deployment);
    const spec = at(deployment, "spec", "template", "spec");
    const container = at(spec, "containers", 0);
    const problem = (what: string): number => problems.push(`${name}: ${what}`);

    const args = listAt(container, "args").map(String);
    const actor = args[1] ?? "";
    const option = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
    if (args[0] !== "run" || !HOSTED.includes(actor)) problem(`args ${args.join(" ")} do not run an actor`);
    const flags = args.slice(2).filter((_, index) => index % 2 === 0);
    if (flags.some((flag) => !["--chain", "--dex", "--config"].includes(flag))) problem(`args ${args.join(" ")} have an unknown flag`);
    if (option("--config") !== CONFIG_PATH) problem(`--config is not ${CONFIG_PATH}`);
    if (textAt(deployment, "metadata", "labels", "app.kubernetes.io/component") !== actor) problem(`is not labelled as ${actor}`);

    // The file behind --config.
    const mounts = listAt(container, "volumeMounts");
    const volumeAt = (path: string): unknown => {
      const mounted = textAt(
        mounts.find((mount) => textAt(mount, "mountPath") === path),
        "name",
      );
      return listAt(spec, "volumes").find((volume) => textAt(volume, "name") === mounted);
    };
    for (const mount of mounts) {
      const volume = listAt(spec, "volumes").find((candidate) => textAt(candidate, "name") === textAt(mount, "name"));
      if (volume === undefined) problem(`mounts ${textAt(mount, "name")}, which is no volume`);
    }
    const source = at(volumeAt("/etc/hyperspeed"), "configMap");
    const item = listAt(source, "items").find((candidate) => textAt(candidate, "path") === "config.yaml");
    const configMap = ofKind(documents, "ConfigMap").find((candidate) => textAt(candidate, "metadata", "name") === textAt(source, "name"));
    const file = textAt(configMap, "data", textAt(item, "key"));
    if (file === "") {
      problem("its configuration is not in the ConfigMap");
      continue;
    }
    const raw: unknown = parse(file);
    const environment = Object.fromEntries(
      listAt(container, "env").map((variable) => [
        textAt(variable, "name"),
        at(variable, "valueFrom", "secretKeyRef") === undefined ? textAt(variable, "value") : "https://secret.example.com/",
      ]),
    );
    const references = environmentReferences(raw);
    for (const variable of Object.keys(environment)) {
      if (CONFIG_ENV.test(variable) && !references.includes(variable))
        problem(`is given ${variable}, which its configuration does not use`);
    }
    let config: SystemConfig;
    try {
      config = parseSystemConfig(raw, textAt(item, "key"), environment);
    } catch (cause) {
      problem((cause as Error).message);
      continue;
    }

    const chain = option("--chain");
    const perChain = !["gateway", "dashboard"].includes(actor);
    if (perChain !== (chain !== undefined)) problem(`${actor} ${perChain ? "needs" : "takes no"} --chain`);
    if (chain !== undefined && config.chains[chain] === undefined) problem(`its configuration has no chain ${chain}`);
    if (perChain && Object.keys(config.chains).length !== 1) problem("its configuration holds other chains");
    const dex = option("--dex");
    if (dex !== undefined && actor !== "fetcher") problem(`${actor} takes no --dex`);
    const defined = chain === undefined ? undefined : config.chains[chain]?.definition?.dexes.map(({ id }) => id);
    if (dex !== undefined && defined !== undefined && !defined.includes(dex)) problem(`the chain's definition has no DEX ${dex}`);
    const serves = listAt(container, "ports").find((port) => textAt(port, "name") === "metrics");
    if (at(serves, "containerPort") !== (actor === "dashboard" ? undefined : 9464)) problem("only the dashboard has no port 9464");
    if (config.http?.port !== 9464) problem("http.port is not the probes' 9464");
    const listens = actor === "gateway" ? config.gateway?.port : actor === "dashboard" ? config.dashboard?.port : undefined;
    const open = listAt(container, "ports").find((port) => textAt(port, "name") === "http");
    if (listens !== undefined && at(open, "containerPort") !== listens)
      problem(`listens on ${listens} but opens ${textAt(open, "containerPort")}`);

    // Secrets: the executor's wallet and nobody else's; files where the configuration says.
    const wallet = volumeAt("/run/secrets/hyperspeed/wallet");
    const configured = chain === undefined ? undefined : config.chains[chain]?.wallet;
    if (actor !== "executor" && wallet !== undefined) problem("is given a wallet");
    if (actor === "executor") {
      if ((wallet !== undefined) !== (configured !== undefined)) problem("wallet mounted and configured do not agree");
      const files = listAt(wallet, "secret", "items").map((entry) => `/run/secrets/hyperspeed/wallet/${textAt(entry, "path")}`);
      if (configured !== undefined && !(files.includes(configured.keystoreFile) && files.includes(configured.passwordFile)))
        problem("wallet files are not where the configuration says");
    }
    const recreated = textAt(deployment, "spec", "strategy", "type") === "Recreate";
    if (LEASED.includes(actor) !== recreated)
      problem(`${actor} ${recreated ? "holds no lease, yet it is" : "holds a lease, so it must be"} recreated`);
    if (recreated && at(deployment, "spec", "replicas") !== 1) problem(`${actor} holds a lease: a second replica would never be ready`);
    const credentials = listAt(volumeAt("/run/secrets/hyperspeed/nats"), "secret", "items").map(
      (entry) => `/run/secrets/hyperspeed/nats/${textAt(entry, "path")}`,
    );
    if (config.nats.credentialsFile !== undefined && !credentials.includes(config.nats.credentialsFile))
      problem("NATS credentials are not mounted");
    if (["gateway", "dashboard"].includes(actor) && references.length > 0) problem("its configuration refers to a chain's secrets");

    // A bundled server must be one that the release makes.
    const services = ofKind(documents, "Service").map((service) => textAt(service, "metadata", "name"));
    const bundled = ofKind(documents, "StatefulSet").length > 0;
    for (const server of config.nats.servers) {
      if (bundled && !services.includes(new URL(server).hostname)) problem(`NATS server ${server} is no Service of this release`);
    }
  }
  return problems;
}

/** A chain that the values do not define must be built in, and so must its DEXes. Says nothing while no chain is built in. */
export function knownChainProblems(
  documents: readonly Document[],
  builtIn: Readonly<Record<string, Pick<ChainConfig, "dexes">>> = CHAINS,
): string[] {
  if (Object.keys(builtIn).length === 0) return [];
  const defined = new Set(
    ofKind(documents, "ConfigMap").flatMap((map) =>
      Object.values(recordAt(map, "data")).flatMap((text) => {
        const chains = String(text).startsWith("{") ? recordAt(parse(String(text)), "chains") : {};
        return Object.keys(chains).filter((key) => at(chains, key, "definition") !== undefined);
      }),
    ),
  );
  return ofKind(documents, "Deployment").flatMap((deployment) => {
    const chain = textAt(deployment, "metadata", "labels", "hyperspeed/chain");
    const dex = textAt(deployment, "metadata", "labels", "hyperspeed/dex");
    if (chain === "" || defined.has(chain)) return [];
    const known = builtIn[chain];
    if (known === undefined)
      return [`${nameOf(deployment)}: chain ${chain} is neither defined nor built in (${Object.keys(builtIn).join(", ")})`];
    if (dex === "" || known.dexes.some(({ id }) => id === dex)) return [];
    return [`${nameOf(deployment)}: chain ${chain} has no DEX ${dex} (${known.dexes.map(({ id }) => id).join(", ")})`];
  });
}

/** Streams of the system and of one chain, in GiB, rounded up: what templates/nats.yaml reckons with. */
export function reservedGiB(scope: "chain" | "global"): number {
  const bytes = Object.values(STREAMS)
    .filter((stream) => stream.scope === scope)
    .reduce((sum, stream) => sum + stream.maxBytes, 0);
  return Math.ceil(bytes / 1024 ** 3);
}

export function largestStreamGiB(): number {
  return Math.ceil(Math.max(...Object.values(STREAMS).map(({ maxBytes }) => maxBytes)) / 1024 ** 3);
}

export const RULES: Readonly<Record<string, (documents: readonly Document[]) => string[]>> = {
  "names and labels": metadataProblems,
  "selectors and references": selectorProblems,
  "pod security": securityProblems,
  "probes, draining, budgets": availabilityProblems,
  "configuration, arguments, secrets": actorProblems,
  "chains and DEXes that exist": (documents) => knownChainProblems(documents),
};
