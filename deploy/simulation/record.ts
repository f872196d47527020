import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Delays } from "#libs/rivals/rules.ts";

/**
 * Makes data/recorded.json, the distributions that the rules of records.ts draw from, out of recorded arbitrages:
 *
 *     node deploy/simulation/record.ts <folder of the recorded files> [file to write]
 *
 * The files, gzipped, are what the sources in `SOURCES` hold, a JSON object or a line of CSV for each record:
 *
 * - `arbitrages/arbitrum-2023-early.jsonl.gz`: executed arbitrages with their swaps, `gainEth` and `costEth` (gas, and fees of loans);
 * - `arbitrages/triggers-early.jsonl.gz`: an arbitrage and the swap that opened its chance; `blocksApart` is null where none was found within 100 blocks;
 * - `blocks/ethereum-blocks-a.jsonl.gz`: whole blocks: transactions, swaps in order, and the transactions among them that leave no token short;
 * - `gas/ethereum-*.csv.gz`: what the bundles of a block paid, as gas and directly.
 */

const SOURCES = [
  {
    repository: "https://github.com/christoftorres/Rolling-in-the-Shadows",
    commit: "79d31e0a07b702b5eabb849ac5d513863cad8bb3",
    paths: [
      "data/mev/arbitrage/arbitrum/mev_arbitrage_results_350.json",
      "data/mev/opportunities/arbitrage/arbitrum/mev_arbitrage_opportunities_175.json",
      "data/mev/opportunities/arbitrage/ethereum/mev_arbitrage_opportunities_141.json",
    ],
    licence: "MIT",
    what: "the first three fifths of the arbitrages of each file, in the order of time",
  },
  {
    repository: "https://github.com/flashbots/mev-inspect-py",
    commit: "ce8179f",
    paths: ["tests/blocks/*.json"],
    licence: "MIT",
    what: "13 blocks of Ethereum with their swaps and arbitrages",
  },
  {
    repository: "https://github.com/SciEcon/EIP1559",
    commit: "4721751835163565f1a4ac6e50c53656a97441f3",
    paths: ["Data/MEVdata"],
    licence: "MIT",
    what: "blocks 12,890,000 to 12,909,999 and 13,090,000 to 13,109,999 of Ethereum",
  },
] as const;

/** Contracts that are told apart: with fewer arbitrages little can be said of one. */
const LEAST_OF_A_CONTRACT = 20;
/** A family counts as used by a contract that does so many of its swaps there: routes have odd ends. */
const LEAST_SHARE_OF_SWAPS = 0.05;
/** Pools of less on the side of the native coin are no market that anybody makes here: wei. */
const LEAST_DEPTH = 30e18;
/** Quantiles at 0, 0.05, … 1. */
const STEPS = 20;
const WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

export interface Trigger {
  readonly chain: string;
  readonly arbHash: string;
  readonly arbTxIndex: number;
  readonly openedTxIndex: number;
  readonly blocksApart: number | null;
}

export interface Arbitrage {
  readonly hash: string;
  readonly block: number;
  readonly to: string;
  readonly gainEth: number | null;
  readonly costEth: number;
  readonly cycles: readonly {
    readonly swaps: readonly { readonly protocol: string; readonly pool: string; readonly tokenIn: string }[];
  }[];
}

interface Swap {
  readonly hash: string;
  readonly pool: string;
  readonly kind: "v2" | "v3";
  readonly ok: boolean;
  readonly token0: string;
  readonly token1: string;
  readonly amount0In: string;
  readonly amount1In: string;
  readonly reserve0Before?: string;
  readonly reserve1Before?: string;
}

export interface WholeBlock {
  readonly baseFeePerGas: string;
  readonly transactions: readonly { readonly hash: string; readonly gasUsed: number; readonly effectiveGasPrice: string }[];
  readonly swaps: readonly Swap[];
  readonly cycles: readonly {
    readonly hash: string;
    readonly swapIndexes: readonly number[];
    readonly net: Readonly<Record<string, string>>;
  }[];
}

/** A line of the CSV files. */
export interface BundleFees {
  readonly bundleFeesWei: bigint;
  readonly bundleCoinbaseTransferWei: bigint;
}

const four = (value: number): number => Number(value.toPrecision(4));

/** At 0, 1/STEPS, … 1, each a value that was seen; four digits. None of nothing. */
export function quantiles(values: readonly number[], steps = STEPS): readonly number[] {
  if (values.length === 0) return [];
  const sorted = [...values].sort((left, right) => left - right);
  return Array.from({ length: steps + 1 }, (_, step) => four(sorted[Math.round((step / steps) * (sorted.length - 1))] as number));
}

export function delaysOf(triggers: readonly Pick<Trigger, "blocksApart">[]): Delays {
  const times = new Map<number, number>();
  for (const { blocksApart } of triggers) if (blocksApart !== null) times.set(blocksApart, (times.get(blocksApart) ?? 0) + 1);
  return {
    none: triggers.filter(({ blocksApart }) => blocksApart === null).length,
    counts: [...times].sort(([left], [right]) => left - right),
  };
}

