import { createHash } from "node:crypto";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { FEATURE_COUNT, SCHEMA_HASH } from "#libs/ml/features.ts";
import { type ModelStanding, NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import { decimalOf } from "#libs/prices/decimal.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import { LOG_COLUMNS } from "#proto/block/v1/observed.ts";
import { decode, encode } from "#proto/codec.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { Comparison } from "#proto/model/v1/events.ts";
import type { Evaluation, ModelScore, OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import type { Label, LabelledExecution } from "#proto/outcome/v1/labelled.ts";
import type { FoundPools } from "#proto/pool/v1/state.ts";
import { PRICE_COLUMNS, type PriceRow } from "#proto/price/v1/changed.ts";
import { type BodyOf, SUBJECTS, type SubjectKey, streamName, subjectOf } from "#proto/subjects.ts";
import type { ReadMessage } from "#services/gateway/model.ts";

/** A seeded market day for tests: the messages that the actors would send, through the real codec, with sequences as the streams would give them. */

const hex = (text: string, digits: number): string => `0x${createHash("sha256").update(text).digest("hex").slice(0, digits)}`;
const hashOf = (text: string): string => hex(text, 64);
const addressOf = (text: string): string => hex(text, 40);

const token = (address: string, symbol: string, decimals: number) => ({ address: asAddress(address), symbol, decimals });
const WETH = token("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "WETH", 18);
const TOKENS = [
  WETH,
  token("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "USDC", 6),
  token("0xdac17f958d2ee523a2206206994597c13d831ec7", "USDT", 6),
  token("0x6b175474e89094c44da98b954eedeac495271d0f", "DAI", 18),
  token("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", "WBTC", 8),
  token("0x514910771af9ca656af840dff83e8264ecf986ca", "LINK", 18),
  token("0x1f9840a85d5af5bf1d1762f925bdaddc4201f984", "UNI", 18),
];
/** Whole tokens to one whole coin, for amounts that look like amounts. */
const TOKENS_PER_COIN: Readonly<Record<string, number>> = {
  WETH: 1,
  USDC: 3_120,
  USDT: 3_118,
  DAI: 3_121,
  WBTC: 0.0385,
  LINK: 212,
  UNI: 388,
};
/** What the analyst says of them: how sure it is of the price, how far a stable coin is from its peg, and whether a feed tells the price too. */
const MARKET: readonly { symbol: string; confidence: number; peg?: number; feed?: true }[] = [
  { symbol: "WETH", confidence: 1, feed: true },
  { symbol: "USDC", confidence: 0.998, peg: 1, feed: true },
  { symbol: "USDT", confidence: 0.991, peg: 1.0004 },
  { symbol: "DAI", confidence: 0.93, peg: 0.9921 },
  { symbol: "WBTC", confidence: 0.974, feed: true },
  { symbol: "LINK", confidence: 0.712 },
  { symbol: "UNI", confidence: 0.384 },
];
/** Of a token that is on no list. */
const UNLISTED_PRICE = 0.000_000_004_137;
const DEXES = [
  { id: "uniswap-v2", family: "uniswap-v2", pools: 42 },
  { id: "sushiswap", family: "uniswap-v2", pools: 27 },
  { id: "uniswap-v3", family: "uniswap-v3", pools: 63 },
  { id: "pancake-v3", family: "uniswap-v3", pools: 19 },
] as const;

export const TEST_CHAIN: ChainConfig = {
  key: "local",
  chainId: 31_337,
  name: "Local chain",
  nativeSymbol: "ETH",
  wrappedNative: WETH.address,
  multicall3: asAddress(addressOf("multicall3")),
  blockTimeMs: 2_000,
  tokens: TOKENS,
  dexes: DEXES.map(({ id, family }) => ({
    id,
    brand: "test",
    family,
    variant: family,
    factory: asAddress(addressOf(`factory ${id}`)),
    deployBlock: 0,
    verified: true,
    source: "test",
  })),
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress(addressOf("vault")) }],
  relays: [],
};

/** What the installation brings. */
export const OWN_MODEL = "c0ffee0000000000";
const modelVersion = (generation: number): string =>
  `5eed${hashOf(`model ${generation}`).slice(2, 12)}${generation.toString(16).padStart(2, "0")}`;
const MODEL_SUBJECTS = ["modelTrained", "modelPromoted", "modelRejected", "modelRolledBack", "modelChecked"] as const;
/** As the trainer: an execution has come to its end by then. */
const LABELLED_AFTER_BLOCKS = 6;

interface Ranked {
  readonly place: { chainId: number; blockNumber: number; blockHash: string; observedAtMs: number; causeId: string | null };
  readonly epoch: number;
  readonly models: { champion: string; challenger: string | null };
  readonly ranking: OpportunityScored["ranking"];
  readonly explored: boolean;
  readonly candidates: readonly { readonly executionId: string; readonly label: Omit<Label, "executions" | "next" | "outcome"> }[];
}

export interface ScenarioOptions {
  readonly seed: number;
  readonly startMs: number;
  readonly chain?: ChainConfig;
  readonly mode?: Mode;
  readonly startBlock?: number;
  /** Share of blocks that are replaced by a sibling. */
  readonly reorgShare?: number;
}

export interface Scenario {
  readonly chain: ChainConfig;
  /** The messages of one more block, in the order in which the actors would send them. */
  nextBlock(): ReadMessage[];
  /** Every actor's heartbeat as of a time. */
  heartbeats(atMs: number): ReadMessage[];
  /** Any one message, encoded, decoded and given the next sequence of its stream. */
  message<Key extends SubjectKey>(key: Key, body: BodyOf<Key>, place: { id: string; atMs: number }): ReadMessage;
}

const GWEI = 10n ** 9n;
const COIN = 10n ** 18n;

function drawsOf(seed: number) {
  let state = seed >>> 0;
  /** mulberry32 */
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[between(0, items.length - 1)];
    invariant(item !== undefined, "there is something to pick from");
    return item;
  };
  return { random, between, pick };
}

export function createScenario(options: ScenarioOptions): Scenario {
  const chain = options.chain ?? TEST_CHAIN;
  const mode = options.mode ?? "live";
  const draws = drawsOf(options.seed);
  const { random, between, pick } = draws;
  /** The analyst's own: what it says changes nothing of what the others do. */
  const ofAnalyst = drawsOf(~options.seed);
  /** The models' and the trainer's own. */
  const ofLearner = drawsOf(options.seed ^ 0x5bd1e995);

  const wallet = addressOf("wallet");
  const contract = addressOf("executor");
  const sequences = new Map<string, number>();
  let blockNumber = (options.startBlock ?? 21_000_000) - 1;
  let blockHash = hashOf(`${options.seed} genesis`);
  let observedAtMs = options.startMs;
  let epoch = 0;
  let nonce = 0;
  let standing: ModelStanding = NO_STANDING;
  const ends = new Map<string, LabelledExecution>();
  const toBeLabelled: Ranked[] = [];
  let blocks = 0;
  let consumed = 0;
  let inFlight: Execution[] = [];

  const scoreOf = (version: string, chance: number, netProfit: bigint, gasCost: bigint): ModelScore => {
    // The younger a model, the nearer it comes to the chance that the outcome is drawn from.
    const off = 0.22 / (1 + Number.parseInt(version.slice(-2), 16));
    const landing = Math.min(0.999, Math.max(0.001, chance + (ofLearner.random() - 0.35) * off));
    const profit = netProfit > 0n ? (netProfit * 9n) / 10n : netProfit;
    const value = BigInt(Math.round(landing * Number(profit) - (1 - landing) * Number(gasCost)));
    return { landing, profit: `${profit}`, spread: 0.5, value: `${value}` };
  };
  const chances = new WeakMap<Evaluation, number>();
  const evaluationOf = (netProfit: bigint, gasCost: bigint): Evaluation => {
    const chance = ofLearner.random() ** 1.5;
    const evaluation = {
      features: Array.from({ length: FEATURE_COUNT }, () => 0),
      champion: scoreOf(standing.champion ?? OWN_MODEL, chance, netProfit, gasCost),
      challenger: standing.challenger === null ? null : scoreOf(standing.challenger, chance, netProfit, gasCost),
    };
    chances.set(evaluation, chance);
    return evaluation;
  };

  /** What became of a ranking's candidates: what our executions came to, and by a draw for the others. */
  const label = ({ place, epoch, models, ranking, explored, candidates }: Ranked, atMs: number): ReadMessage => {
    const nothing = { because: null, grossProfit: null, netProfit: null, rivals: 0, rival: null };
    const labels = candidates.map(({ executionId, label: known }): Label => {
      const end = ends.get(executionId);
      const isThere = ofLearner.random() < (chances.get(known.evaluation) ?? 0);
      const executions = end === undefined ? [] : [end];
      const next = isThere ? { ...nothing, state: "there" as const, netProfit: known.netProfit } : { ...nothing, state: "gone" as const };
      if (end !== undefined && end.end !== "open") return { ...known, executions, next, outcome: end.end };
      if (ofLearner.random() < 0.04) {
        return { ...known, executions, next: { ...nothing, state: "unknown", because: "dex-late" }, outcome: "unknown" };
      }
      return { ...known, executions, next, outcome: isThere ? "still-there" : ofLearner.random() < 0.3 ? "outbid" : "vanished" };
    });
    const body = {
      kind: "outcome-labelled",
      v: 1,
      ...place,
      epoch,
      featureSchema: SCHEMA_HASH,
      ...models,
      ranking,
      explored,
      labelledAtBlock: blockNumber,
    } as const;
    return message("outcomeLabelled", { ...body, labels }, { id: `labels:${place.blockHash}:${epoch}`, atMs });
  };

  /** Every forty blocks a model is trained; it is rejected, promoted over a canary, or rolled back from one. */
  const learn = (atMs: number): ReadMessage[] => {
    const generation = Math.floor(blocks / 40) + 1;
    const version = modelVersion(generation);
    const champion = standing.champion ?? OWN_MODEL;
    const evidence = (isBetter: boolean): Comparison => ({
      champion,
      challenger: version,
      firstBlock: blockNumber - 20,
      lastBlock: blockNumber,
      blocks: 20,
      candidates: 52,
      landed: 21,
      logLoss: isBetter ? { mean: -0.021, low: -0.034, high: -0.008 } : { mean: 0.004, low: -0.01, high: 0.018 },
      profit: { mean: 2.1e15, low: isBetter ? 4e14 : -1e15, high: 5e15 },
      eceChampion: 0.041,
      eceChallenger: isBetter ? 0.028 : 0.044,
    });
    const say = <Key extends (typeof MODEL_SUBJECTS)[number]>(key: Key, body: BodyOf<Key>): ReadMessage => {
      standing = standingAfter(standing, body);
      return message(key, body, { id: `${key}:${version}:${blockHash}`, atMs });
    };
    const of = { v: 1, ...envelope(), version } as const;
    switch (blocks % 40) {
      case 4: {
        const window = { rows: 48_210, landed: 9_120, firstBlock: Math.max(0, blockNumber - 7_000), lastBlock: blockNumber - 7 };
        const training = { name: "ensemble", parent: standing.champion, featureSchema: SCHEMA_HASH, engine: "built-in", bytes: 300_000 };
        return [
          say("modelTrained", {
            kind: "model-trained",
            ...of,
            ...training,
            ...window,
            auc: 0.87,
            logLoss: 0.312,
            ece: 0.021,
            microsPerRow: 1.4,
          }),
        ];
      }
      case 24: {
        if (generation % 3 === 1) {
          const why = { reason: "no-gain-in-profit", detail: "the interval of the gain reaches below zero" } as const;
          return [say("modelRejected", { kind: "model-rejected", ...of, ...why, evidence: evidence(false) })];
        }
        return [
          say("modelPromoted", {
            kind: "model-promoted",
            ...of,
            previous: standing.champion,
            share: 0.1,
            by: "gates",
            evidence: evidence(true),
          }),
        ];
      }
      case 36: {
        if (generation % 3 === 1) return [];
        if (generation % 3 === 0) {
          const detail = "its canary earned less than the champion";
          return [
            say("modelRolledBack", {
              kind: "model-rolled-back",
              ...of,
              to: standing.champion,
              by: "gates",
              detail,
              evidence: evidence(false),
            }),
          ];
        }
        return [
          say("modelPromoted", {
            kind: "model-promoted",
            ...of,
            previous: standing.champion,
            share: 1,
            by: "gates",
            evidence: evidence(true),
          }),
        ];
      }
      default: {
        if (blocks % 8 !== 1 || blocks < 8) return [];
        const isOff = blocks % 80 > 60;
        const checked = { level: isOff ? "watch" : "stable", blocks: 64, candidates: 160, landed: 61, logLoss: 0.402, ece: 0.034 } as const;
        const featurePsi = Array.from({ length: FEATURE_COUNT }, (_, place) => (isOff && place === 3 ? 0.183 : 0.01 + place / 1_000));
        const reasons = isOff ? ["feature 3 has moved: PSI 0.18"] : [];
        const body = { kind: "model-checked", ...of, version: champion, ...checked, featurePsi, scorePsi: 0.032, reasons } as const;
        return [say("modelChecked", { ...body, featurePsi, reasons })];
      }
    }
  };

  const message: Scenario["message"] = (key, body, { id, atMs }) => {
    const row = SUBJECTS[key];
    const stream = streamName(row.stream, row.subject.includes("<chain>") ? chain.key : null);
    const sequence = (sequences.get(stream) ?? 0) + 1;
    sequences.set(stream, sequence);
    const fields = body as { dex?: string; instance?: string; actor?: string; scope?: string; by?: string };
    const subject = subjectOf(key, {
      chain: chain.key,
      wallet,
      dex: fields.dex ?? "",
      scope: fields.scope ?? "",
      instance: fields.instance ?? "",
      by: fields.by ?? "",
      actor: fields.actor ?? "",
    });
    const decoded = decode(subject, encode(key, body));
    invariant(decoded.ok, "what was encoded decodes");
    return { ...decoded.value, meta: { id, stream, sequence, subject, storedAtMs: atMs } };
  };

  const envelope = (causeId: string | null = null) => ({ chainId: chain.chainId, blockNumber, blockHash, observedAtMs, causeId });
  const baseFee = (): bigint => 8n * GWEI + BigInt(between(0, 4_000_000)) * 1_000n;

  const candidate = ({ random, between, pick } = draws): Candidate => {
    const rawAmount = (coins: number, symbol: string, decimals: number): bigint =>
      BigInt(Math.floor(coins * (TOKENS_PER_COIN[symbol] ?? 1) * 1e6)) * 10n ** BigInt(Math.max(0, decimals - 6)) + BigInt(between(0, 999));
    const middle = [...TOKENS.slice(1)].sort(() => random() - 0.5).slice(0, between(1, 2));
    const coins = 0.4 + random() ** 2 * 18;
    const path = [WETH, ...middle, WETH];
    const amountIn = rawAmount(coins, "WETH", 18);
    const grossProfit = BigInt(Math.floor((0.002 + random() ** 4 * 0.09) * 1e9)) * GWEI + BigInt(between(0, 999_999_999));
    const hops: Hop[] = [];
    let amount = amountIn;
    for (const [index, tokenIn] of path.slice(0, -1).entries()) {
      const tokenOut = path[index + 1] ?? WETH;
      const { id: dex, family } = pick(DEXES);
      const pool = addressOf(`${dex} ${[tokenIn.symbol, tokenOut.symbol].sort().join(" ")}`);
      const out: bigint = index === path.length - 2 ? amountIn + grossProfit : rawAmount(coins, tokenOut.symbol, tokenOut.decimals);
      const zeroForOne = tokenIn.address < tokenOut.address;
      const [tokenInAddress, tokenOutAddress] = [tokenIn.address as string, tokenOut.address as string];
      hops.push({
        dex,
        family,
        pool,
        call: { form: "v2", zeroForOne },
        tokenIn: tokenInAddress,
        tokenOut: tokenOutAddress,
        amountIn: `${amount}`,
        amountOut: `${out}`,
      });
      amount = out;
    }
    const cycleId = hex(hops.map(({ pool, tokenIn }) => `${pool}${tokenIn}`).join(), 16).slice(2);
    return {
      cycleId,
      token: WETH.address,
      amountIn: `${amountIn}`,
      amountOut: `${amountIn + grossProfit}`,
      grossProfit: `${grossProfit}`,
      gasEstimate: 120_000 + hops.length * between(70_000, 110_000),
      hops,
    };
  };

  interface Execution {
    readonly executionId: string;
    readonly candidate: Candidate;
    readonly cycleId: string;
    readonly transactionHash: string;
    readonly gasUsed: number;
  }
  const of = ({ executionId, cycleId }: Execution) => ({ executionId, cycleId, wallet });

  /** Lands and settles what is in flight, or lets it expire, in the block just observed. */
  const conclude = (executions: readonly Execution[], atMs: number, chance: number): ReadMessage[] => {
    const messages: ReadMessage[] = [];
    for (const execution of executions) {
      const { executionId, transactionHash, gasUsed } = execution;
      const place = `${executionId}@${blockHash}`;
      if (mode === "paper" || random() > chance) {
        const body = { kind: "execution-expired", v: 1, ...envelope(), ...of(execution), targetBlock: blockNumber } as const;
        messages.push(message("executionExpired", body, { id: `expired:${place}`, atMs }));
        ends.set(executionId, { executionId, mode, end: "expired", code: null, landing: null });
        continue;
      }
      const reverted = random() < 0.02;
      const effectiveGasPrice = 9n * GWEI + BigInt(between(0, 2_000)) * 1_000_000n;
      const gasCost = effectiveGasPrice * BigInt(gasUsed);
      const builderPayment = reverted ? 0n : (BigInt(execution.candidate.grossProfit) * BigInt(between(5, 30))) / 100n;
      const lost = random() < 0.2 ? BigInt(execution.candidate.grossProfit) / BigInt(between(20, 200)) : 0n;
      const profit = reverted ? 0n : BigInt(execution.candidate.grossProfit) - builderPayment - lost;
      ends.set(executionId, {
        executionId,
        mode,
        end: reverted ? "reverted" : "landed",
        code: null,
        landing: {
          blockNumber,
          transactionHash,
          succeeded: !reverted,
          gasUsed,
          gasCost: `${gasCost}`,
          tip: null,
          profit: `${profit}`,
          netProfit: `${profit - gasCost}`,
          builderPayment: `${builderPayment}`,
        },
      });
      const landed = { transactionHash, transactionIndex: between(0, 12), gasUsed, effectiveGasPrice: `${effectiveGasPrice}` };
      messages.push(
        message(
          "executionLanded",
          { kind: "execution-landed", v: 1, ...envelope(), ...of(execution), ...landed, status: reverted ? 0 : 1 },
          { id: `landed:${place}:${epoch}`, atMs },
        ),
        message(
          "tradeSettled",
          {
            kind: "trade-settled",
            v: 1,
            ...envelope(),
            ...of(execution),
            contract,
            transactionHash,
            token: WETH.address,
            loanAmount: execution.candidate.amountIn,
            profit: `${profit}`,
            gasUsed,
            effectiveGasPrice: `${effectiveGasPrice}`,
            gasCost: `${gasCost}`,
            builderPayment: `${builderPayment}`,
            netProfit: `${profit - gasCost}`,
            transfers: [[WETH.address, `${profit}`]],
            candidate: execution.candidate,
          },
          { id: `settled:${place}:${epoch}`, atMs: atMs + 1 },
        ),
      );
    }
    return messages;
  };

  const observe = (): ReadMessage => {
    const parentHash = blockHash;
    blockNumber += 1;
    blockHash = hashOf(`${options.seed} ${blockNumber} ${epoch}`);
    const body: BodyOf<"blockObserved"> = {
      kind: "block-observed",
      v: 1,
      ...envelope(),
      parentHash,
      epoch,
      timestamp: Math.floor(observedAtMs / 1_000),
      baseFeePerGas: `${baseFee()}`,
      gasUsed: between(8_000_000, 28_000_000),
      gasLimit: 30_000_000,
      logColumns: [...LOG_COLUMNS],
      logs: [],
    };
    return message("blockObserved", body, { id: `block:${blockHash}:${epoch}`, atMs: observedAtMs });
  };

  const discover = (): ReadMessage[] =>
    DEXES.flatMap(({ id: dex, family, pools }) => {
      const rows = Array.from({ length: pools }, (_, index) => [
        addressOf(`${dex} ${index}`),
        [TOKENS[index % TOKENS.length]?.address ?? WETH.address, TOKENS[(index + 1) % TOKENS.length]?.address ?? WETH.address],
        family === "uniswap-v3" ? { tickSpacing: 60 } : {},
      ]);
      const discovered = message(
        "poolDiscovered",
        { kind: "pool-discovered", v: 1, ...envelope(), dex, epoch, pools: { family, rows } as FoundPools },
        { id: `discovered:${dex}:${blockHash}`, atMs: observedAtMs + 5 },
      );
      const snapshotted = message(
        "poolSnapshotted",
        { kind: "pool-snapshotted", v: 1, ...envelope(), dex, epoch, object: `${dex}/1`, pools, bytes: pools * 300, causeSequence: 1 },
        { id: `snapshot:${dex}:${blockHash}`, atMs: observedAtMs + 6 },
      );
      const judged = message(
        "poolJudged",
        {
          kind: "pool-judged",
          v: 1,
          ...envelope(),
          dex,
          epoch,
          verdict: "quarantined",
          rows: [[addressOf(`${dex} 0`), "state-differs", ""]],
        },
        { id: `judged:${dex}:${blockHash}`, atMs: observedAtMs + 7 },
      );
      return dex === "sushiswap" ? [discovered, snapshotted, judged] : [discovered, snapshotted];
    });

  /** Native coins in each pool. */
  const poolValues = DEXES.flatMap(({ id: dex, pools }) =>
    Array.from({ length: pools }, (_, index) => ({
      pool: addressOf(`${dex} ${index}`),
      dex,
      native: ofAnalyst.random() ** 6 * 40_000 + ofAnalyst.random() * 50,
    })),
  );
  let analysedEpoch = -1;

  /** Prices, values and arbitrages of the block just observed. Everything is said again whole under a new epoch. */
  const analyse = (concluded: readonly ReadMessage[]): ReadMessage[] => {
    const { random, between } = ofAnalyst;
    const around = (value: number, share: number): number => value * (1 + (random() - 0.5) * share);
    const isWhole = analysedEpoch !== epoch;
    const scope = isWhole ? "all" : "moved";
    analysedEpoch = epoch;
    const atMs = observedAtMs + between(4, 12);
    const usdPerNative = around(TOKENS_PER_COIN.USDC ?? 0, 0.004);
    const row = (address: string, decimals: number, native: number, holds: "native" | "usd", confidence: number): PriceRow => [
      address,
      decimals,
      decimalOf(native),
      decimalOf(native * usdPerNative),
      holds,
      confidence,
    ];
    const priced = MARKET.flatMap(({ symbol, confidence, peg, feed }) => {
      const listed = TOKENS.find((each) => each.symbol === symbol);
      if (listed === undefined) return [];
      const { address, decimals } = listed;
      const free = symbol === "WETH" ? 1 : around(1 / (TOKENS_PER_COIN[symbol] ?? 1), 0.01);
      const native = peg === undefined ? free : peg / usdPerNative;
      return [
        {
          address,
          usd: native * usdPerNative,
          feed,
          row: row(address, decimals, native, peg === undefined ? "native" : "usd", confidence),
        },
      ];
    });
    const rows = [...priced.map((each) => each.row), row(addressOf("unlisted"), 18, UNLISTED_PRICE, "native", 0.02)];
    const touched = poolValues.filter(() => isWhole || random() < 0.03);
    for (const each of touched) each.native = around(each.native, 0.01);
    const worth = (values: readonly { native: number }[]) => {
      const native = values.reduce((sum, each) => sum + each.native, 0);
      return { native: decimalOf(native), usd: decimalOf(native * usdPerNative) };
    };
    const messages = [
      message(
        "priceChanged",
        {
          kind: "price-changed",
          v: 1,
          ...envelope(),
          scope,
          epoch,
          usdPerNative: decimalOf(usdPerNative),
          columns: [...PRICE_COLUMNS],
          rows: rows.filter(() => isWhole || random() < 0.4),
          gone: [],
          depegged: priced.flatMap(({ address, usd }, index): [string, string][] => {
            const peg = MARKET[index]?.peg;
            return peg !== undefined && Math.abs(usd - 1) > 0.005 ? [[address, decimalOf(usd)]] : [];
          }),
          feeds: priced.flatMap(({ address, usd, feed }): [string, string, number, number][] => {
            if (feed === undefined) return [];
            const said = around(usd, 0.006);
            return [[address, decimalOf(said), blockNumber - (blockNumber % 5), usd / said - 1]];
          }),
          lateDexes: [],
        },
        { id: `prices:${blockHash}:${epoch}`, atMs },
      ),
      message(
        "tvlChanged",
        {
          kind: "tvl-changed",
          v: 1,
          ...envelope(),
          scope,
          epoch,
          ...worth(poolValues),
          dexes: DEXES.map(({ id: dex, pools }) => ({ dex, pools, ...worth(poolValues.filter((each) => each.dex === dex)) })),
          pools: touched.map(({ pool, dex, native }) => [pool, dex, decimalOf(native), decimalOf(native * usdPerNative)]),
          lateDexes: [],
        },
        { id: `tvl:${blockHash}:${epoch}`, atMs },
      ),
    ];
    const arbitrages = [
      ...ourArbitrages(concluded, usdPerNative),
      ...Array.from({ length: between(0, 3) }, () => foreignArbitrage(usdPerNative)),
    ];
    if (arbitrages.length > 0)
      messages.push(
        message(
          "arbitrageObserved",
          { kind: "arbitrage-observed", v: 1, ...envelope(), epoch, arbitrages, notJudged: 0 },
          { id: `arbitrages:${blockHash}:${epoch}`, atMs: atMs + 3 },
        ),
      );
    return messages;
  };

  const arbitrageOf = (
    { token, amountIn, grossProfit }: Candidate,
    usdPerNative: number,
    hops: ObservedArbitrage["hops"],
    { gasUsed, effectiveGasPrice }: { gasUsed: number; effectiveGasPrice: bigint },
  ) => ({
    token,
    amountIn,
    grossProfit,
    grossProfitUsd: decimalOf((Number(grossProfit) / 1e18) * usdPerNative),
    gains: [[token, grossProfit] as [string, string]],
    hops,
    gasUsed,
    effectiveGasPrice: `${effectiveGasPrice}`,
    gasCost: `${effectiveGasPrice * BigInt(gasUsed)}`,
    tip: `${BigInt(gasUsed) * BigInt(ofAnalyst.between(0, 3_000)) * 1_000_000n}`,
  });
  const observedHop = ({ pool, dex, tokenIn, tokenOut, amountIn, amountOut }: Hop, logIndex: number) => ({
    pool,
    dex: dex as string | null,
    tokenIn,
    tokenOut,
    amountIn,
    amountOut,
    logIndex,
  });

  /** What settled in this block is seen on the chain too. */
  const ourArbitrages = (concluded: readonly ReadMessage[], usdPerNative: number): ObservedArbitrage[] =>
    concluded.flatMap(({ body }) => {
      if (body.kind !== "trade-settled" || body.profit === "0") return [];
      const { transactionHash, gasUsed, effectiveGasPrice } = body;
      const gas = { gasUsed, effectiveGasPrice: BigInt(effectiveGasPrice) };
      const sent = { transactionHash, transactionIndex: ofAnalyst.between(0, 12), from: wallet, to: contract, ours: true };
      return [{ ...sent, ...arbitrageOf(body.candidate, usdPerNative, body.candidate.hops.map(observedHop), gas) }];
    });

  /** Somebody else's: through a pool that nobody here follows now and then, or with its way split over two pools. */
  const foreignArbitrage = (usdPerNative: number): ObservedArbitrage => {
    const { random, between } = ofAnalyst;
    const found = candidate(ofAnalyst);
    const hops = found.hops.map(observedHop);
    const [first] = hops;
    invariant(first !== undefined, "a cycle has hops");
    const shape = random();
    if (shape < 0.2) {
      first.dex = null;
      first.pool = addressOf("not followed");
    } else if (shape < 0.4) {
      const half = { ...first, amountIn: `${BigInt(first.amountIn) / 2n}`, amountOut: `${BigInt(first.amountOut) / 2n}` };
      const rest = {
        ...first,
        pool: addressOf("other half"),
        amountIn: `${BigInt(first.amountIn) - BigInt(half.amountIn)}`,
        amountOut: `${BigInt(first.amountOut) - BigInt(half.amountOut)}`,
      };
      hops.splice(0, 1, half, rest);
    }
    const searcher = between(0, 4);
    const gas = {
      gasUsed: 110_000 + hops.length * between(60_000, 120_000),
      effectiveGasPrice: 9n * GWEI + BigInt(between(0, 4_000)) * 1_000_000n,
    };
    return {
      transactionHash: hashOf(`${found.cycleId} ${blockHash} of ${searcher}`),
      transactionIndex: between(0, 40),
      from: addressOf(`searcher ${searcher}`),
      to: random() < 0.05 ? null : addressOf(`bot ${searcher}`),
      ours: false,
      ...arbitrageOf(
        found,
        usdPerNative,
        hops.map((hop, logIndex) => ({ ...hop, logIndex })),
        gas,
      ),
    };
  };

  const heartbeats: Scenario["heartbeats"] = (atMs) => {
    const posts = [
      { actor: "watcher", instance: `watcher-${chain.key}-main-4121` },
      ...DEXES.map(({ id }) => ({ actor: "fetcher", instance: `fetcher-${chain.key}-${id}-4121` })),
      { actor: "solver", instance: `solver-${chain.key}-0-4121` },
      { actor: "scorer", instance: `scorer-${chain.key}-0-4121` },
      { actor: "executor", instance: `executor-${chain.key}-0-4121` },
      { actor: "gateway", instance: "gateway-all-0-4121" },
    ];
    return posts.map(({ actor, instance }, index) =>
      message(
        "actorHeartbeat",
        {
          kind: "actor-heartbeat",
          v: 1,
          actor,
          instance,
          chain: actor === "gateway" ? null : chain.key,
          state: "ready",
          version: "0.1.0",
          pid: 4_121,
          startedAtMs: options.startMs,
          atMs,
          intervalMs: 5_000,
          headBlock: blockNumber < 0 ? null : blockNumber,
          messagesConsumed: consumed + index,
          messagesPublished: Math.floor(consumed / 2),
          deadLetters: 0,
        },
        { id: `heartbeat:${instance}:${atMs}`, atMs },
      ),
    );
  };

  const nextBlock = (): ReadMessage[] => {
    const messages: ReadMessage[] = [];
    observedAtMs += chain.blockTimeMs + between(-40, 60);

    const reorgs = blocks > 2 && random() < (options.reorgShare ?? 0.02);
    if (reorgs && lastLanded.length > 0) {
      const dropped: [number, string] = [blockNumber, blockHash];
      for (const execution of lastLanded) {
        const body = { kind: "execution-reorged", v: 1, ...envelope(), ...of(execution) } as const;
        messages.push(
          message(
            "executionReorged",
            { ...body, transactionHash: execution.transactionHash, epoch: epoch + 1 },
            { id: `reorged:${execution.executionId}@${blockHash}:${epoch + 1}`, atMs: observedAtMs },
          ),
        );
      }
      epoch += 1;
      blockNumber -= 1;
      blockHash = parentOfLast;
      messages.push(
        message(
          "blockReorged",
          { kind: "block-reorged", v: 1, ...envelope(), epoch, dropped: [dropped] },
          { id: `reorg:${epoch}`, atMs: observedAtMs },
        ),
      );
      inFlight = [...lastLanded, ...inFlight];
    }
    parentOfLast = blockHash;
    messages.push(observe());
    if (blocks === 0) messages.push(...discover());
    blocks += 1;
    const concluded = conclude(inFlight, observedAtMs + between(8, 30), 0.8);
    const landedIds = new Set(concluded.flatMap(({ body }) => (body.kind === "trade-settled" ? [body.executionId] : [])));
    lastLanded = inFlight.filter(({ executionId }) => landedIds.has(executionId));
    messages.push(...concluded);
    inFlight = [];

    messages.push(...analyse(concluded));

    const candidates = Array.from({ length: between(0, 5) }, () => candidate());
    candidates.sort((a, b) => (BigInt(b.grossProfit) > BigInt(a.grossProfit) ? 1 : -1));
    const unique = candidates.filter(({ cycleId }, index) => candidates.findIndex((other) => other.cycleId === cycleId) === index);
    const dexes = DEXES.map(({ id }) => id as string);
    const nextBaseFee = baseFee();
    const cycleAtMs = observedAtMs + between(3, 14) + (random() < 0.03 ? 40 : 0);
    const cycleId = `cycles:${blockHash}`;
    messages.push(
      message(
        "cycleFound",
        {
          kind: "cycle-found",
          v: 1,
          ...envelope(),
          epoch,
          timestamp: Math.floor(observedAtMs / 1_000),
          baseFeePerGas: `${nextBaseFee}`,
          dexes,
          lateDexes: [],
          cyclesFound: unique.length + between(0, 9),
          candidates: unique,
        },
        { id: cycleId, atMs: cycleAtMs },
      ),
    );
    const scored = unique.map((each) => {
      const gasCost = (nextBaseFee + GWEI / 10n) * BigInt(each.gasEstimate);
      const netProfit = BigInt(each.grossProfit) - gasCost;
      return { candidate: each, gasCost, netProfit, evaluation: evaluationOf(netProfit, gasCost) };
    });
    const by = ofLearner.random() < 0.02 ? "none" : ofLearner.random() < standing.canaryShare ? "challenger" : "champion";
    const worthOf = ({ evaluation }: (typeof scored)[number]) => BigInt(evaluation[by === "none" ? "champion" : by]?.value ?? 0);
    scored.sort((a, b) => (b.netProfit > a.netProfit ? 1 : -1));
    const judged = scored.map((each) => ({
      ...each,
      reason:
        by === "none"
          ? ("no-model" as const)
          : each.netProfit <= COIN / 2_000n
            ? ("below-minimum" as const)
            : worthOf(each) <= 0n
              ? ("not-worth-the-risk" as const)
              : null,
    }));
    const worth = judged.filter(({ reason }) => reason === null).sort((a, b) => (worthOf(b) > worthOf(a) ? 1 : -1));
    const rejected = judged.flatMap(({ candidate: { cycleId }, netProfit, evaluation, reason }) =>
      reason === null ? [] : [{ cycleId, reason, netProfit: `${netProfit}`, evaluation }],
    );
    const models = { champion: standing.champion ?? OWN_MODEL, challenger: standing.challenger };
    const explored = worth.length > 1 && ofLearner.random() < 0.05;
    messages.push(
      message(
        "opportunityScored",
        {
          kind: "opportunity-scored",
          v: 1,
          ...envelope(cycleId),
          epoch,
          causeSequence: 1,
          ranking: by,
          ...models,
          unfit: by === "none" ? "refused" : null,
          explored,
          featureSchema: SCHEMA_HASH,
          seen: { market: 0, money: 0, models: 0 },
          phantoms: [],
          maxNextBaseFeePerGas: `${nextBaseFee}`,
          priorityFeePerGas: `${GWEI / 10n}`,
          opportunities: worth.map(({ candidate: each, gasCost, netProfit, evaluation }, rank) => ({
            cycleId: each.cycleId,
            gasCost: `${gasCost}`,
            netProfit: `${netProfit}`,
            rank,
            evaluation,
          })),
          rejected,
        },
        { id: `scored:${blockHash}`, atMs: cycleAtMs + 2 },
      ),
    );
    toBeLabelled.push({
      place: envelope(`scored:${blockHash}`),
      epoch,
      models,
      ranking: by,
      explored,
      candidates: [...worth, ...judged.filter(({ reason }) => reason !== null)].map(
        ({ candidate: { cycleId, grossProfit }, netProfit, evaluation, reason }, rank) => ({
          executionId: hashOf(`${cycleId} ${blockHash} execution`),
          label: { cycleId, rank, rejected: reason, grossProfit, netProfit: `${netProfit}`, evaluation },
        }),
      ),
    });
    if (toBeLabelled.length > LABELLED_AFTER_BLOCKS) messages.push(label(toBeLabelled.shift() as Ranked, cycleAtMs + 300));
    messages.push(...learn(cycleAtMs + 310));

    let atMs = cycleAtMs + 3;
    for (const { candidate: each, netProfit } of worth.slice(0, 2)) {
      const executionId = hashOf(`${each.cycleId} ${blockHash} execution`);
      const transactionHash = hashOf(`${executionId} transaction`);
      const execution = {
        executionId,
        candidate: each,
        cycleId: each.cycleId,
        transactionHash,
        gasUsed: each.gasEstimate - between(1_000, 30_000),
      };
      const target = { targetBlock: blockNumber + 1 };
      nonce += 1;
      atMs += 1;
      messages.push(
        message(
          "executionPlanned",
          {
            kind: "execution-planned",
            v: 1,
            ...envelope(),
            ...of(execution),
            ...target,
            mode,
            leaseEpoch: 1,
            contract,
            calldata: "0x00",
            nonce,
            gasLimit: each.gasEstimate * 2,
            maxFeePerGas: `${nextBaseFee * 2n}`,
            maxPriorityFeePerGas: "0",
            expectedNetProfit: `${netProfit}`,
            candidate: each,
          },
          { id: `planned:${executionId}`, atMs },
        ),
      );
      if (random() < 0.12) {
        const code = pick(["simulation-reverted", "unprofitable-after-simulation", "stale"] as const);
        const body = { kind: "execution-failed", v: 1, ...envelope(), ...of(execution), code, detail: "" } as const;
        messages.push(message("executionFailed", body, { id: `failed:${executionId}`, atMs: atMs + 2 }));
        ends.set(executionId, { executionId, mode, end: "failed", code, landing: null });
        continue;
      }
      const simulated = { gasUsed: execution.gasUsed, nonce, transactionHash: mode === "paper" ? null : transactionHash };
      messages.push(
        message(
          "executionSimulated",
          { kind: "execution-simulated", v: 1, ...envelope(), ...of(execution), ...target, ...simulated },
          { id: `simulated:${executionId}`, atMs: atMs + 4 },
        ),
      );
      inFlight.push(execution);
      if (mode !== "live") continue;
      const submittedAtMs = atMs + between(5, 16);
      messages.push(
        message(
          "executionSubmitted",
          {
            kind: "execution-submitted",
            v: 1,
            ...envelope(),
            ...of(execution),
            ...target,
            transactionHash,
            relay: "local",
            bundleHash: hashOf(`${executionId} bundle`),
            submittedAtMs,
          },
          { id: `submitted:${executionId}`, atMs: submittedAtMs },
        ),
      );
    }
    consumed += messages.length;
    return messages;
  };
  let lastLanded: Execution[] = [];
  let parentOfLast = blockHash;

  return { chain, nextBlock, heartbeats, message };
}
