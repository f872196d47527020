import { createHash } from "node:crypto";
import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { encodeExecute, gasLimitOf } from "#libs/contracts/plan.ts";
import { profitTokenOf } from "#libs/ledger/profit-token.ts";
import { balanceChanges, executedEvent, type ReceiptLog } from "#libs/ledger/settlement.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { AnyBody, BodyOf, SubjectKey } from "#proto/subjects.ts";

type Planned = BodyOf<"executionPlanned">;

/** An execution whose end is not known yet. */
export interface Open {
  readonly planned: Planned;
  /** Null until simulated, and for good in paper mode. */
  readonly transactionHash: string | null;
  readonly stage: "planned" | "simulated" | "submitted";
  /** The block with which it is given up: its target, or later for one that a reorganisation threw out and that may come back. */
  readonly watchedUntil: number;
}

/** An execution in a block that may still be dropped. */
export interface Landed {
  readonly planned: Planned;
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly observedAtMs: number;
  /** What it settled, wei; null until its settlement is in the stream. */
  readonly netProfit: bigint | null;
}

/** A block as this actor knows it. `epoch` counts reorganisations: the same block observed again after one is another fact. */
export interface At {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly observedAtMs: number;
  readonly epoch: number;
}

export interface State {
  readonly head: At | null;
  /** Time of the head, seconds; null while only a reorganisation has named it. */
  readonly headTimestamp: number | null;
  /** The latest answers of the search by message id, oldest first: a ranking names its candidates by the one it is of. */
  readonly found: ReadonlyMap<string, readonly Candidate[]>;
  /** The newest ranking and how many of its opportunities have been tried. */
  readonly ranked: { readonly message: Received<"opportunityScored">; readonly tried: number } | null;
  /** Next nonce of the wallet; null while the chain is being asked. */
  readonly nonce: number | null;
  readonly open: ReadonlyMap<string, Open>;
  readonly landed: ReadonlyMap<string, Landed>;
  /** Settled since the stream began and not void, wei. */
  readonly netProfit: bigint;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly mode: Mode;
  readonly wallet: Address;
  readonly contract: Address;
  readonly wrappedNative: Address;
  readonly leaseEpoch: number;
  /** Expected seconds from a block to the next. */
  readonly blockSeconds: number;
  /** As long as a landed transaction can be dropped again. */
  readonly reorgBlocks: number;
  /** So many blocks a transaction that was thrown out is watched for: nodes put it back into their pools. */
  readonly comebackBlocks: number;
}

export interface Receipt {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly transactionIndex: number;
  readonly status: 0 | 1;
  readonly gasUsed: number;
  readonly effectiveGasPrice: string;
  readonly logs: readonly ReceiptLog[];
}

export type Keys = "blockObserved" | "blockReorged" | "cycleFound" | "opportunityScored";
export type Request =
  /** `timestamp`: when the target block is expected, seconds; null where its parent's time is not known. Fees may depend on it. */
  | { readonly call: "simulate"; readonly planned: Planned; readonly timestamp: number | null }
  | { readonly call: "submit"; readonly executionId: string; readonly targetBlock: number }
  | {
      readonly call: "read-receipt";
      readonly executionId: string;
      readonly transactionHash: string;
      readonly at: At;
    }
  | { readonly call: "read-nonce" };
export type Reply =
  | {
      readonly kind: "simulated";
      readonly executionId: string;
      readonly ok: true;
      readonly gasUsed: number;
      readonly transactionHash: string | null;
    }
  | { readonly kind: "simulated"; readonly executionId: string; readonly ok: false; readonly detail: string }
  | {
      readonly kind: "submitted";
      readonly executionId: string;
      readonly accepted: readonly { readonly relay: string; readonly bundleHash: string; readonly atMs: number }[];
      readonly refused: readonly string[];
      /** Relays of which nobody knows whether they took it. */
      readonly unanswered: readonly string[];
    }
  | {
      readonly kind: "receipt-read";
      readonly executionId: string;
      readonly receipt: Receipt | null;
      readonly at: At;
    }
  | { readonly kind: "nonce-read"; readonly nonce: number };

/** Opportunities of one block tried in turn when a simulation fails: a fourth would come too late. */
const MAX_TRIES = 3;
/** A ranking further behind the search than this is of a block that has passed. */
const KEPT_ANSWERS = 8;

