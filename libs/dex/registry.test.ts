import { id } from "ethers";
import { expect, test } from "vitest";
import { FAMILIES } from "#libs/dex/registry.ts";

test("event topics are the hashes of their signatures", () => {
  expect(FAMILIES["uniswap-v2"].topics).toEqual({
    poolCreated: id("PairCreated(address,address,address,uint256)"),
    state: [id("Sync(uint112,uint112)")],
  });
  expect(FAMILIES["uniswap-v3"].topics).toEqual({
    poolCreated: id("PoolCreated(address,address,uint24,int24,address)"),
    state: [
      id("Initialize(uint160,int24)"),
      id("Swap(address,address,int256,int256,uint160,uint128,int24)"),
      id("Mint(address,address,int24,int24,uint128,uint256,uint256)"),
      id("Burn(address,int24,int24,uint128,uint256,uint256)"),
    ],
  });
});
