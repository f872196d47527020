/** A world for tests of the executor: a chain of blocks, rankings on them, and a node, relay and stream that do as they are told. */

import { AbiCoder, id } from "ethers";
import type { Effect, Input, Publish, Received } from "#libs/actor/actor.ts";
import { calls, drive, published, received } from "#libs/actor/testing.ts";
import type { ReceiptLog } from "#libs/ledger/settlement.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import { NOT_EVALUATED, UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import type { AnyBody, BodyOf } from "#proto/subjects.ts";
import {
  type Config,
  executor,
  fold,
  initialState,
  type Keys,
  type Receipt,
  type Reply,
  type Request,
  type State,
} from "#services/executor/actor.ts";

export const addressOf = (value: number): Address => asAddress(`0x${value.toString(16).padStart(40, "0")}`);
export const hashOf = (name: string): string => `0x${Buffer.from(name).toString("hex").padStart(64, "0")}`;
const topicOf = (address: string): string => `0x${address.slice(2).padStart(64, "0")}`;
const word = (...values: readonly bigint[]): string =>
  AbiCoder.defaultAbiCoder().encode(
    values.map(() => "uint256"),
    values,
  );

export const WALLET = addressOf(0xaa11e7);
export const CONTRACT = addressOf(0xc0de);
export const WETH = addressOf(0xee);
export const USD = addressOf(0xdd);
const POOL = addressOf(0xb001);

export const config: Config = {
  chain: "local",
  chainId: 31337,
  mode: "live",
  wallet: WALLET,
  contract: CONTRACT,
  wrappedNative: WETH,
  leaseEpoch: 4,
  blockSeconds: 12,
  reorgBlocks: 128,
  comebackBlocks: 4,
};

/** Borrows 1,000 WETH-wei, sells them for 500 of USD and those for 1,000 + grossProfit. */
export function candidateOf(index: number, grossProfit = 10_000_000n): Candidate {
  const amountOut = (1_000n + grossProfit).toString();
  const hop = { dex: "dex", family: "uniswap-v2" as const };
  return {
    cycleId: index.toString(16).padStart(16, "0"),
    token: WETH,
    amountIn: "1000",
    amountOut,
    grossProfit: grossProfit.toString(),
    gasEstimate: 150_000,
    hops: [
      {
        ...hop,
        pool: addressOf(0xb000 + index),
        call: { form: "v2", zeroForOne: false },
        tokenIn: WETH,
        tokenOut: USD,
        amountIn: "1000",
        amountOut: "500",
      },
      {
        ...hop,
        pool: addressOf(0xb100 + index),
        call: { form: "v2", zeroForOne: true },
        tokenIn: USD,
        tokenOut: WETH,
        amountIn: "500",
        amountOut,
      },
    ],
  };
}

/** Borrows 500 of USD, sells them for 1,000 WETH-wei and those for 700, and the 200 that are left for grossProfit. */
export function soldCandidateOf(index: number, grossProfit = 10_000_000n): Candidate {
  const base = candidateOf(index, grossProfit);
  const [out, back] = base.hops as [Hop, Hop];
  return {
    ...base,
    token: USD,
    profitToken: WETH,
    amountIn: "500",
    amountOut: "700",
    hops: [
      { ...back, amountIn: "500", amountOut: "1000" },
      { ...out, amountIn: "1000", amountOut: "700" },
      { ...back, pool: addressOf(0xb200 + index), amountIn: "200", amountOut: grossProfit.toString() },
    ],
  };
}

export const transferLog = (token: string, from: string, to: string, amount: bigint): ReceiptLog => ({
  address: token,
  topics: [id("Transfer(address,address,uint256)"), topicOf(from), topicOf(to)],
  data: word(amount),
});
export const withdrawalLog = (token: string, holder: string, amount: bigint): ReceiptLog => ({
  address: token,
  topics: [id("Withdrawal(address,uint256)"), topicOf(holder)],
  data: word(amount),
});
export const executedLog = (executionId: string, token: string, profit: bigint, builderPayment: bigint): ReceiptLog => ({
  address: CONTRACT,
  topics: [id("Executed(bytes32,address,uint256,uint256)"), executionId, topicOf(token)],
  data: word(profit, builderPayment),
});