export function initialState(nonce: number | null): State {
  return { head: null, headTimestamp: null, found: new Map(), ranked: null, nonce, open: new Map(), landed: new Map(), netProfit: 0n };
}

/**
 * One attempt at one opportunity: the same block, cycle and wallet give the same id, so a repeat is recognised everywhere. The same block observed again after a
 * reorganisation is another fact, and an attempt on it another execution.
 */
export function executionIdOf(wallet: string, at: { readonly blockHash: string; readonly epoch: number }, cycleId: string): string {
  return `0x${createHash("sha256").update(`${wallet}:${at.blockHash}:${at.epoch}:${cycleId}`).digest("hex")}`;
}

/** What an event of this wallet's own stream does to its state: the only way in which the state changes, live or in a replay. */
export function fold(state: State, body: AnyBody, config: Pick<Config, "reorgBlocks" | "comebackBlocks">): State {
  const open = new Map(state.open);
  const landed = new Map(state.landed);
  switch (body.kind) {
    case "execution-planned":
      open.set(body.executionId, { planned: body, transactionHash: null, stage: "planned", watchedUntil: body.targetBlock });
      return { ...state, open };
    case "execution-simulated":
    case "execution-submitted": {
      const known = open.get(body.executionId);
      if (known === undefined) return state;
      open.set(body.executionId, {
        ...known,
        stage: body.kind === "execution-simulated" ? "simulated" : "submitted",
        transactionHash: body.transactionHash,
      });
      return { ...state, open };
    }
    case "execution-failed":
    case "execution-expired":
      open.delete(body.executionId);
      return { ...state, open };
    case "execution-landed": {
      const known = open.get(body.executionId);
      if (known === undefined) return state;
      open.delete(body.executionId);
      const { blockNumber, blockHash, observedAtMs, transactionHash } = body;
      landed.set(body.executionId, { planned: known.planned, transactionHash, blockNumber, blockHash, observedAtMs, netProfit: null });
      for (const [id, entry] of landed) if (entry.blockNumber < blockNumber - config.reorgBlocks) landed.delete(id);
      return { ...state, open, landed, nonce: state.nonce === null ? null : Math.max(state.nonce, known.planned.nonce + 1) };
    }
    case "execution-reorged": {
      const known = landed.get(body.executionId);
      if (known === undefined || known.blockHash !== body.blockHash) return state;
      landed.delete(body.executionId);
      open.set(body.executionId, {
        planned: known.planned,
        transactionHash: known.transactionHash,
        stage: "submitted",
        watchedUntil: known.blockNumber + config.comebackBlocks,
      });
      return { ...state, open, landed, nonce: null, netProfit: state.netProfit - (known.netProfit ?? 0n) };
    }
    case "trade-settled": {
      const known = landed.get(body.executionId);
      if (known === undefined || known.netProfit !== null) return state;
      const netProfit = BigInt(body.netProfit);
      landed.set(body.executionId, { ...known, netProfit });
      return { ...state, landed, netProfit: state.netProfit + netProfit };
    }
    default:
      return state;
  }
}

/** Scorers work side by side: a ranking may come after that of a later block, or twice. */
function isNewer({ body }: Received<"opportunityScored">, than: Received<"opportunityScored"> | undefined): boolean {
  if (than === undefined || body.epoch !== than.body.epoch) return than === undefined || body.epoch > than.body.epoch;
  return body.blockNumber > than.body.blockNumber;
}

function withAnswer(found: State["found"], { body, meta }: Received<"cycleFound">): State["found"] {
  return new Map([...found, [meta.id, body.candidates] as const].slice(-KEPT_ANSWERS));
}

interface Turn {
  state: State;
  readonly effects: Effect<Request>[];
}

/** Plans, simulates, sends and settles: every step is an event in its own stream before the next is taken. */
export const executor: Actor<State, Config, Keys, Request, Reply> = {
  name: "executor",
  decide(state, input, config) {
    const turn: Turn = { state, effects: [] };
    if (input.type === "message") {
      if (input.key === "blockObserved") onBlock(turn, input, config);
      else if (input.key === "blockReorged") onReorg(turn, input, config);
      else if (input.key === "cycleFound") turn.state = { ...turn.state, found: withAnswer(turn.state.found, input) };
      else if (isNewer(input, turn.state.ranked?.message)) turn.state = { ...turn.state, ranked: { message: input, tried: 0 } };
    } else if (input.type === "reply") onReply(turn, input.reply, config);
    attempt(turn, config);
    return turn;
  },
};

