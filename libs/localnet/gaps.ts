/**
 * How often the traders leave something to earn: counts blocks with a two-pool arbitrage worth more than its gas.
 *
 *   node libs/localnet/gaps.ts [blocks] [seed]
 *
 * Once with nobody closing the gaps, once with somebody who closes every worthwhile one in the next block. Candidates are found by approximation (a
 * concentrated pool counts as its virtual reserves, which is right until the next tick); what counts is what the two swaps earn when simulated on the chain.
 */

import { id } from "ethers";
import type { Address } from "#libs/units/brand.ts";
import { localAccount, sign } from "./accounts.ts";
import { CHAIN_ID } from "./genesis.ts";
import { type InProcessLocalnet, startLocalnet } from "./index.ts";
import { nativePricesApprox } from "./market.ts";
import { encodeSwap, readPoolStates, type TradedPool, type TradedPoolState } from "./traders.ts";

/** What a two-pool arbitrage with a flash loan costs. */
const ARBITRAGE_GAS = 250_000;
/** Most that are looked for in a block. */
const GAPS_PER_BLOCK_MAX = 10;

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

const CLOSER = localAccount("gap closer");
const [SQRT_PRICE_LOWEST, SQRT_PRICE_HIGHEST] = [4_295_128_740n, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341n];
const TRANSFER = id("Transfer(address,address,uint256)");

/** Call data of `Market` for one swap, whatever it does to the price. */
function swapData(net: InProcessLocalnet, pool: TradedPool, zeroForOne: boolean, amountIn: bigint): string {
  const limit = zeroForOne ? SQRT_PRICE_LOWEST : SQRT_PRICE_HIGHEST;
  return encodeSwap({ pool, zeroForOne, amountIn, sqrtPriceLimitX96: limit }, net.loaded.contracts);
}

interface SimulatedLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** What a gap earns when its two swaps are simulated on the head, the second selling exactly what the first bought. Undefined: one of them reverts. */
async function realise(net: InProcessLocalnet, gap: Gap, prices: ReadonlyMap<Address, number>): Promise<RealGap | undefined> {
  const simulate = async (datas: readonly string[]): Promise<SimulatedLog[][]> => {
    const calls = datas.map((data) => ({ from: CLOSER.address, to: net.marketContract, data, gas: "0x1e8480" }));
    const answers = await net.rpc.send<{ calls: { status: string; logs: SimulatedLog[] }[] }[]>("eth_simulateV1", [
      { blockStateCalls: [{ calls }] },
      "latest",
    ]);
    return (answers[0]?.calls ?? []).map(({ status, logs }) => (status === "0x1" ? logs : []));
  };
  const moved = (logs: readonly SimulatedLog[] | undefined, token: Address, pool: TradedPool, direction: "to" | "from"): bigint => {
    const party = direction === "from" ? 1 : 2;
    const holder = pool.kind === "weighted" ? net.loaded.contracts.vault : pool.address;
    const transfer = logs?.find(
      ({ address, topics }) => address === token && topics[0] === TRANSFER && topics[party]?.endsWith(holder.slice(2)),
    );
    return BigInt(transfer?.data ?? 0);
  };
  const { buy, sell } = gap;
  const first = swapData(net, buy, true, BigInt(Math.floor(gap.amountIn)));
  const [bought] = await simulate([first]);
  const amountBetween = moved(bought, buy.token1, buy, "from");
  if (amountBetween === 0n) return undefined;
  const second = swapData(net, sell, false, amountBetween);
  const [, sold] = await simulate([first, second]);
  const earned = moved(sold, sell.token0, sell, "from") - moved(bought, buy.token0, buy, "to");
  return { gap, datas: [first, second], profitWei: Number(earned) * (prices.get(buy.token0) ?? 0) };
}

interface RealGap {
  readonly gap: Gap;
  readonly datas: readonly [string, string];
  readonly profitWei: number;
}

/** The gaps of the head that earn more than `gasCost`, each pool in one only: a second gap of a pool is another one once the first is closed. */
async function worthwhileGaps(net: InProcessLocalnet, gasCost: number): Promise<RealGap[]> {
  const { pools } = net.traders;
  const states = await readPoolStates(net.rpc, net.loaded.contracts, pools);
  const sides = pools.map((pool, index) => {
    const { reserve0 = 0n, reserve1 = 0n } = states[index] ?? {};
    return { token0: pool.token0, token1: pool.token1, reserve0: Number(reserve0), reserve1: Number(reserve1) };
  });
  const prices = nativePricesApprox(net.chain.wrappedNative, sides);
  const found: RealGap[] = [];
  const touched = new Set<Address>();
  for (const gap of gapsOf(pools, states, prices)) {
    if (gap.profitWeiApprox <= gasCost || found.length === GAPS_PER_BLOCK_MAX) break;
    if (touched.has(gap.buy.address) || touched.has(gap.sell.address)) continue;
    const real = await realise(net, gap, prices);
    if (real === undefined || real.profitWei <= gasCost) continue;
    found.push(real);
    touched.add(gap.buy.address).add(gap.sell.address);
  }
  return found;
}

async function close(net: InProcessLocalnet, gaps: readonly RealGap[]): Promise<void> {
  let nonce = Number(await net.rpc.send<string>("eth_getTransactionCount", [CLOSER.address, "latest"]));
  for (const data of gaps.flatMap(({ datas }) => datas)) {
    const { raw } = sign(CLOSER, CHAIN_ID, { nonce: nonce++, to: net.marketContract, data, gasLimit: 900_000n });
    await net.rpc.send("eth_sendRawTransaction", [raw]);
  }
}

async function measure(options: { blocks: number; seed: number; closing: boolean }): Promise<void> {
  const net = await startLocalnet({ seed: options.seed, blockTimeMs: 1000 });
  try {
    await net.fund(CLOSER.address, 10n ** 21n);
    const recorded = await worthwhileGaps(net, ARBITRAGE_GAS * Number(net.builder.head.baseFeePerGas));
    let blocksWithGap = 0;
    let worthwhile = 0;
    const best: number[] = [];
    for (let block = 0; block < options.blocks; block++) {
      const { baseFeePerGas } = await net.mineBlock();
      const gasCost = ARBITRAGE_GAS * Number(baseFeePerGas);
      const gaps = await worthwhileGaps(net, gasCost);
      if (gaps.length > 0) blocksWithGap += 1;
      worthwhile += gaps.length;
      if (gaps.length > 0) best.push((Math.max(...gaps.map(({ profitWei }) => profitWei)) - gasCost) / 1e18);
      if (options.closing) await close(net, gaps);
    }
    best.sort((a, b) => a - b);
    const quantile = (q: number): string => (best[Math.floor(q * (best.length - 1))] ?? 0).toFixed(4);
    console.log(
      `${options.closing ? "closed every block" : "left alone"}: ${blocksWithGap} of ${options.blocks} blocks with a worthwhile gap, ` +
        `${(worthwhile / options.blocks).toFixed(1)} gaps a block, best of a block ${quantile(0.5)} ETH after gas in the median, ${quantile(1)} at most; ` +
        `${recorded.length} worthwhile gaps in the recorded market itself`,
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
