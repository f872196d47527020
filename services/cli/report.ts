import type { Bus } from "#libs/actor/bus.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { balanceChanges, type ReceiptLog } from "#libs/ledger/settlement.ts";
import type { Address } from "#libs/units/brand.ts";
import type { AnyBody, BodyOf, StreamKey } from "#proto/subjects.ts";

/** Nearest-rank; null without samples. Of fewer than a hundred the 99th percentile is the largest one. */
export interface Percentiles {
  readonly samples: number;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface ReportedTrade {
  readonly executionId: string;
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly route: string;
  /** What was borrowed; its profit is in `token`. */
  readonly loanToken: string;
  readonly token: string;
  readonly profit: string;
  readonly netProfitWei: string;
  readonly gasUsed: number;
  /** Transaction, block and Transfer logs were read back from the chain after the run and agree with all of the above. */
  readonly onChain: boolean;
}

export interface Report {
  readonly seed: number | null;
  readonly blocks: number;
  readonly pools: number;
  readonly dexes: number;
  readonly poolsByDex: Readonly<Record<string, number>>;
  readonly cyclesFound: number;
  readonly opportunities: number;
  readonly bundlesSent: number;
  readonly landed: number;
  readonly reverted: number;
  /** Settled profit less gas, wei. */
  readonly profitWei: string;
  /** Settled profit before gas, by token address, raw units. */
  readonly profitByToken: Readonly<Record<string, string>>;
  /** What the balances on the chain say: wrapped native coin of our contract plus native coin of our wallet, end less start. */
  readonly onChainProfitWei: string | null;
  readonly latencyMs: { readonly blockToCycle: Percentiles; readonly blockToBundle: Percentiles };
  readonly deadLetters: number;
  readonly messages: number;
  readonly reorgs: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly expired: number;
  /** Executions that did not land, newest last, at most 50: what stopped each. */
  readonly failures: readonly {
    readonly executionId: string;
    readonly blockNumber: number;
    readonly code: string;
    readonly detail: string;
  }[];
  readonly trades: readonly ReportedTrade[];
}

const FAILURES_LISTED = 50;

function percentiles(samples: readonly number[]): Percentiles {
  if (samples.length === 0) return { samples: 0, min: null, p50: null, p99: null };
  const sorted = [...samples].sort((left, right) => left - right);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
  return { samples: sorted.length, min: sorted[0] as number, p50: at(0.5), p99: at(0.99) };
}

/** Everything that the streams say, folded once. Settlements count per execution and block: a reorganisation voids one. */
export class Tally {
  cyclesFound = 0;
  opportunities = 0;
  expired = 0;
  reorgs = 0;
  readonly blocks = new Set<string>();
  readonly submitted = new Set<string>();
  readonly reverted = new Set<string>();
  readonly failed: Record<string, number> = {};
  readonly failures: { executionId: string; blockNumber: number; code: string; detail: string }[] = [];
  readonly settled = new Map<string, BodyOf<"tradeSettled">>();
  readonly pools = new Map<string, Set<string>>();
  readonly blockToCycleMs: number[] = [];
  readonly blockToBundleMs: number[] = [];
  /** Latencies count from this block on: earlier ones waited for the actors to start. */
  readonly #measuredFrom: number;

  constructor(measuredFrom = 0) {
    this.#measuredFrom = measuredFrom;
  }

  /** Planned, and not yet at an end. */
  readonly open = new Map<string, number>();

