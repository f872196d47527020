import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { ChainConfig } from "#libs/chains/chain.ts";
import {
  actorProblems,
  availabilityProblems,
  type Document,
  knownChainProblems,
  LEASED,
  metadataProblems,
  securityProblems,
  selectorProblems,
  selects,
} from "./chart-rules.ts";
import { fileInTar, fileInZip } from "./helm.ts";

const labels = {
  "app.kubernetes.io/name": "hyperspeed",
  "app.kubernetes.io/instance": "hs",
  "app.kubernetes.io/managed-by": "Helm",
  "app.kubernetes.io/component": "executor",
};

/** A release with one executor that breaks no rule. */
function release() {
  const config = {
    nats: { servers: ["nats://nats.example.com:4222"] },
    chains: {
      base: {
        rpc: ["env:HS_RPC_BASE_0"],
        mode: "live",
        wallet: {
          keystoreFile: "/run/secrets/hyperspeed/wallet/keystore.json",
          passwordFile: "/run/secrets/hyperspeed/wallet/password",
        },
      },
    },
    http: { host: "0.0.0.0", port: 9464 },
  };
  const probe = { httpGet: { path: "/healthz", port: "metrics" } };
  const container = {
    name: "executor",
    image: "hyperspeed:0.1.0",
    args: ["run", "executor", "--chain", "base", "--config", "/etc/hyperspeed/config.yaml"],
    env: [{ name: "HS_RPC_BASE_0", valueFrom: { secretKeyRef: { name: "rpc", key: "url" } } }] as Record<string, unknown>[],
    ports: [{ name: "metrics", containerPort: 9464 }],
    startupProbe: probe,
    livenessProbe: probe,
    readinessProbe: probe as unknown,
    resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "1Gi" } as Record<string, string> },
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: [
      { name: "config", mountPath: "/etc/hyperspeed" },
      { name: "wallet", mountPath: "/run/secrets/hyperspeed/wallet" },
    ],
  };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "hs-base-executor", labels: { ...labels } },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: { ...labels } as Record<string, string> },
      template: {
        metadata: { labels: { ...labels } as Record<string, string> },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 45,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
          containers: [container],
          volumes: [
            { name: "config", configMap: { name: "hs-config", items: [{ key: "chain-base.yaml", path: "config.yaml" }] } },
            { name: "wallet", secret: { secretName: "w", items: [{ path: "keystore.json" }, { path: "password" }] } },
          ],
        },
      },
    },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "hs-metrics", labels: { ...labels } },
    spec: { selector: { ...labels } as Record<string, string>, ports: [{ port: 9464, targetPort: "metrics" }] },
  };
  const configMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "hs-config", labels: { ...labels } },
    data: { "chain-base.yaml": "" },
  };
  return {
    config,
    container,
    deployment,
    service,
    documents(): Document[] {
      configMap.data["chain-base.yaml"] = JSON.stringify(config);
      return [deployment, service, configMap];
    },
  };
}

type Release = ReturnType<typeof release>;
const allProblems = (documents: Document[]): string[] =>
  [metadataProblems, selectorProblems, securityProblems, availabilityProblems, actorProblems].flatMap((rule) => rule(documents));

