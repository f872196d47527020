import { expect, test } from "vitest";
import { UserError } from "#libs/units/invariant.ts";
import { artifact } from "./artifact.ts";
import { outdatedArtifacts } from "./build.ts";

test("artifacts in git are made from the sources beside them", () => {
  expect(outdatedArtifacts(), "run: node libs/contracts/build.ts").toEqual([]);
});

test("an artifact has what a deployment needs", () => {
  const { contractName, bytecode, deployedBytecode, compiler } = artifact("Executor");
  expect(contractName).toBe("Executor");
  expect(bytecode).toContain(deployedBytecode.slice(-100));
  expect(compiler).toMatch(/^0\.8\.37\+commit/);
  expect(deployedBytecode.length / 2 - 1).toBeLessThanOrEqual(24_576);
});

test("an artifact that was never built says how to build it", () => {
  expect(() => artifact("Nothing")).toThrow(UserError);
});
