import type { Effect, Received } from "#libs/actor/actor.ts";
import type { Address } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { decode, encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import { NOT_EVALUATED, UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import { type BodyOf, subjectOf } from "#proto/subjects.ts";
import { type At, type Config, executor, initialState, type Reply, type Request } from "#services/executor/actor.ts";

type Simulate = Extract<Request, { call: "simulate" }>;

/** What runs in each attempt is compiled after the first and optimised after a few. */
const ATTEMPTS = 8;
/** The actor is not ready meanwhile. On a distant node fewer attempts are made. */
const LONGEST_MS = 1_000;

/** The wallet never gets there: whoever had the signed transaction could do nothing with it. */
export const UNREACHABLE_NONCE = Number.MAX_SAFE_INTEGER - 1;
/** As many as a ranking has at most: reading it is part of an attempt. */
const RANKED = 16;
/** Addresses at which nothing stands. */
const POOL = "0x00000000000000000000000000000000c0ffee03" as Address;
const TOKEN = "0x00000000000000000000000000000000c0ffee04" as Address;

/**
 * Goes through whole attempts before the first block, so that its bundle finds compiled code and open connections: plans, encodes and decodes what would be
 * published, and has `simulate` sign the plan and ask node and relay about it. The plan trades through a pool that does not exist and is refused by both. Nothing
 * is published or sent, and no state is kept. Resolves to the number of attempts; throws what `simulate` throws.
 */
export async function practise(
  config: Config,
  head: At & { readonly timestamp: number },
  simulate: (request: Simulate) => Promise<Reply>,
  now: () => number = () => performance.now(),
): Promise<number> {
  const untilMs = now() + LONGEST_MS;
  let attempts = 0;
  while (attempts < ATTEMPTS && now() < untilMs) {
    attempts++;
    await attempt(config, head, String(attempts), simulate);
  }
  return attempts;
}

async function attempt(
  config: Config,
  head: At & { readonly timestamp: number },
  name: string,
  simulate: (request: Simulate) => Promise<Reply>,
): Promise<void> {
  const { timestamp, ...at } = head;
  let state = { ...initialState(UNREACHABLE_NONCE), head: at, headTimestamp: timestamp };
  const follow = (input: Parameters<typeof executor.decide>[1]): readonly Effect<Request>[] => {
    const decision = executor.decide(state, input, config);
    state = decision.state as typeof state;
    for (const effect of decision.effects)
      if (effect.type === "publish") decode(subjectOf(effect.key, effect.tokens), encode(effect.key, effect.body));
    return decision.effects;
  };
  const found = foundOf(config, head, name);
  follow({ ...found, body: pass("cycleFound", config, found.body) });
  const ranking = rankingOf(config, found);
  const effects = follow({ ...ranking, body: pass("opportunityScored", config, ranking.body) });
  const call = effects.find((effect) => effect.type === "call" && effect.request.call === "simulate");
  if (call?.type !== "call" || call.request.call !== "simulate") return;
  await simulate(call.request);
  const { executionId } = call.request.planned;
  // Whatever the simulation said, what a good one leads to.
  const hash = `0x${"00".repeat(32)}`;
  follow({
    type: "reply",
    reply: { kind: "simulated", executionId, ok: true, gasUsed: 21_000, transactionHash: hash },
  });
  if (config.mode !== "live") return;
  const accepted = [{ relay: "practice", bundleHash: hash, atMs: head.observedAtMs }];
  follow({ type: "reply", reply: { kind: "submitted", executionId, accepted, refused: [], unanswered: [] } });
  const receipt = {
    blockNumber: head.blockNumber + 1,
    blockHash: hash,
    transactionIndex: 0,
    status: 1 as const,
    gasUsed: 21_000,
    effectiveGasPrice: "1",
    logs: [],
  };
  follow({ type: "reply", reply: { kind: "receipt-read", executionId, receipt, at } });
}

/** As it comes out of the codec. */
function pass<Key extends "cycleFound" | "opportunityScored">(key: Key, config: Config, body: BodyOf<Key>): BodyOf<Key> {
  const decoded = decode(subjectOf(key, { chain: config.chain }), encode(key, body));
  invariant(decoded.ok, "a practice message is not as messages are");
  return decoded.value.body as BodyOf<Key>;
}

function foundOf(config: Config, head: At & { readonly timestamp: number }, name: string): Received<"cycleFound"> {
  const amount = "1000";
  const { wrappedNative } = config;
  const hop = { dex: "practice", family: "uniswap-v2" as const, pool: POOL, amountIn: amount, amountOut: amount };
  const candidate = (place: number): Candidate => ({
    cycleId: `${place}`.padStart(8, "0") + name.padStart(8, "0"),
    token: wrappedNative,
    amountIn: amount,
    amountOut: amount,
    // More than any gas: what a profitable trade leads to.
    grossProfit: (10n ** 18n).toString(),
    gasEstimate: 150_000,
    hops: [
      { ...hop, call: { form: "v2", zeroForOne: wrappedNative < TOKEN }, tokenIn: wrappedNative, tokenOut: TOKEN },
      { ...hop, call: { form: "v2", zeroForOne: TOKEN < wrappedNative }, tokenIn: TOKEN, tokenOut: wrappedNative },
    ],
  });
  const { blockNumber, blockHash, observedAtMs, epoch, timestamp } = head;
  return {
    type: "message",
    key: "cycleFound",
    body: {
      kind: "cycle-found",
      v: 1,
      chainId: config.chainId,
      blockNumber,
      blockHash,
      observedAtMs,
      causeId: null,
      epoch,
      timestamp,
      baseFeePerGas: "1",
      dexes: ["practice"],
      lateDexes: [],
      cyclesFound: RANKED,
      candidates: Array.from({ length: RANKED }, (_, place) => candidate(place)),
    },
    meta: { id: `practice:${name}`, subject: "", stream: "DECISIONS", sequence: 0, storedAtMs: observedAtMs },
  };
}

function rankingOf(config: Config, { body, meta }: Received<"cycleFound">): Received<"opportunityScored"> {
  const { blockNumber, blockHash, observedAtMs, epoch } = body;
  return {
    type: "message",
    key: "opportunityScored",
    body: {
      kind: "opportunity-scored",
      v: 1,
      chainId: config.chainId,
      blockNumber,
      blockHash,
      observedAtMs,
      causeId: meta.id,
      epoch,
      causeSequence: meta.sequence,
      ...UNTAUGHT,
      maxNextBaseFeePerGas: "1",
      priorityFeePerGas: "1",
      opportunities: body.candidates.map(({ cycleId }, rank) => ({
        cycleId,
        gasCost: "1",
        netProfit: "1",
        rank,
        evaluation: NOT_EVALUATED,
      })),
      rejected: [],
    },
    meta: { ...meta, id: `${meta.id}:ranked` },
  };
}
