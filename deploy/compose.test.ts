import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readSystemConfig } from "#libs/chains/system-config.ts";
import { ACTORS } from "#proto/subjects.ts";

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
}

const DEPLOY = import.meta.dirname;
const compose = parse(readFileSync(join(DEPLOY, "compose.yaml"), "utf8"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const actors = Object.entries(compose.services).filter(([, { image }]) => image.startsWith("hyperspeed:"));

test("every actor and the dashboard run in a container of their own, with the mounted configuration", () => {
  expect(actors.map(([name]) => name).sort()).toEqual([...ACTORS, "dashboard"].sort());
  for (const [name, { command = [], read_only, volumes = [] }] of actors) {
    expect(command.slice(0, 2)).toEqual(["run", name]);
    expect(command.slice(-2)).toEqual(["--config", "/etc/hyperspeed/config.yaml"]);
    expect(volumes).toContain("./compose.config.yaml:/etc/hyperspeed/config.yaml:ro");
    expect(read_only).toBe(true);
  }
});

test("the configuration is well formed and listens on the published ports", () => {
  const config = readSystemConfig(join(DEPLOY, "compose.config.yaml"), { RPC_URL: "wss://rpc.example.com" });
  expect(config.chains.ethereum?.mode).toBe("paper");
  expect(compose.services.gateway?.ports).toEqual([`127.0.0.1:${config.gateway?.port}:${config.gateway?.port}`]);
  expect(compose.services.dashboard?.ports).toEqual([`127.0.0.1:${config.dashboard?.port}:${config.dashboard?.port}`]);
  expect(config.nats.servers.map((server) => new URL(server).hostname)).toEqual(["nats"]);
});

test("nothing is published beyond this machine, and everything mounted exists", () => {
  for (const [name, { ports = [], volumes = [] }] of Object.entries(compose.services)) {
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    for (const volume of volumes) {
      const source = volume.split(":")[0] ?? "";
      expect(source.startsWith(".") ? existsSync(join(DEPLOY, source)) : source in compose.volumes, volume).toBe(true);
    }
  }
});

test("Prometheus scrapes exactly the actors", () => {
  const { scrape_configs: jobs } = parse(readFileSync(join(DEPLOY, "prometheus/prometheus.compose.yml"), "utf8")) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  expect(jobs.map(({ job_name }) => job_name)).toEqual(["hyperspeed"]);
  expect(jobs[0]?.static_configs[0]?.targets.sort()).toEqual(ACTORS.map((name) => `${name}:9464`).sort());
});
