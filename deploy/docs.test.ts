import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseSystemConfig, SystemConfig } from "#libs/chains/system-config.ts";
import { STREAMS } from "#proto/subjects.ts";
import { BENCH_NAMES } from "#services/cli/bench.ts";

const ROOT = join(import.meta.dirname, "..");
const SKIPPED = new Set(["node_modules", ".git", ".hyperspeed", "out", "cache", "dist"]);

function* pagesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) yield* pagesBelow(path);
    else if (entry.name.endsWith(".md")) yield path;
  }
}

const read = (page: string) => readFileSync(join(ROOT, page), "utf8");

test.each([...pagesBelow(".")])("%s links only to what is there", (page) => {
  const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target as string);
  const broken = links.filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(page), target)));
  expect(broken).toEqual([]);
});

test("the examples of docs/configuration.md are accepted", () => {
  const text = read("docs/configuration.md");
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => parse(yaml as string) as object);
  expect(examples).toHaveLength(3);
  const environment = {
    BASE_RPC_URL: "wss://node.example",
    BASE_NODE_WS: "wss://node.example",
    BASE_PROVIDER_URL: "https://provider.example",
    BUILDER_A_URL: "https://builder.example",
  };
  for (const example of examples) parseSystemConfig({ nats: { servers: ["nats://127.0.0.1:4222"] }, ...example }, "docs", environment);
});

test("docs/configuration.md names every field", () => {
  const text = read("docs/configuration.md");
  const fields: string[] = [];
  const visit = (schema: { properties?: object; patternProperties?: object; items?: object }) => {
    for (const [name, inner] of Object.entries(schema.properties ?? {})) {
      fields.push(name);
      visit(inner);
    }
    for (const inner of Object.values(schema.patternProperties ?? {})) visit(inner);
    if (schema.items !== undefined) visit(schema.items);
  };
  visit(SystemConfig);
  expect(fields.length).toBeGreaterThan(40);
  expect(fields.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});

test("the pages know every stream and every benchmark", () => {
  const architecture = read("docs/architecture.md");
  for (const { scope, suffix } of Object.values(STREAMS))
    expect(architecture).toContain(`\`HS_${scope === "chain" ? "<CHAIN>_" : ""}${suffix}\``);
  for (const name of BENCH_NAMES) expect(read("docs/benchmarks.md")).toContain(`## ${name}`);
});
