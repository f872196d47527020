/** For tests against the real contracts, which packages outside of node_modules may hold: how they are deployed, and how their pools are spoken to. */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Contract, ContractFactory, getCreateAddress, Interface, type InterfaceAbi, type JsonRpcSigner } from "ethers";
import { expect } from "vitest";
import { calculateSwap } from "#libs/dex/algebra/price-movement-math.ts";
import { askSwaps } from "#libs/dex/algebra/swaps.ts";
import { sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { doneOf, near, type PoolSpec, type RangesProtocol, TICK_POOL } from "#libs/dex/concentrated/testing.ts";

const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
/** A folder like node_modules, with packages that are not installed here. */
const MORE_MODULES = process.env.HYPERSPEED_PACKAGES;

/** Folder of a published package, null when it is not there. */
export function packageFolder(name: string): string | null {
  const folders = [MODULES, ...(MORE_MODULES === undefined ? [] : [MORE_MODULES])].map((modules) => path.join(modules, name));
  return folders.find((folder) => existsSync(path.join(folder, "package.json"))) ?? null;
}

interface Artifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
}

/** Where hardhat has put a contract of this name. */
export const artifactOf = (folder: string, name: string): Artifact =>
  JSON.parse(readFileSync(path.join(folder, `artifacts/contracts/${name}.sol/${name}.json`), "utf8")) as Artifact;

/** `edit` changes the creation code. */
export async function deployOf(
  signer: JsonRpcSigner,
  { abi, bytecode }: Artifact,
  args: readonly unknown[],
  edit = (code: string) => code,
): Promise<Contract> {
  const contract = await new ContractFactory(abi, edit(bytecode), signer).deploy(...args);
  await contract.waitForDeployment();
  return new Contract(await contract.getAddress(), abi, signer);
}

/** The address of the contract that this account deploys after `others` others. */
export const futureAddress = async (signer: JsonRpcSigner, others: number): Promise<string> =>
  getCreateAddress({ from: signer.address, nonce: (await signer.getNonce()) + others });

/** Source: IAlgebraPoolActions.sol (v1, Integral); the rest is as Uniswap V3 has it. */
const POOL = new Interface([
  "function mint(address sender, address recipient, int24 bottomTick, int24 topTick, uint128 liquidityDesired, bytes data)",
  "function burn(int24 bottomTick, int24 topTick, uint128 amount, bytes data)",
]);

/** v1 was built for size limits that no longer bind those who deploy it here: its pool is 60 kB unoptimised. */
export const NODE_ARGS = ["--disable-code-size-limit"];

/** `burn` of Integral takes data for its plugin. */
export const dialectOf = (
  version: "v1" | "integral",
): Pick<RangesProtocol, "mint" | "burn" | "compute" | "ask" | "swapTopics" | "pauses"> => ({
  swapTopics: [
    "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
    "0x121cb44ee54098b1a04743c487e7460d8dd429b27f88b1f4d4767396e1a59f79",
  ],
  // The next ones, an hour, and so long that the oracle's window of a day is left behind.
  pauses: [1, 1, 2, 12, 12, 13, 60, 600, 3_600, 20_000, 86_399, 86_401, 200_000],
  mint: (owner, lower, upper, amount) => POOL.encodeFunctionData("mint", [owner, owner, lower, upper, amount, "0x"]),
  burn: (lower, upper, amount) =>
    version === "v1"
      ? TICK_POOL.encodeFunctionData("burn", [lower, upper, amount])
      : POOL.encodeFunctionData("burn", [lower, upper, amount, "0x"]),
  compute({ facts: { tickSpacing } }, state, { zeroForOne, amountSpecified }) {
    sortTicks(state);
    const fee = state.feePips[zeroForOne ? 0 : 1];
    const { price, ...swap } = calculateSwap(state, { amountRequired: amountSpecified, zeroToOne: zeroForOne, fee, tickSpacing });
    return { ...swap, sqrtPriceX96: price };
  },
  async ask({ dex }, swaps, timestamp) {
    const reader = await dex.readerAt();
    const { answers, timestamps } = await askSwaps(
      (data) => reader.call(null, data, timestamp),
      swaps.map(({ pool, zeroForOne, amountSpecified }) => ({ pool, zeroToOne: zeroForOne, amountRequired: amountSpecified })),
    );
    expect([...timestamps]).toEqual([timestamp]);
    return answers.map(({ kind, after, ...amounts }, index) =>
      kind === "refused" ? null : doneOf({ ...amounts, sqrtPriceX96: after.price }, swaps[index]?.zeroForOne === true),
    );
  },
});

/** Of pools of these two tokens: √price as a multiple of 2^96 in thousandths, how many bits of liquidity lie in each of 25 ranges around it. */
export const specOf = (
  tokens: readonly [number, number],
  root: bigint,
  bits: readonly [number, number],
  more: Pick<PoolSpec, "key"> & Partial<PoolSpec>,
): PoolSpec => ({ tokens, spacing: 60, price: (root * root * 2n ** 64n) / 10n ** 6n, ranges: near(25, 30, 60), bits, ...more });
