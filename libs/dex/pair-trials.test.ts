import { Interface } from "ethers";
import { expect, test } from "vitest";
import { artifact } from "#libs/contracts/artifact.ts";
import { trialsOf } from "#libs/dex/pair-trials.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { asAddress } from "#libs/units/brand.ts";

const TRIALS = new Interface(artifact("PairTrials").abi);
const [pool, token0, token1] = ["b0", "70", "71"].map((byte) => asAddress(`0x${byte.repeat(20)}`)) as [never, never, never];

/** Why a pair refuses one swap, given what it reverts with. */
async function reasonOf(refusal: string): Promise<string | null | undefined> {
  const client = {
    send: async (_method: string, [call, , overrides]: readonly [{ to: string }, unknown, Record<string, { stateDiff?: object }>]) => {
      const balances = Object.values(overrides[call.to]?.stateDiff ?? {}) as string[];
      return balances[0] ?? TRIALS.encodeFunctionResult("run", [[refusal]]);
    },
  } as unknown as Rpc;
  const question = { info: { pool, tokens: [token0, token1] }, indexIn: 0, amountIn: 5n };
  const trials = await trialsOf(client, { blockHash: "0x00" }, [question]);
  return (await trials.run([{ question, amountOut: 4n }]))[0];
}

const errorOf = (hex: string) =>
  `0x08c379a0${"20".padStart(64, "0")}${(hex.length / 2).toString(16).padStart(64, "0")}${hex.padEnd(64, "0")}`;

test("reasons are words where they are words, whatever a token writes into them", async () => {
  expect(await reasonOf("0x")).toBeNull();
  expect(await reasonOf("0x00")).toBe("refused without a reason");
  expect(await reasonOf(errorOf(Buffer.from("UniswapV2: K").toString("hex")))).toBe("UniswapV2: K");
  expect(await reasonOf(errorOf("6f6bff"))).toBe("ok\ufffd");
  expect(await reasonOf("0x08c379a0")).toBe("");
});
