import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOf, importsOf, problemsOf, sourceFiles } from "./check-boundaries.ts";

test("the sources keep their boundaries", () => {
  const files = sourceFiles(join(import.meta.dirname, ".."));
  expect(files.size).toBeGreaterThan(150);
  expect(problemsOf(files)).toEqual([]);
});

test("imports of every form are seen, and nothing in comments, strings and templates", () => {
  const source = [
    'import { a } from "one";',
    'import type { B } from "#proto/two.ts";',
    "import {",
    "  type C,",
    "  c,",
    '} from "./three.ts";',
    'export * from "../libs/four.ts";',
    '// import x from "no";',
    '/* import x from "no"; */',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template is what is tested
    "const text = `${nested({ of: `}` })}",
    'import x from "no";`;',
    "const pattern = /['\"`]/;",
    'import "five";',
    'const six = await import("#libs/six.ts");',
    'type Seven = typeof import("seven");',
    'const eight = new URL("./eight.ts", import.meta.url);',
  ].join("\n");
  expect(importsOf("services/x/main.ts", source)).toEqual([
    { target: "one", kind: "value", line: 1 },
    { target: "proto/two.ts", kind: "type", line: 2 },
    { target: "services/x/three.ts", kind: "value", line: 6 },
    { target: "services/libs/four.ts", kind: "value", line: 7 },
    { target: "five", kind: "value", line: 13 },
    { target: "libs/six.ts", kind: "value", line: 14 },
    { target: "seven", kind: "type", line: 15 },
    { target: "services/x/eight.ts", kind: "entry", line: 16 },
  ]);
});

test("blanking keeps every line where it was", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template is what is tested
  const text = 'a /* b\nc */ d // e\n`f\n${g}`; "h//"; i / 2; j = /k"/;';
  expect(codeOf(text, { strings: "keep" })).toBe('a     \n     d     \n  \n     ; "h//"; i / 2; j =     ;');
});

const nothing = "export {};";
const EXISTING = {
  "proto/subjects.ts": nothing,
  "libs/units/brand.ts": nothing,
  "libs/localnet/index.ts": nothing,
  "libs/testkit/bench.ts": nothing,
  "libs/dex/uniswap-v2/index.ts": nothing,
  "services/gateway/api.ts": nothing,
  "services/gateway/http.ts": nothing,
  "services/solver/main.ts": nothing,
};
const problemsWith = (more: Readonly<Record<string, string>>) => problemsOf(new Map(Object.entries({ ...EXISTING, ...more })));

test.each([
  ["libs/units/x.ts", 'import "#services/solver/main.ts";', "services → libs → proto"],
  ["proto/x.ts", 'import type { X } from "#libs/units/brand.ts";', "services → libs → proto"],
  ["services/scorer/x.ts", 'import { x } from "#services/solver/main.ts";', "do not import each other"],
  ["services/cli/x.ts", 'import { x } from "#services/gateway/http.ts";', "do not import each other"],
  ["services/dashboard/src/x.tsx", 'import { x } from "../../gateway/api.ts";', "do not import each other"],
  ["services/scorer/x.ts", 'import { x } from "@nats-io/jetstream";', "only libs/actor"],
  ["libs/dex/uniswap-v3/x.ts", 'import { x } from "../uniswap-v2/index.ts";', "imports no other"],
  ["services/solver/x.ts", 'const x = await import("#libs/localnet/index.ts");', "local chain"],
  ["services/solver/x.ts", 'import { x } from "#libs/testkit/bench.ts";', "no test support"],
  ["services/solver/actor.ts", 'import { readFileSync } from "node:fs";', "does no I/O"],
  ["services/solver/actor.ts", 'import { JsonRpcProvider } from "ethers";', "JsonRpcProvider"],
  ["services/solver/actor.ts", "const now = Date.now();", "Date.now"],
  ["services/solver/actor.ts", "const drawn = Math.random();", "Math.random"],
  ["services/solver/actor.ts", "const day = new Date(0);", "new Date("],
  ["services/solver/actor.ts", "const level = process.env.X;", "process."],
  ["services/solver/x.ts", 'import "./gone.ts";', "not there"],
])("%s with %s is a problem", (file, text, reason) => {
  expect(problemsWith({ [file]: text })).toEqual([expect.stringContaining(reason)]);
});

test("what a core imports may not lead to I/O either", () => {
  const problems = problemsWith({
    "services/solver/actor.ts": 'import { x } from "#libs/evm/rpc.ts";',
    "libs/evm/rpc.ts": 'import { WebSocket } from "ws";',
  });
  expect(problems).toEqual([expect.stringContaining("services/solver/actor.ts → libs/evm/rpc.ts → ws")]);
});

test("a ring of imports is a problem, one of types is not", () => {
  const ring = { "libs/a/a.ts": 'import { b } from "./b.ts";', "libs/a/b.ts": 'import { a } from "#libs/a/a.ts";' };
  expect(problemsWith(ring)).toEqual(["circular: libs/a/a.ts → libs/a/b.ts → libs/a/a.ts"]);
  expect(problemsWith({ ...ring, "libs/a/b.ts": 'import type { a } from "#libs/a/a.ts";' })).toEqual([]);
});

test("what is meant to be imported may be", () => {
  expect(
    problemsWith({
      "services/cli/x.ts": 'import { x } from "#services/solver/main.ts";\nimport { y } from "#libs/localnet/index.ts";',
      "services/dashboard/src/x.tsx": 'import type { X } from "../../gateway/api.ts";',
      "services/solver/x.test.ts": 'import { x } from "#libs/localnet/index.ts";\nimport { y } from "@nats-io/jetstream";',
      "services/solver/actor.ts": '// Date.now() would not do\nconst text = "Math.random";',
    }),
  ).toEqual([]);
});
