/**
 * How often the traders leave something to earn: counts blocks with a two-pool arbitrage worth more than its gas.
 *
 *   node libs/localnet/gaps.ts [blocks] [seed]
 *
 * Once with nobody closing the gaps, once with somebody who closes every worthwhile one in the next block. Sizes and profits are approximate: a concentrated
 * pool counts as its virtual reserves, which is exact until the next tick.
 */

import type { Address } from "#libs/units/brand.ts";
import { localAccount, sign } from "./accounts.ts";
import { marketInterface } from "./deploy.ts";
import { CHAIN_ID } from "./genesis.ts";
import { type InProcessLocalnet, startLocalnet } from "./index.ts";
import { nativePricesApprox } from "./market.ts";
import { readPoolStates, type TradedPool, type TradedPoolState } from "./traders.ts";

/** What a two-pool arbitrage with a flash loan costs. */
const ARBITRAGE_GAS = 250_000;
/** Most that one block's arbitrageurs close: the rest stays for the next block. */
const CLOSED_PER_BLOCK_MAX = 10;

export interface Gap {
  readonly buy: TradedPool;
  readonly sell: TradedPool;
  /** Of the token that goes round: sold to `buy`'s pool first. */
  readonly tokenIn: Address;
  readonly amountIn: number;
  readonly amountBetween: number;
  readonly profitWeiApprox: number;
}

interface Side {
  readonly reserveIn: number;
  readonly reserveOut: number;
  readonly keep: number;
}

/**
 * Best input for two constant-product pools in a row, and what it earns: they act as one pool with the reserves below.
 *
 * Source: differentiating out(in) - in; Wang et al., "Cyclic Arbitrage in Decentralized Exchanges" (2022), section 3.
 */
export function bestRoundTrip(first: Side, second: Side): { amountIn: number; amountBetween: number; profit: number } | undefined {
  const denominator = second.reserveIn + second.keep * first.reserveOut;
  const reserveIn = (first.reserveIn * second.reserveIn) / denominator;
  const reserveOut = (second.keep * first.reserveOut * second.reserveOut) / denominator;
  const root = Math.sqrt(first.keep * reserveIn * reserveOut);
  if (!(root > reserveIn)) return undefined;
  const amountIn = (root - reserveIn) / first.keep;
  const amountBetween = (first.keep * amountIn * first.reserveOut) / (first.reserveIn + first.keep * amountIn);
  const amountOut = (first.keep * amountIn * reserveOut) / (reserveIn + first.keep * amountIn);
  return { amountIn, amountBetween, profit: amountOut - amountIn };
}

/** The best direction of every two pools of the same tokens, best first. */
export function gapsOf(pools: readonly TradedPool[], states: readonly TradedPoolState[], prices: ReadonlyMap<Address, number>): Gap[] {
  const gaps: Gap[] = [];
  const side = (index: number, zeroForOne: boolean): Side => {
    const { reserve0 = 0n, reserve1 = 0n } = states[index] ?? {};
    const [reserveIn, reserveOut] = zeroForOne ? [reserve0, reserve1] : [reserve1, reserve0];
    return { reserveIn: Number(reserveIn), reserveOut: Number(reserveOut), keep: 1 - (pools[index]?.feePips ?? 0) / 1e6 };
  };
  const groups = Map.groupBy(pools.keys(), (index) => `${pools[index]?.token0} ${pools[index]?.token1}`);
  for (const group of groups.values()) {
    for (const [first, second] of group.flatMap((a) => group.filter((b) => b !== a).map((b) => [a, b] as const))) {
      const buy = pools[first];
      const sell = pools[second];
      if (buy === undefined || sell === undefined) continue;
      const trip = bestRoundTrip(side(first, true), side(second, false));
      if (trip === undefined) continue;
      const { amountIn, amountBetween } = trip;
      gaps.push({ buy, sell, tokenIn: buy.token0, amountIn, amountBetween, profitWeiApprox: trip.profit * (prices.get(buy.token0) ?? 0) });
    }
  }
  return gaps.sort((a, b) => b.profitWeiApprox - a.profitWeiApprox);
}

