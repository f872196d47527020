import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCollection, isMap, parseDocument } from "yaml";

/** Writes the table of values into the chart's README from the `## @param path text` lines of values.yaml; --check compares only. */

const CHART = join(import.meta.dirname, "..", "charts/hyperspeed");
const START = "<!-- values: written by deploy/chart-readme.ts -->";
const END = "<!-- end of values -->";

const text = (): string => readFileSync(join(CHART, "values.yaml"), "utf8");

interface Param {
  readonly path: string;
  readonly says: string;
}

function sections(): { title: string; params: Param[] }[] {
  const found: { title: string; params: Param[] }[] = [];
  for (const line of text().split("\n")) {
    const section = /^\s*## @section (.+)$/.exec(line);
    const param = /^\s*## @param (\S+) (.+)$/.exec(line);
    if (section !== null) found.push({ title: section[1] ?? "", params: [] });
    else if (param !== null) found.at(-1)?.params.push({ path: param[1] ?? "", says: param[2] ?? "" });
  }
  return found;
}

function defaultOf(path: string): string {
  const value = parseDocument(text()).getIn(path.split("."));
  if (value === undefined) throw new Error(`values.yaml describes ${path}, which it does not set`);
  const json = JSON.stringify(isCollection(value) ? value.toJSON() : value);
  return `\`${json.replaceAll("|", "\\|")}\``;
}

/** Values without a line of their own, and lines for values that do not exist. */
export function undocumentedValues(): string[] {
  const described = new Set(sections().flatMap(({ params }) => params.map(({ path }) => path)));
  const problems: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (path !== "" && described.has(path)) return;
    if (!isMap(node) || node.items.length === 0) {
      problems.push(`${path} has no @param line`);
      return;
    }
    for (const { key, value } of node.items) walk(value, path === "" ? String(key) : `${path}.${String(key)}`);
  };
  const document = parseDocument(text());
  walk(document.contents, "");
  for (const path of described) if (!document.hasIn(path.split("."))) problems.push(`@param ${path} describes nothing`);
  return problems;
}

export function readmeTable(): string {
  const tables = sections().map(({ title, params }) =>
    [
      `### ${title}`,
      "",
      "| Value | What it is | Default |",
      "| --- | --- | --- |",
      ...params.map(({ path, says }) => `| \`${path}\` | ${says.replaceAll("|", "\\|")} | ${defaultOf(path)} |`),
    ].join("\n"),
  );
  return `${START}\n\n${tables.join("\n\n")}\n\n${END}`;
}

const FILE = join(CHART, "README.md");

/** A formatter pads the cells of a table: that is no difference. */
const unpadded = (markdown: string): string => markdown.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");

export function isReadmeStale(): boolean {
  return !unpadded(readFileSync(FILE, "utf8")).includes(unpadded(readmeTable()));
}

if (import.meta.main) {
  if (process.argv.includes("--check")) {
    if (isReadmeStale()) console.error("charts/hyperspeed/README.md is stale: run node deploy/chart-readme.ts");
    process.exitCode = isReadmeStale() ? 1 : 0;
  } else {
    const before = readFileSync(FILE, "utf8");
    const [start, end] = [before.indexOf(START), before.indexOf(END)];
    if (start < 0 || end < 0) throw new Error(`${FILE} has no place for the table: ${START} … ${END}`);
    writeFileSync(FILE, `${before.slice(0, start)}${readmeTable()}${before.slice(end + END.length)}`);
    execFileSync(join(CHART, "../../node_modules/.bin/biome"), ["format", "--write", FILE], { stdio: ["ignore", "ignore", "inherit"] });
    console.log(FILE);
  }
}