function say<Key extends SubjectKey>(turn: Turn, config: Config, key: Key, messageId: string, body: BodyOf<Key>): void {
  turn.state = fold(turn.state, body, config);
  turn.effects.push(publish(key, { chain: config.chain, wallet: config.wallet }, messageId, body));
  if (body.kind.startsWith("execution-")) {
    turn.effects.push(
      count("executions", { event: body.kind.slice("execution-".length), code: body.kind === "execution-failed" ? body.code : "" }),
    );
  }
}

function envelope(planned: Planned, config: Config, at: { readonly blockNumber: number; readonly blockHash: string }) {
  return {
    v: 1 as const,
    chainId: config.chainId,
    blockNumber: at.blockNumber,
    blockHash: at.blockHash,
    observedAtMs: planned.observedAtMs,
    causeId: `planned:${planned.executionId}`,
    executionId: planned.executionId,
    cycleId: planned.cycleId,
    wallet: config.wallet,
  };
}

/**
 * Tries the best opportunity that is left, if this is the moment: the ranking rests on the head, no earlier transaction is undecided (its outcome sets the
 * nonce), and none is on its way into the next block.
 */
function attempt(turn: Turn, config: Config): void {
  const { found, ranked, head, nonce, open } = turn.state;
  const best = ranked?.message.body.opportunities[ranked.tried];
  if (ranked === null || best === undefined || ranked.tried >= MAX_TRIES || nonce === null) return;
  const { body, meta } = ranked.message;
  const candidate = found.get(body.causeId ?? "")?.find(({ cycleId }) => cycleId === best.cycleId);
  // Read from between the two: of a block that was there before this actor.
  if (candidate === undefined) return;
  // One that a reorganisation threw out is only watched: it does not hold up new ones.
  if ([...open.values()].some(({ planned }) => planned.targetBlock >= body.blockNumber)) return;
  // A late answer is a wrong answer: the block it rests on is no longer the head, or not even in the chain.
  if (
    head !== null &&
    (head.epoch > body.epoch ||
      head.blockNumber > body.blockNumber ||
      (head.blockNumber === body.blockNumber && head.blockHash !== body.blockHash))
  )
    return;
  const targetBlock = body.blockNumber + 1;
  turn.state = { ...turn.state, ranked: { ...ranked, tried: ranked.tried + 1 } };

  const executionId = executionIdOf(config.wallet, body, candidate.cycleId);
  const planned: Planned = {
    kind: "execution-planned",
    v: 1,
    chainId: config.chainId,
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    observedAtMs: body.observedAtMs,
    causeId: meta.id,
    executionId,
    cycleId: candidate.cycleId,
    wallet: config.wallet,
    mode: config.mode,
    leaseEpoch: config.leaseEpoch,
    targetBlock,
    contract: config.contract,
    calldata: calldataOf(executionId, candidate, BigInt(best.gasCost), targetBlock),
    nonce,
    gasLimit: gasLimitOf(candidate.gasEstimate),
    maxFeePerGas: (BigInt(body.maxNextBaseFeePerGas) + BigInt(body.priorityFeePerGas)).toString(),
    maxPriorityFeePerGas: body.priorityFeePerGas,
    expectedNetProfit: best.netProfit,
    candidate,
  };
  say(turn, config, "executionPlanned", `planned:${executionId}`, planned);
  const timestamp =
    head?.blockHash === body.blockHash && turn.state.headTimestamp !== null ? turn.state.headTimestamp + config.blockSeconds : null;
  turn.effects.push({ type: "call", request: { call: "simulate", planned, timestamp } });
}

/** The contract enforces what makes the trade worth its gas: it reverts unless at least `minProfit` of the profit token is left, which is the wrapped native coin. */
function calldataOf(executionId: string, candidate: Candidate, minProfit: bigint, targetBlock: number): `0x${string}` {
  return encodeExecute({
    executionId,
    loanToken: asAddress(candidate.token),
    loanAmount: BigInt(candidate.amountIn),
    profitToken: asAddress(profitTokenOf(candidate)),
    swaps: candidate.hops.map((hop) => ({
      call: hop.call,
      pool: asAddress(hop.pool),
      tokenIn: asAddress(hop.tokenIn),
      tokenOut: asAddress(hop.tokenOut),
      amountIn: BigInt(hop.amountIn),
      amountOut: BigInt(hop.amountOut),
    })),
    minProfit,
    builderPayment: 0n,
    validUntilBlock: BigInt(targetBlock),
  });
}

