import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { activeLiquidity, ladderOf, nativePricesApprox, planMarket, positionsOf, recordedMarket, sidesOf } from "./market.ts";

const market = recordedMarket();

/** Net liquidity by tick of a set of positions: the definition, against which the decomposition is checked. */
function netsOf(positions: ReturnType<typeof positionsOf>): Map<number, bigint> {
  const nets = new Map<number, bigint>();
  for (const { tickLower, tickUpper, liquidity } of positions) {
    nets.set(tickLower, (nets.get(tickLower) ?? 0n) + liquidity);
    nets.set(tickUpper, (nets.get(tickUpper) ?? 0n) - liquidity);
  }
  return nets;
}

const sortedNets = (nets: Map<number, bigint>) => [...nets].filter(([, net]) => net !== 0n).sort(([a], [b]) => a - b);

describe("the recorded market", () => {
  it("holds what its README says", () => {
    expect(market.constantProduct).toHaveLength(351);
    expect(market.concentrated).toHaveLength(299);
    expect(market.weighted).toHaveLength(12);
    expect(market.tokens).toHaveLength(161);
    expect(market.gasPriceWei).toBe("15189175884");
    expect(market.concentrated.reduce((sum, pool) => sum + pool.ticks.length, 0)).toBe(15_153);
    const venues = Map.groupBy(market.constantProduct, (pool) => pool.venue);
    expect(venues.get("uniswap-v2")).toHaveLength(229);
    expect(venues.get("sushiswap")).toHaveLength(100);
  });

  it("knows USDC/WETH of Uniswap V2 by the address that everybody knows", () => {
    const pair = market.constantProduct.find(({ address }) => address === "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc");
    expect(pair?.venue).toBe("uniswap-v2");
    expect(pair?.token0).toBe("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
  });

  it("has both tokens of every pool in its token list", () => {
    const known = new Set(market.tokens.map(({ address }) => address));
    for (const pool of [...market.constantProduct, ...market.concentrated]) {
      expect(pool.token0 < pool.token1).toBe(true);
      expect(known.has(pool.token0) && known.has(pool.token1)).toBe(true);
    }
  });
});

describe("the plan", () => {
  const plan = planMarket(market);

  it("loads or counts every pool, none silently", () => {
    expect(plan.pairs.length + plan.pools.length + plan.leftOut.length).toBe(351 + 299);
    expect(plan.pairs).toHaveLength(302);
    expect(plan.pools).toHaveLength(299);
  });

  it("has no two pairs for the same tokens on one venue", () => {
    expect(new Set(plan.pairs.map((pair) => `${pair.dex} ${pair.token0} ${pair.token1}`)).size).toBe(plan.pairs.length);
  });

  it("keeps the deepest pairs and pools under a limit", () => {
    const small = planMarket(market, { poolLimit: 20 });
    expect(small.pairs).toHaveLength(10);
    expect(small.pools).toHaveLength(10);
  });

  it("prices USDC, DAI and WBTC near what they cost in August 2023", () => {
    const prices = nativePricesApprox(asAddress(market.nativeToken), sidesOf(plan));
    const perWhole = (token: string, decimals: number) => ((prices.get(asAddress(token)) ?? 0) * 10 ** decimals) / 1e18;
    expect(1 / perWhole("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6)).toBeCloseTo(
      1 / perWhole("0x6b175474e89094c44da98b954eedeac495271d0f", 18),
      -2,
    );
    expect(perWhole("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8)).toBeGreaterThan(15);
    expect(perWhole("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8)).toBeLessThan(17);
  });
});

describe("positions that give the recorded ticks", () => {
  it("equal the recorded net liquidity in every pool but one, in which two ticks are repaired", () => {
    const repaired: [string, number][] = [];
    for (const pool of market.concentrated) {
      const ladder = ladderOf(pool.ticks);
      const positions = positionsOf(ladder);
      expect(positions.length).toBeLessThan(Math.max(1, ladder.ticks.length));
      expect(sortedNets(netsOf(positions))).toEqual(ladder.ticks.map(([tick, net]) => [tick, net]));
      if (ladder.repairedTicks > 0) repaired.push([pool.address, ladder.repairedTicks]);
      else expect(ladder.ticks).toEqual(pool.ticks.filter(([, net]) => net !== "0").map(([tick, net]) => [tick, BigInt(net)]));
    }
    expect(repaired).toEqual([["0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640", 2]]);
  });

  it("give the recorded active liquidity in 293 pools, and one at most 1.8 % off in the others", () => {
    const ratios = market.concentrated.map((pool) => Number(activeLiquidity(ladderOf(pool.ticks), pool.tick)) / Number(pool.liquidity));
    const exact = market.concentrated.filter((pool) => activeLiquidity(ladderOf(pool.ticks), pool.tick) === BigInt(pool.liquidity));
    expect(exact).toHaveLength(293);
    for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(0.018);
  });

  const anyPositions = fc.array(
    fc
      .record({
        lower: fc.integer({ min: -500, max: 499 }),
        width: fc.integer({ min: 1, max: 300 }),
        liquidity: fc.bigInt({ min: 1n, max: 1n << 100n }),
      })
      .map(({ lower, width, liquidity }) => ({ tickLower: lower, tickUpper: lower + width, liquidity })),
    { maxLength: 40 },
  );

  test.prop([anyPositions])("are found for the ticks of any positions", (original) => {
    const recorded = sortedNets(netsOf(original));
    const ladder = ladderOf(recorded);
    expect(ladder.repairedTicks).toBe(0);
    const positions = positionsOf(ladder);
    expect(sortedNets(netsOf(positions))).toEqual(recorded);
    for (const { tickLower, tickUpper, liquidity } of positions) expect(tickLower < tickUpper && liquidity > 0n).toBe(true);
  });
});
