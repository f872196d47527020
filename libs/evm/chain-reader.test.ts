import { AbiCoder, Interface } from "ethers";
import { expect, test } from "vitest";
import { readerAt } from "#libs/evm/chain-reader.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";

const MULTICALL = new Interface([
  "function aggregate3((address target, bool allowFailure, bytes callData)[] calls) returns ((bool success, bytes returnData)[])",
]);
const addressOf = (index: number) => `0x${index.toString(16).padStart(40, "0")}`;
const BURNS_GAS = addressOf(13);

/** A node whose contracts answer with their own address, but for one that takes every batch with it that it is in. */
function readerOf(refusal: RpcError) {
  const sizes: number[] = [];
  const client = {
    send: async (_method: string, [{ data }]: readonly [{ data: string }]) => {
      const [calls] = MULTICALL.decodeFunctionData("aggregate3", data) as unknown as [{ target: string }[]];
      sizes.push(calls.length);
      if (calls.some(({ target }) => target.toLowerCase() === BURNS_GAS)) throw refusal;
      return AbiCoder.defaultAbiCoder().encode(["tuple(bool,bytes)[]"], [calls.map(({ target }) => [true, target])]);
    },
  } as unknown as Rpc;
  return { reader: readerAt(client, { multicall3: addressOf(0xca11), blockHash: "0x00" }), sizes };
}
const calls = Array.from({ length: 40 }, (_, index): Call => ({ target: addressOf(index), data: "0x" }));

test.each(["out of gas", "execution reverted", "response too large", "gas required exceeds allowance (50000000)"])(
  "one contract that makes a node say %j is the only one without an answer",
  async (message) => {
    const { reader, sizes } = readerOf(new RpcError("eth_call", { code: -32_000, message }));
    expect(await reader.multicall(calls)).toEqual(calls.map(({ target }) => (target === BURNS_GAS ? null : target)));
    expect(sizes.length).toBeLessThan(16);
  },
);

test("a block that the node does not know is a refusal of all of them", async () => {
  const refusal = new RpcError("eth_call", { code: -32_000, message: "header not found" });
  const { reader, sizes } = readerOf(refusal);
  await expect(reader.multicall(calls)).rejects.toBe(refusal);
  expect(sizes).toEqual([40]);
});