async function readGaps(net: InProcessLocalnet): Promise<Gap[]> {
  const pools = net.traders.pools;
  const states = await readPoolStates(net.rpc, net.loaded.contracts.market, pools);
  const sides = pools.map((pool, index) => {
    const { reserve0 = 0n, reserve1 = 0n } = states[index] ?? {};
    return { token0: pool.token0, token1: pool.token1, reserve0: Number(reserve0), reserve1: Number(reserve1) };
  });
  const prices = nativePricesApprox(net.chain.wrappedNative, sides);
  return gapsOf(pools, states, prices);
}

const CLOSER = localAccount("gap closer");
const [TICK_LIMIT_LOW, TICK_LIMIT_HIGH] = [4_295_128_740n, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341n];

async function close(net: InProcessLocalnet, gaps: readonly Gap[]): Promise<void> {
  const abi = marketInterface();
  let nonce = Number(await net.rpc.request<string>("eth_getTransactionCount", [CLOSER.address, "latest"]));
  const swap = async (pool: TradedPool, zeroForOne: boolean, amount: number): Promise<void> => {
    const amountIn = BigInt(Math.floor(amount));
    const data =
      pool.kind === "v2"
        ? abi.encodeFunctionData("swapV2", [pool.address, zeroForOne, amountIn, pool.feePips / 100])
        : abi.encodeFunctionData("swapV3", [pool.address, zeroForOne, amountIn, zeroForOne ? TICK_LIMIT_LOW : TICK_LIMIT_HIGH]);
    const { raw } = sign(CLOSER, CHAIN_ID, { nonce: nonce++, to: net.marketContract, data, gasLimit: 900_000n });
    await net.rpc.request("eth_sendRawTransaction", [raw]);
  };
  const touched = new Set<Address>();
  for (const gap of gaps) {
    // A pool is used once a block: the second gap was computed from a state that the first swap has changed.
    if (touched.has(gap.buy.address) || touched.has(gap.sell.address) || touched.size >= 2 * CLOSED_PER_BLOCK_MAX) continue;
    touched.add(gap.buy.address).add(gap.sell.address);
    await swap(gap.buy, true, gap.amountIn);
    await swap(gap.sell, false, gap.amountBetween);
  }
}

async function measure(options: { blocks: number; seed: number; closing: boolean }): Promise<void> {
  const net = await startLocalnet({ seed: options.seed, blockTimeMs: 1000 });
  try {
    await net.fund(CLOSER.address, 10n ** 21n);
    const atStart = await readGaps(net);
    let blocksWithGap = 0;
    let worthwhile = 0;
    const best: number[] = [];
    for (let block = 0; block < options.blocks; block++) {
      const { baseFeePerGas } = await net.mineBlock();
      const gas = ARBITRAGE_GAS * Number(baseFeePerGas);
      const gaps = (await readGaps(net)).filter((gap) => gap.profitWeiApprox > gas);
      if (gaps.length > 0) blocksWithGap += 1;
      worthwhile += gaps.length;
      if (gaps[0] !== undefined) best.push((gaps[0].profitWeiApprox - gas) / 1e18);
      if (options.closing) await close(net, gaps);
    }
    best.sort((a, b) => a - b);
    const quantile = (q: number): string => (best[Math.floor(q * (best.length - 1))] ?? 0).toFixed(4);
    console.log(
      `${options.closing ? "closed every block" : "left alone"}: ${blocksWithGap} of ${options.blocks} blocks with a worthwhile gap, ` +
        `${(worthwhile / options.blocks).toFixed(1)} gaps a block, best of a block ${quantile(0.5)} ETH after gas in the median, ${quantile(1)} at most; ` +
        `${atStart.filter((gap) => gap.profitWeiApprox > ARBITRAGE_GAS * 15.189e9).length} worthwhile gaps in the recorded market itself`,
    );
  } finally {
    await net.stop();
  }
}

if (import.meta.main) {
  const blocks = Number(process.argv[2] ?? 60);
  const seed = Number(process.argv[3] ?? 1);
  await measure({ blocks, seed, closing: false });
  await measure({ blocks, seed, closing: true });
}