const swapsOf = ({ cycles }: Arbitrage) => cycles.flatMap(({ swaps }) => swaps);

function countsBy<Item>(items: Iterable<Item>): ReadonlyMap<Item, number> {
  const counts = new Map<Item, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** What a contract has been seen to do. `paidShares`: cost ÷ gain, of those that earned more than they cost. */
function contractOf(
  contract: string,
  own: readonly Arbitrage[],
  all: { readonly tokens: number; readonly triggers: ReadonlyMap<string, Trigger> },
) {
  const swaps = own.flatMap(swapsOf);
  const share = (protocol: string) => swaps.filter((swap) => swap.protocol === protocol).length / swaps.length;
  const paid = own.flatMap(({ gainEth, costEth }) => (gainEth !== null && gainEth > 0 ? [costEth / gainEth] : []));
  const tokens = new Set(swaps.map(({ tokenIn }) => tokenIn)).size;
  return {
    contract,
    arbitrages: own.length,
    tokens,
    tokenShare: four(tokens / all.tokens),
    pools: new Set(swaps.map(({ pool }) => pool)).size,
    protocols: ["Uniswap V2", "Uniswap V3"].filter((protocol) => share(protocol) >= LEAST_SHARE_OF_SWAPS),
    mostHops: quantile(
      own.flatMap(({ cycles }) => cycles.map((cycle) => cycle.swaps.length)),
      0.95,
    ),
    leastGainToCost: four(
      quantile(
        paid.map((each) => 1 / each),
        0.1,
      ),
    ),
    paidShares: quantiles(paid.filter((each) => each < 1)),
    delays: delaysOf(own.flatMap(({ hash }) => all.triggers.get(hash) ?? [])),
  };
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((left, right) => left - right)[Math.round(share * (values.length - 1))] as number;
}

/** Of all swaps in arbitrages, those in the busiest hundredth, twentieth … of the pools that were seen. */
function concentrationOf(arbitrages: readonly Arbitrage[]): Readonly<Record<string, number>> {
  const counts = [...countsBy(arbitrages.flatMap(swapsOf).map(({ pool }) => pool)).values()].sort((left, right) => right - left);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const top = (share: number) => counts.slice(0, Math.ceil(share * counts.length)).reduce((sum, count) => sum + count, 0) / all;
  return { pools: counts.length, ...Object.fromEntries([0.01, 0.05, 0.1, 0.25].map((share) => [share, four(top(share))])) };
}

/** Amount in ÷ reserve, of swaps in pairs that belong to no arbitrage and were done. */
function sharesOf({ swaps, cycles }: WholeBlock): { readonly all: number[]; readonly openers: number[] } {
  const theirs = new Set(cycles.map(({ hash }) => hash));
  const shareOf = (swap: Swap): number | null => {
    const { kind, ok, hash, amount0In, amount1In, reserve0Before, reserve1Before } = swap;
    if (kind !== "v2" || !ok || theirs.has(hash) || reserve0Before === undefined || reserve1Before === undefined) return null;
    const isFirst = BigInt(amount0In) > 0n;
    const reserve = Number(isFirst ? reserve0Before : reserve1Before);
    return reserve > 0 ? Number(isFirst ? amount0In : amount1In) / reserve : null;
  };
  const isDeep = ({ token0, token1, reserve0Before, reserve1Before }: Swap) =>
    (token0 === WETH && Number(reserve0Before) > LEAST_DEPTH) || (token1 === WETH && Number(reserve1Before) > LEAST_DEPTH);
  return {
    all: swaps.flatMap((swap) => (isDeep(swap) ? (shareOf(swap) ?? []) : [])),
    openers: cycles.flatMap(({ swapIndexes }) => {
      const [first = 0] = swapIndexes;
      const pools = new Set(swapIndexes.map((index) => swaps[index]?.pool));
      const before = swaps.slice(0, first).flatMap((swap) => (pools.has(swap.pool) ? (shareOf(swap) ?? []) : []));
      return before.slice(-1);
    }),
  };
}

/**
 * Of what the native coin's arbitrages of a block gained, the share that they paid as gas; only where the record has both. What was paid to the miner
 * directly is not in it: those that paid no more than the base fee are left out, and the others may have paid more than this.
 */
const paidOf = ({ baseFeePerGas, transactions, cycles }: WholeBlock): number[] =>
  cycles.flatMap(({ hash, net }) => {
    const paid = transactions.find((transaction) => transaction.hash === hash);
    const gain = Number(net[WETH] ?? 0);
    // Older blocks' gas is not in the record.
    return paid === undefined || paid.gasUsed < 21_000 || BigInt(paid.effectiveGasPrice) <= BigInt(baseFeePerGas) || gain <= 0
      ? []
      : [four((paid.gasUsed * Number(paid.effectiveGasPrice)) / gain)];
  });

function bundlesOf(fees: readonly BundleFees[]) {
  const sums = fees.map(({ bundleFeesWei, bundleCoinbaseTransferWei }) => Number(bundleFeesWei + bundleCoinbaseTransferWei) / 1e18);
  const paid = sums.filter((sum) => sum > 0);
  return { blocks: fees.length, withBundles: paid.length, paidEth: quantiles(paid) };
}

export interface Records {
  readonly triggers: readonly Trigger[];
  readonly arbitrages: readonly Arbitrage[];
  readonly blocks: readonly WholeBlock[];
  /** Before London, and after. */
  readonly bundles: readonly (readonly BundleFees[])[];
}

export function recordedOf({ triggers, arbitrages, blocks, bundles }: Records) {
  const of = (chain: string) => triggers.filter((trigger) => trigger.chain === chain);
  const byHash = new Map(triggers.map((trigger) => [trigger.arbHash, trigger]));
  const byContract = Map.groupBy(arbitrages, ({ to }) => to);
  const tokens = new Set(arbitrages.flatMap(swapsOf).map(({ tokenIn }) => tokenIn)).size;
  const known = arbitrages.filter(({ gainEth }) => gainEth !== null && gainEth > 0);
  const backruns = of("ethereum").filter(({ blocksApart }) => blocksApart === 0);
  const moved = blocks.map(sharesOf);
  return {
    format: 1,
    sources: SOURCES,
    arbitrum: {
      arbitrages: arbitrages.length,
      tokens,
      hops: Object.fromEntries(
        [...countsBy(arbitrages.flatMap(({ cycles }) => cycles.map(({ swaps }) => swaps.length)))].sort(([left], [right]) => left - right),
      ),
      gainEth: quantiles(known.map(({ gainEth }) => gainEth as number)),
      gainToCost: quantiles(known.map(({ gainEth, costEth }) => (gainEth as number) / costEth)),
      pools: concentrationOf(arbitrages),
      delays: delaysOf(of("arbitrum")),
      contracts: [...byContract]
        .filter(([, own]) => own.length >= LEAST_OF_A_CONTRACT)
        .sort(([left, leftOwn], [right, rightOwn]) => rightOwn.length - leftOwn.length || (left < right ? -1 : 1))
        .map(([contract, own]) => contractOf(contract, own, { tokens, triggers: byHash })),
    },
    ethereum: {
      delays: delaysOf(of("ethereum")),
      /** Of those in the block of the opening, in the transaction behind it. */
      directlyBehind: backruns.filter(({ arbTxIndex, openedTxIndex }) => arbTxIndex === openedTxIndex + 1).length,
      paidShares: blocks.flatMap(paidOf).sort((left, right) => left - right),
      swaps: moved.flatMap(({ all }) => all).length,
      swapShares: quantiles(
        moved.flatMap(({ all }) => all),
        100,
      ),
      openerShares: moved
        .flatMap(({ openers }) => openers)
        .map(four)
        .sort((left, right) => left - right),
      bundles: bundles.map(bundlesOf),
    },
  };
}

export type Recorded = ReturnType<typeof recordedOf>;

function read(folder: string): Records {
  const text = (file: string) =>
    gunzipSync(readFileSync(join(folder, file)))
      .toString("utf8")
      .trim()
      .split("\n");
  const lines = <Row>(file: string) => text(file).map((line) => JSON.parse(line) as Row);
  const fees = (file: string) => {
    const [head = "", ...rows] = text(file);
    const [ofFees, ofTransfers] = ["bundleFeesWei", "bundleCoinbaseTransferWei"].map((column) => head.split(",").indexOf(column));
    return rows.map((row): BundleFees => {
      const cells = row.split(",");
      return {
        bundleFeesWei: BigInt(cells[ofFees as number] as string),
        bundleCoinbaseTransferWei: BigInt(cells[ofTransfers as number] as string),
      };
    });
  };
  return {
    triggers: lines("arbitrages/triggers-early.jsonl.gz"),
    arbitrages: lines("arbitrages/arbitrum-2023-early.jsonl.gz"),
    blocks: lines("blocks/ethereum-blocks-a.jsonl.gz"),
    bundles: [fees("gas/ethereum-12890000-12909999.csv.gz"), fees("gas/ethereum-13090000-13109999.csv.gz")],
  };
}

if (import.meta.main) {
  const [folder, file = join(import.meta.dirname, "data", "recorded.json")] = process.argv.slice(2);
  if (folder === undefined) throw new TypeError("node deploy/simulation/record.ts <folder of the recorded files> [file to write]");
  // Numbers of a list on one line.
  const text = JSON.stringify(recordedOf(read(folder)), null, 2).replaceAll(/\[[-\d.,e\s[\]]+\]/g, (list) => list.replaceAll(/\s+/g, ""));
  writeFileSync(file, `${text}\n`);
}
