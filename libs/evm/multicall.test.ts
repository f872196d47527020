import { fc, test } from "@fast-check/vitest";
import { Interface } from "ethers";
import { expect } from "vitest";
import { decodeAggregate3, encodeAggregate3 } from "#libs/evm/multicall.ts";

const reference = new Interface([
  "function aggregate3(tuple(address target, bool allowFailure, bytes callData)[] calls) payable returns (tuple(bool success, bytes returnData)[] returnData)",
]);
const hexBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`);
const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`);

test.prop([fc.array(fc.record({ target: address, data: hexBytes }), { maxLength: 20 })])(
  "calldata equals that of a general ABI encoder",
  (calls) => {
    expect(encodeAggregate3(calls)).toBe(
      reference.encodeFunctionData("aggregate3", [calls.map(({ target, data }) => [target, true, data])]),
    );
  },
);

test.prop([fc.array(fc.record({ success: fc.boolean(), data: hexBytes }), { maxLength: 20 })])(
  "answers equal those of a general ABI decoder",
  (answers) => {
    const result = reference.encodeFunctionResult("aggregate3", [answers.map(({ success, data }) => [success, data])]);
    expect(decodeAggregate3(result, answers.length)).toEqual(answers.map(({ success, data }) => (success ? data : null)));
  },
);
