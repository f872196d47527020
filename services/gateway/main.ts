import type { Actor, Effect } from "#libs/actor/actor.ts";
import type { Bus } from "#libs/actor/bus.ts";
import { REPLICA } from "#libs/actor/instance.ts";
import type { ActorSpec, Follow } from "#libs/actor/run.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { MODEL_KEYS } from "#libs/ml/standing.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { SubjectKey } from "#proto/subjects.ts";
import type { ModelEvent } from "#services/gateway/api.ts";
import { type GatewayConfig, gatewayConfig } from "#services/gateway/config.ts";
import { type AskQuote, createGatewayServer, type GatewayServer } from "#services/gateway/http.ts";
import type { ReadModel } from "#services/gateway/model.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";

export interface GatewaySettings {
  readonly chains: readonly { readonly config: ChainConfig; readonly mode: Mode }[];
  readonly options: Partial<GatewayConfig>;
  readonly version: string;
}

/** Market messages looked back over at the start, for heads and pool counts: snapshots come every 64 blocks of some six messages. */
const MARKET_LOOK_BACK = 2_000;

/** A quote stands behind a block's search at most. */
const QUOTE_WAIT_MS = 2_000;

const MARKET_KEYS = [
  "blockObserved",
  "blockReorged",
  "poolDiscovered",
  "poolSnapshotted",
  "poolJudged",
  "priceChanged",
  "tvlChanged",
  "arbitrageObserved",
] as const;
const DECISION_KEYS = ["cycleFound", "opportunityScored", "outcomeLabelled"] as const;
const MONEY_KEYS = [
  "executionPlanned",
  "executionSimulated",
  "executionSubmitted",
  "executionLanded",
  "executionFailed",
  "executionExpired",
  "executionReorged",
  "tradeSettled",
] as const;

type Keys = Exclude<SubjectKey, "poolChanged">;
type Request = { readonly call: "broadcast"; readonly events: readonly ModelEvent[] };
type Reply = { readonly kind: "broadcast-done" };

/** Folds every fact stream into one read model, and tells the clients what changed. */
const gateway: Actor<ReadModel, null, Keys, Request, Reply> = {
  name: "gateway",
  decide(model, input) {
    if (input.type !== "message") return { state: model, effects: [] };
    const events = applyMessage(model, input);
    const effects: Effect<Request>[] = events.length === 0 ? [] : [{ type: "call", request: { call: "broadcast", events } }];
    if (input.key === "blockObserved") effects.push({ type: "finished-block", blockNumber: input.body.blockNumber });
    return { state: model, effects };
  },
};

export interface GatewaySpec {
  readonly spec: ActorSpec<ReadModel, null, Keys, Request, Reply>;
  /** Binds the port before the actor runs, so that a taken one is known at once. */
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  allowOrigin(origin: string): void;
}

export function gatewaySpec(settings: GatewaySettings): GatewaySpec {
  const config = gatewayConfig(settings.options);
  const model = initialReadModel({ chains: settings.chains, bounds: config });
  let caughtUp = false;
  let broker: Bus | null = null;
  const askQuote: AskQuote = async (chain, request) => (await broker?.ask("quote", chain, request, QUOTE_WAIT_MS)) ?? null;
  const server: GatewayServer = createGatewayServer({ model, config, version: settings.version, isCaughtUp: () => caughtUp, askQuote });
  return {
    listen: () => server.listen(),
    allowOrigin: (origin) => server.allowOrigin(origin),
    spec: {
      actor: gateway,
      config: null,
      chain: null,
      instance: `gateway-${REPLICA}`,
      async boot({ bus }) {
        broker = bus;
        const inputs: Follow[] = [
          { stream: "CONTROL", chain: null, keys: ["actorHeartbeat"], tokens: {}, startSequence: 1 },
          { stream: "DEAD_LETTERS", chain: null, keys: ["messageBuried"], tokens: {}, startSequence: 1 },
        ];
        for (const { config: chain } of settings.chains) {
          const tokens = { chain: chain.key };
          // Prices and values from their last whole sets on.
          const sets = [
            await bus.lastOf("priceChanged", { ...tokens, scope: "all" }),
            await bus.lastOf("tvlChanged", { ...tokens, scope: "all" }),
          ].flatMap((set) => (set === null ? [] : [set.meta.sequence]));
          const market = Math.max(1, Math.min((await bus.lastSequence("MARKET", chain.key)) - MARKET_LOOK_BACK, ...sets));
          inputs.push(
            { stream: "MARKET", chain: chain.key, keys: MARKET_KEYS, tokens, startSequence: market },
            { stream: "DECISIONS", chain: chain.key, keys: DECISION_KEYS, tokens, startSequence: 1 },
            { stream: "MONEY", chain: chain.key, keys: MONEY_KEYS, tokens, startSequence: 1 },
            { stream: "MODELS", chain: chain.key, keys: MODEL_KEYS, tokens, startSequence: 1 },
          );
        }
        return { state: model, inputs };
      },
      onReady() {
        caughtUp = true;
      },
      async call({ events }) {
        for (const event of events) server.broadcast(event);
        return { kind: "broadcast-done" };
      },
      close: () => server.close(),
    },
  };
}