  add(body: AnyBody, storedAtMs: number): void {
    switch (body.kind) {
      case "block-observed":
        this.blocks.add(body.blockHash);
        return;
      case "block-reorged":
        this.reorgs++;
        for (const [, hash] of body.dropped) this.blocks.delete(hash);
        return;
      case "pool-discovered": {
        const known = this.pools.get(body.dex) ?? new Set();
        for (const [pool] of body.pools.rows) known.add(pool);
        this.pools.set(body.dex, known);
        return;
      }
      case "cycle-found":
        this.cyclesFound += body.cyclesFound;
        if (body.blockNumber >= this.#measuredFrom) this.blockToCycleMs.push(storedAtMs - body.observedAtMs);
        return;
      case "opportunity-scored":
        this.opportunities += body.opportunities.length;
        return;
      case "execution-planned":
        this.open.set(body.executionId, body.targetBlock);
        return;
      case "execution-submitted":
        this.submitted.add(body.executionId);
        if (body.blockNumber >= this.#measuredFrom) this.blockToBundleMs.push(body.submittedAtMs - body.observedAtMs);
        return;
      case "execution-landed":
        this.open.delete(body.executionId);
        if (body.status === 0) this.reverted.add(body.executionId);
        return;
      case "execution-failed":
        this.open.delete(body.executionId);
        this.failed[body.code] = (this.failed[body.code] ?? 0) + 1;
        this.failures.push({ executionId: body.executionId, blockNumber: body.blockNumber, code: body.code, detail: body.detail });
        return;
      case "execution-expired":
        this.open.delete(body.executionId);
        this.expired++;
        this.failures.push({
          executionId: body.executionId,
          blockNumber: body.blockNumber,
          code: "expired",
          detail: `not in its target block ${body.targetBlock}`,
        });
        return;
      case "execution-reorged":
        if (this.settled.get(body.executionId)?.blockHash === body.blockHash) this.settled.delete(body.executionId);
        this.reverted.delete(body.executionId);
        this.open.set(body.executionId, body.blockNumber);
        return;
      case "trade-settled":
        this.settled.set(body.executionId, body);
        return;
    }
  }
}

async function readTally(
  bus: Bus,
  chain: string,
  {
    measuredFrom = 0,
    streams = ["MARKET", "DECISIONS", "MONEY"],
  }: { readonly measuredFrom?: number; readonly streams?: readonly StreamKey[] },
): Promise<Tally> {
  const tally = new Tally(measuredFrom);
  for (const stream of streams) {
    for await (const message of bus.read(stream, chain)) if (message !== null) tally.add(message.body, message.meta.storedAtMs);
  }
  return tally;
}

/** How many executions have not come to their end. Of MONEY alone: the other streams of a long run take seconds to read. */
export async function countOpen(bus: Bus, chain: string): Promise<number> {
  return (await readTally(bus, chain, { streams: ["MONEY"] })).open.size;
}

/** Raw units of a token. */
export async function balanceOf(client: Rpc, token: Address, holder: Address): Promise<bigint> {
  // balanceOf(address)
  const data = `0x70a08231${holder.slice(2).padStart(64, "0")}`;
  return uintAt(await client.send<string>("eth_call", [{ to: token, data }, "latest"]), 0);
}

/** What our contract and wallet hold, in wei: the wrapped native coin of one, the native coin of the other. */
export async function holdings(client: Rpc, chain: ChainConfig, wallet: Address): Promise<bigint> {
  const [wrapped, native] = await Promise.all([
    balanceOf(client, chain.wrappedNative, chain.executorContract as Address),
    client.send<string>("eth_getBalance", [wallet, "latest"]),
  ]);
  return wrapped + BigInt(native);
}

async function isOnChain(client: Rpc, trade: BodyOf<"tradeSettled">): Promise<boolean> {
  const [receipt, block] = await Promise.all([
    client.send<{ blockHash: string; blockNumber: string; status: string; gasUsed: string; logs: ReceiptLog[] } | null>(
      "eth_getTransactionReceipt",
      [trade.transactionHash],
    ),
    client.send<{ hash: string; transactions: string[] } | null>("eth_getBlockByNumber", [`0x${trade.blockNumber.toString(16)}`, false]),
  ]);
  return (
    receipt !== null &&
    block !== null &&
    block.hash === trade.blockHash &&
    block.transactions.includes(trade.transactionHash) &&
    receipt.blockHash === trade.blockHash &&
    Number(receipt.gasUsed) === trade.gasUsed &&
    (balanceChanges(receipt.logs, trade.contract).get(trade.token) ?? 0n) === BigInt(trade.profit)
  );
}

export interface ReportInput {
  readonly bus: Bus;
  readonly chain: ChainConfig;
  readonly client: Rpc;
  readonly seed: number | null;
  /** First block that came when every actor was ready. */
  readonly measuredFrom: number;
  /** Holdings at the start and the wallet they are of; null where nothing can be earned (paper mode). */
  readonly earnings: { readonly wallet: Address; readonly before: bigint } | null;
}

/** The report of a run, from what the streams hold and what the chain says. */
export async function makeReport({ bus, chain, client, seed, measuredFrom, earnings }: ReportInput): Promise<Report> {
  const tally = await readTally(bus, chain.key, { measuredFrom });
  const trades: ReportedTrade[] = [];
  const profitByToken: Record<string, string> = {};
  let profitWei = 0n;
  for (const trade of tally.settled.values()) {
    profitWei += BigInt(trade.netProfit);
    profitByToken[trade.token] = (BigInt(profitByToken[trade.token] ?? 0) + BigInt(trade.profit)).toString();
    trades.push({
      executionId: trade.executionId,
      transactionHash: trade.transactionHash,
      blockNumber: trade.blockNumber,
      blockHash: trade.blockHash,
      route: trade.candidate.hops.map(({ dex, pool }) => `${dex}:${pool}`).join(" → "),
      loanToken: trade.candidate.token,
      token: trade.token,
      profit: trade.profit,
      netProfitWei: trade.netProfit,
      gasUsed: trade.gasUsed,
      onChain: await isOnChain(client, trade),
    });
  }
  const counts = await Promise.all((["MARKET", "DECISIONS", "MONEY"] as const).map((stream) => bus.countMessages(stream, chain.key)));
  return {
    seed,
    blocks: tally.blocks.size,
    pools: [...tally.pools.values()].reduce((sum, pools) => sum + pools.size, 0),
    dexes: tally.pools.size,
    poolsByDex: Object.fromEntries([...tally.pools].map(([dex, pools]) => [dex, pools.size])),
    cyclesFound: tally.cyclesFound,
    opportunities: tally.opportunities,
    bundlesSent: tally.submitted.size,
    landed: tally.settled.size - tally.reverted.size,
    reverted: tally.reverted.size,
    profitWei: profitWei.toString(),
    profitByToken,
    onChainProfitWei: earnings === null ? null : ((await holdings(client, chain, earnings.wallet)) - earnings.before).toString(),
    latencyMs: { blockToCycle: percentiles(tally.blockToCycleMs), blockToBundle: percentiles(tally.blockToBundleMs) },
    deadLetters: await bus.countDeadLetters(),
    messages: counts.reduce((sum, messages) => sum + messages, 0),
    reorgs: tally.reorgs,
    failed: tally.failed,
    expired: tally.expired,
    failures: tally.failures.slice(-FAILURES_LISTED),
    trades,
  };
}