/** The logs of what `soldCandidateOf` promises, with so many WETH-wei out of the sale. */
export function soldTradeLogs(kept: bigint): ReceiptLog[] {
  const vault = addressOf(0x7a07);
  return [
    transferLog(USD, vault, CONTRACT, 500n),
    transferLog(USD, CONTRACT, POOL, 500n),
    transferLog(WETH, POOL, CONTRACT, 1_000n),
    transferLog(WETH, CONTRACT, POOL, 1_000n),
    transferLog(USD, POOL, CONTRACT, 700n),
    transferLog(USD, CONTRACT, POOL, 200n),
    transferLog(WETH, POOL, CONTRACT, kept),
    transferLog(USD, CONTRACT, vault, 500n),
  ];
}

/** The logs of a trade as the contract does it: loan, two swaps, loan back; `kept` is left. */
export function tradeLogs(kept: bigint): ReceiptLog[] {
  const vault = addressOf(0x7a07);
  return [
    transferLog(WETH, vault, CONTRACT, 1_000n),
    transferLog(WETH, CONTRACT, POOL, 1_000n),
    transferLog(USD, POOL, CONTRACT, 500n),
    transferLog(USD, CONTRACT, POOL, 500n),
    transferLog(WETH, POOL, CONTRACT, 1_000n + kept),
    transferLog(WETH, CONTRACT, vault, 1_000n),
  ];
}

export interface TestBlock {
  readonly number: number;
  readonly hash: string;
}
type Effects = readonly Effect<Request>[];

/** An executor, with everything around it in the test's hands. */
export class Bench {
  readonly config: Config;
  core: ReturnType<typeof drive<State, Config, Keys, Request, Reply>>;
  /** Every message about blocks so far: what a restarted executor follows from the start again. */
  readonly #market: Received<"blockObserved" | "blockReorged">[] = [];
  /** What its stream has stored: a message whose id is there already is not stored again. */
  readonly stored: { readonly id: string; readonly body: AnyBody }[] = [];
  /** Calls that have not been answered. */
  asked: Request[] = [];
  epoch = 0;
  #sequence = 0;

  constructor(options: Partial<Config> = {}, state: State = initialState(7)) {
    this.config = { ...config, ...options };
    this.core = drive(executor, this.config, state);
  }

  give(input: Input<Keys, Reply>): Effects {
    const effects = this.core.give(input);
    this.asked.push(...calls(effects));
    for (const { key, body, messageId } of published(effects)) {
      // Every message is one that can be sent.
      encode(key, body as never);
      if (!this.stored.some(({ id: known }) => known === messageId)) this.stored.push({ id: messageId, body });
    }
    return effects;
  }

  block({ number, hash }: TestBlock): Effects {
    const body: BodyOf<"blockObserved"> = {
      kind: "block-observed",
      v: 1,
      chainId: 31337,
      blockNumber: number,
      blockHash: hash,
      observedAtMs: 1_000 * number,
      causeId: null,
      parentHash: hashOf("?"),
      epoch: this.epoch,
      timestamp: number,
      baseFeePerGas: "8",
      gasUsed: 1,
      gasLimit: 2,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [],
    };
    return this.#follow(received("blockObserved", body, { sequence: ++this.#sequence }));
  }

  reorg(to: TestBlock, dropped: readonly TestBlock[]): Effects {
    const body: BodyOf<"blockReorged"> = {
      kind: "block-reorged",
      v: 1,
      chainId: 31337,
      blockNumber: to.number,
      blockHash: to.hash,
      observedAtMs: 1_000 * to.number,
      causeId: null,
      epoch: ++this.epoch,
      dropped: dropped.map(({ number, hash }) => [number, hash]),
    };
    return this.#follow(received("blockReorged", body, { sequence: ++this.#sequence }));
  }

