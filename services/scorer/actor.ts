import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { maxNextBaseFee } from "#libs/evm/gas-price.ts";
import { branchOf } from "#libs/history/blocks.ts";
import { type About, HISTORY_KEYS, History } from "#libs/history/history.ts";
import { SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { isNetProfits, MODEL_KEYS, type ModelStanding, type RankingChoice, standingAfter } from "#libs/ml/standing.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { Unfit } from "#proto/opportunity/v1/scored.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type By, drawOf, type Evaluated, evaluate, gateOf, inOrder, type Priced, priced, type Worth } from "#services/scorer/ranking.ts";

export const KEYS = { ...HISTORY_KEYS, MODELS: MODEL_KEYS } as const;
export type Keys = (typeof KEYS)[keyof typeof KEYS][number];
type Found = Received<"cycleFound">;

export interface Config extends Worth {
  readonly chain: string;
  /** Wei per gas that an execution pays above the base fee. */
  readonly priorityFeePerGas: bigint;
  /** Wei. */
  readonly minNetProfit: bigint;
  /** What the lender takes of the borrowed amount, in 1e-6. */
  readonly loanFeePips: bigint;
  /** Who makes the order. `proven`: net profit, until a model of this chain's own has been promoted. `net-profit`: models score, and decide nothing. */
  readonly ranking: RankingChoice;
  /** Version of the model that the installation brings: champion until another is promoted. */
  readonly ownModel: string;
  /** A champion of which nothing has been heard for longer counts as stale. */
  readonly maxModelAgeMs: number;
  /** Share of blocks whose first place is drawn from all that pass. */
  readonly explorationShare: number;
}

export type Request = { readonly call: "load-model"; readonly version: string };
export type Reply = { readonly kind: "model-loaded"; readonly version: string; readonly kernel: Kernel | null };

export interface State {
  readonly history: History;
  /** Sequences through which these streams have been read. */
  readonly seen: { market: number; money: number; models: number };
  /** Answers of the search up to this sequence have their ranking. */
  readonly scoredThrough: number;
  /** What is about a block whose own message has not come yet, in order: each stream comes at its own pace, a replay's above all. */
  readonly waiting: { readonly DECISIONS: Found[]; readonly MONEY: Received<(typeof HISTORY_KEYS)["MONEY"][number]>[] };
  standing: ModelStanding;
  /** Version of the model that decides: the champion that stands, or the one before it until that has been loaded or refused. */
  champion: string;
  readonly models: Map<string, Model>;
}

/** A model that has been asked for. */
type Model = Kernel | "on-its-way" | "refused";
const kernelOf = ({ models }: State, version: string | null): Kernel | null => {
  const model = version === null ? undefined : models.get(version);
  return typeof model === "object" ? model : null;
};

export interface Beginning {
  /** Sequence of the last answer of the search that has its ranking. */
  readonly scored: number;
  /** Of models, and the sequence through which it has been read. */
  readonly standing: ModelStanding;
  readonly modelsThrough: number;
  /** All models that stand, null for those that were refused. */
  readonly models: ReadonlyMap<string, Kernel | null>;
}

export function initialState({ ownModel }: Config, { scored, standing, modelsThrough, models }: Beginning): State {
  const state: State = {
    history: new History(),
    seen: { market: 0, money: 0, models: modelsThrough },
    scoredThrough: scored,
    waiting: { DECISIONS: [], MONEY: [] },
    standing,
    champion: standing.champion ?? ownModel,
    models: new Map([...models].map(([version, kernel]) => [version, kernel ?? "refused"])),
  };
  for (const version of wanted(state, ownModel)) invariant(state.models.has(version), `model ${version} stands`);
  return state;
}

/** Versions of the models that score, and of those that may have to. */
export function standingVersions({ champion, challenger }: ModelStanding, ownModel: string): Set<string> {
  return new Set([ownModel, ...(champion === null ? [] : [champion]), ...(challenger === null ? [] : [challenger])]);
}
const wanted = ({ standing, champion }: State, ownModel: string): Set<string> => standingVersions(standing, ownModel).add(champion);

/**
 * Ranks a block's candidates: by what models expect of them, or by net profit. With each goes what had been seen of it, as a row of features, so that what is learnt
 * later rests on what was known at the time; and how far the streams had been read, so that a replay gives the same.
 */
export const scorer: Actor<State, Config, Keys, Request, Reply> = {
  name: "scorer",
  decide(state, input, config) {
    const effects: Effect<Request>[] = [];
    if (input.type === "reply") {
      const { version, kernel } = input.reply;
      // One that has lost its place meanwhile is let go of.
      if (state.models.has(version)) state.models.set(version, kernel ?? "refused");
      arrange(state, config, effects);
    } else if (input.type === "message") {
      const { meta } = input;
      switch (input.key) {
        case "modelTrained":
        case "modelPromoted":
        case "modelRejected":
        case "modelRolledBack":
        case "modelChecked":
          state.standing = standingAfter(state.standing, input.body);
          state.seen.models = meta.sequence;
          arrange(state, config, effects);
          break;
        case "cycleFound":
          state.waiting.DECISIONS.push(input);
          break;
        case "executionPlanned":
        case "executionSimulated":
        case "executionFailed":
        case "executionLanded":
          state.waiting.MONEY.push(input);
          break;
        default:
          state.history.apply(input.body);
          state.seen.market = meta.sequence;
      }
    }
    work(state, config, effects);
    return { state, effects };
  },
};

/** Hands over to the champion that stands once it is there, or refused; asks for models that stand, and lets go of those that do not. */
function arrange(state: State, { ownModel }: Config, effects: Effect<Request>[]): void {
  const { standing, models } = state;
  const champion = standing.champion ?? ownModel;
  if (models.has(champion) && models.get(champion) !== "on-its-way") state.champion = champion;
  const all = wanted(state, ownModel);
  for (const version of models.keys()) if (!all.has(version)) models.delete(version);
  for (const version of all) {
    if (models.has(version)) continue;
    models.set(version, "on-its-way");
    effects.push({ type: "call", request: { call: "load-model", version } });
  }
}

function work(state: State, config: Config, effects: Effect<Request>[]): void {
  const { waiting, history, seen } = state;
  const isDue = (message: { readonly body: About } | undefined) => message !== undefined && history.hasRead(message.body);
  while (isDue(waiting.MONEY[0])) {
    const { body, meta } = waiting.MONEY.shift() as (typeof waiting.MONEY)[number];
    history.apply(body);
    seen.money = meta.sequence;
  }
  while (isDue(waiting.DECISIONS[0])) take(state, waiting.DECISIONS.shift() as Found, config, effects);
}

function take(state: State, found: Found, config: Config, effects: Effect<Request>[]): void {
  const { history } = state;
  const { body, meta } = found;
  history.apply(body);
  const maxNextBaseFeePerGas = maxNextBaseFee(BigInt(body.baseFeePerGas));
  const gasPrice = maxNextBaseFeePerGas + config.priorityFeePerGas;
  const candidates = priced(body.candidates, gasPrice);
  if (meta.sequence > state.scoredThrough) effects.push(...score(state, found, candidates, { maxNextBaseFeePerGas, gasPrice }, config));
  history.blocks.setGasPrice(body, gasPrice);
}

/** Null also where it decides for the time being. */
const challengerOf = ({ standing, champion }: State): string | null => (standing.challenger === champion ? null : standing.challenger);

/** Who makes the order of this block, and what keeps the champion from it. */
function deciderOf(
  state: State,
  { body }: Found,
  hasRows: boolean,
  config: Config,
): { readonly by: By | null; readonly unfit: Unfit | null } {
  const { standing } = state;
  const isCanary = kernelOf(state, challengerOf(state)) !== null && drawOf("canary", body) < standing.canaryShare;
  const mayDecide = isCanary && config.ranking !== "net-profit";
  if (!mayDecide && isNetProfits(standing.champion, config.ownModel, config.ranking)) return { by: "net-profit", unfit: null };
  if (!hasRows) return { by: null, unfit: "no-features" };
  if (kernelOf(state, state.champion) === null) return { by: null, unfit: "refused" };
  if (standing.caredAtMs !== null && body.observedAtMs - standing.caredAtMs > config.maxModelAgeMs) return { by: null, unfit: "stale" };
  return { by: isCanary ? "challenger" : "champion", unfit: null };
}

function score(
  state: State,
  found: Found,
  candidates: readonly Priced[],
  { maxNextBaseFeePerGas, gasPrice }: { readonly maxNextBaseFeePerGas: bigint; readonly gasPrice: bigint },
  config: Config,
): Effect<Request>[] {
  const { standing, seen, champion } = state;
  const { body, meta } = found;
  const challenger = challengerOf(state);
  const kernels = { champion: kernelOf(state, champion), challenger: kernelOf(state, challenger) };
  const context = state.history.contextOf(body, { gasPrice, loanFeePips: config.loanFeePips, storedAtMs: meta.storedAtMs });
  const evaluations = evaluate(candidates, body.cyclesFound, context, kernels, config);
  const all = candidates.map((each, place): Evaluated => ({ ...each, evaluation: evaluations[place] as Evaluated["evaluation"] }));
  const { by, unfit } = deciderOf(state, found, context !== null, config);
  const phantoms = state.history.blocks.phantoms();
  const limits = { minNetProfit: config.minNetProfit, phantoms: new Set(phantoms), cautious: standing.drift === "act" };
  const judged = all.map((each) => ({ ...each, reason: by === null ? ("no-model" as const) : gateOf(each, by, limits) }));
  const passed = inOrder(
    judged.filter(({ reason }) => reason === null),
    by ?? "net-profit",
  );
  const explored = passed.length > 1 && drawOf("explore", body) < config.explorationShare;
  if (explored) passed.unshift(...passed.splice(Math.floor(drawOf("explored place", body) * passed.length), 1));
  const rejected = judged.flatMap(({ candidate: { cycleId }, netProfit, evaluation, reason }) =>
    reason === null ? [] : [{ cycleId, reason, netProfit: netProfit.toString(), evaluation }],
  );
  const scored: BodyOf<"opportunityScored"> = {
    kind: "opportunity-scored",
    v: 1,
    chainId: body.chainId,
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    observedAtMs: body.observedAtMs,
    causeId: meta.id,
    epoch: body.epoch,
    causeSequence: meta.sequence,
    ranking: by ?? "none",
    champion: kernels.champion === null ? null : champion,
    challenger: kernels.challenger === null ? null : challenger,
    unfit,
    explored,
    featureSchema: SCHEMA_HASH,
    seen: { ...seen },
    maxNextBaseFeePerGas: maxNextBaseFeePerGas.toString(),
    priorityFeePerGas: config.priorityFeePerGas.toString(),
    phantoms,
    opportunities: passed.map(({ candidate: { cycleId }, gasCost, netProfit, evaluation }, rank) => ({
      cycleId,
      gasCost: gasCost.toString(),
      netProfit: netProfit.toString(),
      rank,
      evaluation,
    })),
    rejected,
  };
  const reasons = Map.groupBy(rejected, ({ reason }) => reason);
  return [
    publish("opportunityScored", { chain: config.chain }, `opportunities:${config.chain}:${branchOf(body)}`, scored),
    count("opportunities", {}, passed.length),
    ...[...reasons].map(([reason, those]) => count("candidatesRejected", { reason }, those.length)),
    count("phantomPools", {}, phantoms.length),
    count("modelUnfit", { reason: unfit ?? "none" }, 1),
    { type: "finished-block", blockNumber: body.blockNumber },
  ];
}