describe("the rules for rendered documents", () => {
  test("find nothing in a sound release", () => {
    expect(allProblems(release().documents())).toEqual([]);
  });

  test.each<[string, (broken: Release) => void, RegExp]>([
    [
      "a selector that misses its own pods",
      ({ deployment }) => (deployment.spec.selector.matchLabels["app.kubernetes.io/component"] = "x"),
      /misses its own pods/,
    ],
    ["a Service for no pod", ({ service }) => (service.spec.selector["app.kubernetes.io/component"] = "x"), /selects no pod/],
    ["a Service port that no pod opens", ({ container }) => (container.ports = []), /no selected pod has port metrics/],
    ["a name too long for a label", ({ deployment }) => (deployment.metadata.name = "x".repeat(64)), /DNS label/],
    ["a writable root file system", ({ container }) => (container.securityContext.readOnlyRootFilesystem = false), /writable root/],
    ["an image that moves", ({ container }) => (container.image = "hyperspeed:latest"), /not pinned/],
    ["no memory limit", ({ container }) => (container.resources.limits = {}), /no memory limits/],
    ["a missing probe", ({ container }) => (container.readinessProbe = undefined), /no readinessProbe/],
    ["too little time to drain", ({ deployment }) => (deployment.spec.template.spec.terminationGracePeriodSeconds = 30), /30 s to drain/],
    ["replicas without a budget", ({ deployment }) => (deployment.spec.replicas = 2), /without a disruption budget/],
    ["two executors", ({ deployment }) => (deployment.spec.replicas = 2), /second replica would never be ready/],
    ["a configuration with an unknown field", ({ config }) => Object.assign(config, { solver: {} }), /malformed configuration.*solver/],
    ["an environment variable that nobody sets", ({ container }) => (container.env = []), /HS_RPC_BASE_0, which is not set/],
    [
      "a Secret that the configuration does not use",
      ({ container }) => container.env.push({ name: "HS_RELAY_BASE_A", value: "x" }),
      /HS_RELAY_BASE_A, which its/,
    ],
    ["an actor that does not exist", ({ container }) => (container.args[1] = "trader"), /do not run an actor/],
    ["an unknown flag", ({ container }) => container.args.push("--fast", "yes"), /unknown flag/],
    ["a chain that the configuration lacks", ({ container }) => (container.args[3] = "ethereum"), /no chain ethereum/],
    ["a wallet that is not mounted", ({ container }) => container.volumeMounts.pop(), /mounted and configured do not agree/],
    ["a secret as text", ({ container }) => container.env.push({ name: "WALLET_PASSWORD", value: "x" }), /carries a secret as text/],
  ])("find %s", (_, breakIt, problem) => {
    const broken = release();
    breakIt(broken);
    expect(allProblems(broken.documents()).join("\n")).toMatch(problem);
  });

  test("want a chain that is built in, with its DEXes, unless the values define it", () => {
    const fetcher: Document = {
      kind: "Deployment",
      metadata: { name: "f", labels: { "hyperspeed/chain": "base", "hyperspeed/dex": "uniswap-v2" } },
    };
    const dexes = [{ id: "uniswap-v2" }] as unknown as ChainConfig["dexes"];
    expect(knownChainProblems([fetcher], { base: { dexes } })).toEqual([]);
    expect(knownChainProblems([fetcher], { base: { dexes: [] } }).join()).toMatch(/no DEX uniswap-v2/);
    expect(knownChainProblems([fetcher], { ethereum: { dexes } }).join()).toMatch(/neither defined nor built in/);
    const config: Document = {
      kind: "ConfigMap",
      metadata: { name: "c" },
      data: { "chain-base.yaml": '{"chains":{"base":{"definition":{}}}}' },
    };
    expect(knownChainProblems([fetcher, config], { ethereum: { dexes } })).toEqual([]);
  });

  test("know which actors hold a lease", () => {
    const services = join(import.meta.dirname, "../services");
    const leased = readdirSync(services).filter((actor) => {
      try {
        return /^\s*lease: /m.test(readFileSync(join(services, actor, "main.ts"), "utf8"));
      } catch {
        return false;
      }
    });
    expect(leased.sort()).toEqual([...LEASED].sort());
  });

  test("follow the expressions of a selector", () => {
    const selector = { matchLabels: { a: "1" }, matchExpressions: [{ key: "b", operator: "In", values: ["x", "y"] }] };
    expect(selects(selector, { a: "1", b: "y" })).toBe(true);
    expect(selects(selector, { a: "1", b: "z" })).toBe(false);
    expect(selects({ matchExpressions: [{ key: "b", operator: "DoesNotExist" }] }, { a: "1" })).toBe(true);
  });
});

describe("reading one file of an archive", () => {
  test("finds a deflated and a stored file in a ZIP", () => {
    const entries = [
      { name: "helm/helm", method: 8, body: Buffer.from("binary ".repeat(50)) },
      { name: "plain", method: 0, body: Buffer.from("as it is") },
    ];
    const locals: Buffer[] = [];
    const central: Buffer[] = [];
    let offset = 0;
    for (const { name, method, body } of entries) {
      const data = method === 8 ? deflateRawSync(body) : body;
      const local = Buffer.alloc(30);
      local.write("PK\x03\x04", 0, "latin1");
      local.writeUInt16LE(name.length, 26);
      const entry = Buffer.alloc(46);
      entry.write("PK\x01\x02", 0, "latin1");
      entry.writeUInt16LE(method, 10);
      entry.writeUInt32LE(data.length, 20);
      entry.writeUInt16LE(name.length, 28);
      entry.writeUInt32LE(offset, 42);
      locals.push(local, Buffer.from(name), data);
      central.push(entry, Buffer.from(name));
      offset += 30 + name.length + data.length;
    }
    const end = Buffer.alloc(22);
    end.write("PK\x05\x06", 0, "latin1");
    end.writeUInt16LE(entries.length, 10);
    end.writeUInt32LE(offset, 16);
    const archive = Buffer.concat([...locals, ...central, end]);
    for (const { name, body } of entries) expect(fileInZip(archive, name).equals(body)).toBe(true);
    expect(() => fileInZip(archive, "kubectl")).toThrow(/not in the archive/);
    expect(() => fileInZip(gzipSync("no"), "x")).toThrow(/not a ZIP/);
  });

  test("finds a file in a tar, past another", () => {
    const file = (name: string, text: string): Buffer => {
      const header = Buffer.alloc(512);
      header.write(name, 0);
      header.write(text.length.toString(8).padStart(11, "0"), 124);
      return Buffer.concat([header, Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, "\0"))]);
    };
    const archive = Buffer.concat([file("package/a", "x".repeat(600)), file("package/lib/layer.zip", "found"), Buffer.alloc(1024)]);
    expect(fileInTar(archive, "package/lib/layer.zip").toString()).toBe("found");
    expect(() => fileInTar(archive, "package/b")).toThrow(/not in the archive/);
  });
});