  #follow(message: Received<"blockObserved" | "blockReorged">): Effects {
    this.#market.push(message);
    return this.give(message);
  }

  /** Killed and started again: what was asked is never answered, and of what it was about to store the last `lost` events are not there. */
  restart(nonce: number, lost = 0): void {
    if (lost > 0) this.stored.splice(-lost);
    this.asked = [];
    this.core = drive(executor, this.config, { ...this.rebuilt(), nonce });
    for (const message of this.#market) this.give(message);
  }

  rank({ number, hash }: TestBlock, candidates: readonly Candidate[] = [candidateOf(1)], epoch = this.epoch): Effects {
    const place = { chainId: 31337, blockNumber: number, blockHash: hash, observedAtMs: 1_000 * number, epoch };
    const found: BodyOf<"cycleFound"> = {
      kind: "cycle-found",
      v: 1,
      ...place,
      causeId: null,
      timestamp: number,
      baseFeePerGas: "10",
      dexes: ["dex"],
      lateDexes: [],
      cyclesFound: candidates.length,
      candidates: [...candidates],
    };
    const causeId = `cycles:${hash}:${epoch}`;
    const causeSequence = ++this.#sequence;
    const before = this.give(received("cycleFound", found, { sequence: causeSequence, id: causeId, stream: "DECISIONS" }));
    const body: BodyOf<"opportunityScored"> = {
      kind: "opportunity-scored",
      v: 1,
      ...place,
      causeId,
      causeSequence,
      ...UNTAUGHT,
      maxNextBaseFeePerGas: "10",
      priorityFeePerGas: "2",
      opportunities: candidates.map(({ cycleId }, rank) => ({
        cycleId,
        gasCost: "1800000",
        netProfit: "8200000",
        rank,
        evaluation: NOT_EVALUATED,
      })),
      rejected: [],
    };
    const sequence = ++this.#sequence;
    return [
      ...before,
      ...this.give(received("opportunityScored", body, { sequence, id: `opportunities:${hash}:${epoch}`, stream: "DECISIONS" })),
    ];
  }

  /** Takes the oldest unanswered call of a kind. */
  take<Call extends Request["call"]>(call: Call): Extract<Request, { call: Call }> {
    const request = this.asked.find((each) => each.call === call);
    if (request === undefined)
      throw new Error(`no ${call} was asked for, but ${this.asked.map((each) => each.call).join(", ") || "nothing"}`);
    this.asked = this.asked.filter((each) => each !== request);
    return request as Extract<Request, { call: Call }>;
  }

  simulates(outcome: { readonly gasUsed?: number; readonly fails?: string } = {}): Effects {
    const { executionId } = this.take("simulate").planned;
    if (outcome.fails !== undefined)
      return this.give({ type: "reply", reply: { kind: "simulated", executionId, ok: false, detail: outcome.fails } });
    const transactionHash = this.config.mode === "paper" ? null : transactionOf(executionId);
    return this.give({
      type: "reply",
      reply: { kind: "simulated", executionId, ok: true, gasUsed: outcome.gasUsed ?? 140_000, transactionHash },
    });
  }

  relays(answer: {
    readonly accepted?: readonly string[];
    readonly refused?: readonly string[];
    readonly unanswered?: readonly string[];
  }): Effects {
    const { executionId } = this.take("submit");
    const accepted = (answer.accepted ?? []).map((relay) => ({ relay, bundleHash: hashOf(`bundle ${relay}`), atMs: 5 }));
    return this.give({
      type: "reply",
      reply: { kind: "submitted", executionId, accepted, refused: answer.refused ?? [], unanswered: answer.unanswered ?? [] },
    });
  }

  nonce(nonce: number): Effects {
    this.take("read-nonce");
    return this.give({ type: "reply", reply: { kind: "nonce-read", nonce } });
  }

  receipt(receipt: Receipt | null): Effects {
    const { executionId, at } = this.take("read-receipt");
    return this.give({ type: "reply", reply: { kind: "receipt-read", executionId, receipt, at } });
  }

  /** Planned on this block, simulated and with a relay. */
  send(on: TestBlock, candidates?: readonly Candidate[]): BodyOf<"executionPlanned"> {
    this.block(on);
    const [planned] = published(this.rank(on, candidates));
    this.simulates();
    if (this.config.mode === "live") this.relays({ accepted: ["relay"] });
    return planned?.body as BodyOf<"executionPlanned">;
  }

  /** What happened, in a word each. */
  story(): string[] {
    return this.stored.map(({ body }) => body.kind.replace("execution-", "").replace("trade-", ""));
  }

  /** What an executor that starts now would make of its stream. */
  rebuilt(nonce: number | null = 7): State {
    return this.stored.reduce((state, { body }) => fold(state, body, this.config), initialState(nonce));
  }
}

export const transactionOf = (executionId: string): string => id(executionId);

export function receiptIn({ number, hash }: TestBlock, options: Partial<Receipt> = {}): Receipt {
  return {
    blockNumber: number,
    blockHash: hash,
    transactionIndex: 0,
    status: 1,
    gasUsed: 140_000,
    effectiveGasPrice: "10",
    logs: tradeLogs(10_000_000n),
    ...options,
  };
}

export const kindsOf = (effects: Effects): string[] => published(effects).map(({ body }) => body.kind);
export const bodyOf = <Kind extends AnyBody["kind"]>(messages: readonly Publish[], kind: Kind): Extract<AnyBody, { kind: Kind }> => {
  const found = messages.find(({ body }) => body.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} among ${messages.map(({ body }) => body.kind).join(", ")}`);
  return found.body as Extract<AnyBody, { kind: Kind }>;
};
