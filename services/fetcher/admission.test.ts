import { expect, test } from "vitest";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { Admission } from "#services/fetcher/admission.ts";
import { addressOf, FACTORY, newPool, TOKENS } from "#services/fetcher/testing.ts";

const ETHER = 10n ** 18n;
const [first, second, , native] = TOKENS;
const chain: ChainConfig = {
  key: "test",
  chainId: 31_337,
  name: "Test",
  nativeSymbol: "ETH",
  wrappedNative: native,
  multicall3: addressOf(0x3ca11),
  blockTimeMs: 1_000,
  tokens: [],
  dexes: [],
  flashLenders: [],
  relays: [],
};
const silent: Rpc = {
  send: () => Promise.reject(new Error("nobody is to be asked")),
  batch: () => Promise.reject(new Error("nobody is to be asked")),
  followHeads: () => () => {},
  close: async () => {},
};

test("followed pools are weighed at the prices that they say themselves: after a restart nobody else has said any", () => {
  const holdingsOf = (info: ReturnType<typeof newPool>["info"], reserve0: bigint, reserve1: bigint) => {
    const state = uniswapV2.created();
    uniswapV2.applyRow(state, [info.pool, (reserve0 * ETHER).toString(), (reserve1 * ETHER).toString(), 3_000, 3_000]);
    return { info, amounts: uniswapV2.holdings(info as never, state), curve: uniswapV2.curve(info as never, state) };
  };
  const priced = holdingsOf(newPool("uniswap-v2", 0).info, 1_000n, 100n);
  const between = { ...newPool("uniswap-v2", 1).info, tokens: [first, second] };
  const large = holdingsOf(between, 100n, 100n);
  const dust = holdingsOf({ ...between, pool: addressOf(0xd057) }, 10n, 10n);
  const dry = { info: { ...between, pool: addressOf(0xd12e) }, amounts: [0n, 0n], curve: null };
  const admission = new Admission(silent, chain, deploymentOf("uniswap-v2", FACTORY), { minTvlUsd: 10_000, minTvlNative: 5 });
  expect(admission.small([priced, large, dust, dry])).toEqual([dust.info.pool, dry.info.pool]);
});