function onBlock(turn: Turn, { body }: Received<"blockObserved">, config: Config): void {
  const { blockNumber, blockHash, observedAtMs, epoch } = body;
  const at: At = { blockNumber, blockHash, observedAtMs, epoch };
  turn.state = { ...turn.state, head: at, headTimestamp: body.timestamp };
  if (turn.state.nonce === null) turn.effects.push({ type: "call", request: { call: "read-nonce" } });
  for (const [executionId, { planned, transactionHash, stage }] of turn.state.open) {
    if (blockNumber < planned.targetBlock) continue;
    if (stage === "planned")
      say(turn, config, "executionFailed", `failed:${executionId}`, {
        kind: "execution-failed",
        ...envelope(planned, config, at),
        code: "stale",
        detail: "its block came before its simulation was done",
      });
    else if (transactionHash === null || config.mode !== "live") expire(turn, planned, config, at);
    else turn.effects.push({ type: "call", request: { call: "read-receipt", executionId, transactionHash, at } });
  }
  // Killed between the two events: landed, but not settled.
  for (const [executionId, { transactionHash, netProfit }] of turn.state.landed) {
    if (netProfit === null) turn.effects.push({ type: "call", request: { call: "read-receipt", executionId, transactionHash, at } });
  }
  turn.effects.push({ type: "finished-block", blockNumber });
}

function expire(turn: Turn, planned: Planned, config: Config, at: At): void {
  say(turn, config, "executionExpired", `expired:${planned.executionId}:${at.blockHash}:${at.epoch}`, {
    kind: "execution-expired",
    ...envelope(planned, config, at),
    targetBlock: planned.targetBlock,
  });
}

/** Trades in dropped blocks are void; their transactions may come back in the new branch. */
function onReorg(turn: Turn, { body }: Received<"blockReorged">, config: Config): void {
  const dropped = new Set(body.dropped.map(([, hash]) => hash));
  const { blockNumber, blockHash, observedAtMs, epoch } = body;
  turn.state = { ...turn.state, head: { blockNumber, blockHash, observedAtMs, epoch }, headTimestamp: null, nonce: null };
  turn.effects.push({ type: "call", request: { call: "read-nonce" } });
  for (const [executionId, landed] of turn.state.landed) {
    if (!dropped.has(landed.blockHash)) continue;
    say(turn, config, "executionReorged", `reorged:${executionId}:${landed.blockHash}:${body.epoch}`, {
      kind: "execution-reorged",
      ...envelope(landed.planned, config, landed),
      transactionHash: landed.transactionHash,
      epoch: body.epoch,
    });
  }
}

function onReply(turn: Turn, reply: Reply, config: Config): void {
  if (reply.kind === "nonce-read") {
    turn.state = { ...turn.state, nonce: reply.nonce };
    return;
  }
  // Asked before a reorganisation: it may tell of a block that is gone. Blocks of the new branch ask again.
  if (reply.kind === "receipt-read" && reply.at.epoch !== turn.state.head?.epoch) return;
  const open = turn.state.open.get(reply.executionId);
  const landed = turn.state.landed.get(reply.executionId);
  if (reply.kind === "receipt-read" && landed?.netProfit === null && reply.receipt?.blockHash === landed.blockHash)
    settle(turn, landed, reply.receipt, reply.at, config);
  if (open === undefined) return;
  const { planned } = open;
  switch (reply.kind) {
    case "simulated":
      onSimulated(turn, planned, reply, config);
      return;
    case "submitted":
      for (const { relay, bundleHash, atMs } of reply.accepted) {
        say(turn, config, "executionSubmitted", `submitted:${planned.executionId}:${relay}`, {
          kind: "execution-submitted",
          ...envelope(planned, config, planned),
          targetBlock: planned.targetBlock,
          transactionHash: open.transactionHash as string,
          relay,
          bundleHash,
          submittedAtMs: atMs,
        });
      }
      // Where a relay may have it although it did not say so, the transaction may land: its block will tell.
      if (reply.accepted.length > 0 || reply.unanswered.length > 0) return;
      fail(turn, planned, config, "relay-rejected", reply.refused.join("; "));
      // The usual reason is a nonce that something else has used.
      turn.state = { ...turn.state, nonce: null };
      turn.effects.push({ type: "call", request: { call: "read-nonce" } });
      return;
    case "receipt-read":
      if (reply.receipt !== null) land(turn, open, reply.receipt, reply.at, config);
      else if (reply.at.blockNumber >= open.watchedUntil) expire(turn, planned, config, reply.at);
      return;
  }
}

