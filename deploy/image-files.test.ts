import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { importsOf, isIgnored, stagesOf } from "./verify-image-files.ts";

test("the last pattern of a .dockerignore that matches a path or its folder decides", () => {
  const patterns = ["*", "!libs", "!package.json", "**/*.test.ts", "libs/contracts/out", "**/.env*"];
  expect(isIgnored("package.json", patterns)).toBe(false);
  expect(isIgnored("README.md", patterns)).toBe(true);
  expect(isIgnored("deploy/package.json", patterns)).toBe(true);
  expect(isIgnored("libs/units/brand.ts", patterns)).toBe(false);
  expect(isIgnored("libs/units/brand.test.ts", patterns)).toBe(true);
  expect(isIgnored("libs/contracts/out/x.json", patterns)).toBe(true);
  expect(isIgnored("libs/.env.local", patterns)).toBe(true);
});

test("imports are found, types and comments are not", () => {
  const source = [
    'import { a } from "one";',
    'import type { B } from "two";',
    "import {",
    "  c,",
    '} from "#libs/three.ts";',
    'export * from "./four.ts";',
    '// import x from "five";',
    'import "six";',
    'const seven = await import("seven");',
  ].join("\n");
  expect(importsOf(source)).toEqual([
    { specifier: "one", lazy: false },
    { specifier: "#libs/three.ts", lazy: false },
    { specifier: "./four.ts", lazy: false },
    { specifier: "six", lazy: false },
    { specifier: "seven", lazy: true },
  ]);
});

test("the Dockerfile copies from stages that it has, and the last one runs without root", () => {
  const stages = stagesOf(readFileSync(join(import.meta.dirname, "Dockerfile"), "utf8"));
  expect(stages.map(({ name }) => name)).toEqual(["dashboard", "dependencies", ""]);
  expect(stages.at(-1)?.lines).toContain("USER 1000:1000");
});