function fail(turn: Turn, planned: Planned, config: Config, code: BodyOf<"executionFailed">["code"], detail: string): void {
  say(turn, config, "executionFailed", `failed:${planned.executionId}`, {
    kind: "execution-failed",
    ...envelope(planned, config, planned),
    code,
    detail: detail.slice(0, 500),
  });
}

function onSimulated(turn: Turn, planned: Planned, reply: Extract<Reply, { kind: "simulated" }>, config: Config): void {
  if (!reply.ok) {
    fail(turn, planned, config, "simulation-reverted", reply.detail);
    return;
  }
  const gasCost = BigInt(reply.gasUsed) * BigInt(planned.maxFeePerGas);
  const netProfit = BigInt(planned.candidate.grossProfit) - gasCost;
  if (netProfit <= 0n) {
    fail(
      turn,
      planned,
      config,
      "unprofitable-after-simulation",
      `gas ${reply.gasUsed} costs ${gasCost} wei, the cycle earns ${planned.candidate.grossProfit}`,
    );
    return;
  }
  say(turn, config, "executionSimulated", `simulated:${planned.executionId}`, {
    kind: "execution-simulated",
    ...envelope(planned, config, planned),
    targetBlock: planned.targetBlock,
    nonce: planned.nonce,
    gasUsed: reply.gasUsed,
    transactionHash: reply.transactionHash,
  });
  if (config.mode === "live")
    turn.effects.push({ type: "call", request: { call: "submit", executionId: planned.executionId, targetBlock: planned.targetBlock } });
}

/** The epoch is part of the ids: thrown out and mined again in the very same block, a transaction has landed twice. */
function land(turn: Turn, { planned, transactionHash }: Open, receipt: Receipt, at: At, config: Config): void {
  const { executionId } = planned;
  say(turn, config, "executionLanded", `landed:${executionId}:${receipt.blockHash}:${at.epoch}`, {
    kind: "execution-landed",
    ...envelope(planned, config, receipt),
    transactionHash: transactionHash as string,
    transactionIndex: receipt.transactionIndex,
    status: receipt.status,
    gasUsed: receipt.gasUsed,
    effectiveGasPrice: receipt.effectiveGasPrice,
  });
  settle(turn, { planned, transactionHash: transactionHash as string }, receipt, at, config);
}

function settle(
  turn: Turn,
  { planned, transactionHash }: Pick<Landed, "planned" | "transactionHash">,
  receipt: Receipt,
  { epoch }: At,
  config: Config,
): void {
  const { executionId, candidate } = planned;
  const changes = balanceChanges(receipt.logs, config.contract);
  const token = profitTokenOf(candidate);
  const profit = changes.get(token) ?? 0n;
  const gasCost = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
  const netProfit = (token === config.wrappedNative ? profit : 0n) - gasCost;
  say(turn, config, "tradeSettled", `settled:${executionId}:${receipt.blockHash}:${epoch}`, {
    kind: "trade-settled",
    ...envelope(planned, config, receipt),
    transactionHash,
    contract: config.contract,
    token,
    loanAmount: candidate.amountIn,
    profit: profit.toString(),
    gasUsed: receipt.gasUsed,
    effectiveGasPrice: receipt.effectiveGasPrice,
    gasCost: gasCost.toString(),
    builderPayment: (executedEvent(receipt.logs, config.contract)?.builderPayment ?? 0n).toString(),
    netProfit: netProfit.toString(),
    transfers: [...changes].map(([token, change]) => [token, change.toString()]),
    candidate,
  });
  turn.effects.push(count("tradesSettled", {}), count("netProfit", {}, Number(turn.state.netProfit) / 1e18));
}
