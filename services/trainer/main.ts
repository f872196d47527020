import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec, Follow } from "#libs/actor/run.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import { historyStart, type Start } from "#libs/history/start.ts";
import {
  type Config,
  initialState,
  KEPT_BLOCKS,
  KEYS,
  type Keys,
  type Reply,
  type Request,
  type State,
  trainer,
} from "#services/trainer/actor.ts";
import { type TrainerSettings, trainerConfig } from "#services/trainer/config.ts";

/** Where to begin, and the block from which on there are labels to give. The last labels tell; where there are none, the head. */
async function placeOf(bus: Bus, chain: string): Promise<{ readonly start: Start; readonly labelFrom: number }> {
  const last = (await bus.lastOf("outcomeLabelled", { chain })) ?? (await bus.lastOf("blockObserved", { chain }));
  const labelFrom = Math.max(0, (last?.body.blockNumber ?? 0) - KEPT_BLOCKS);
  return { start: await historyStart(bus, chain, labelFrom), labelFrom };
}

export function trainerSpec(settings: TrainerSettings): ActorSpec<State, Config, Keys, Request, Reply> {
  const config = trainerConfig(settings);
  const { chain } = config;
  let bus: Bus | null = null;
  return {
    actor: trainer,
    config,
    chain,
    instance: `trainer-${chain}`,
    lease: `trainer.${chain}`,
    async boot(context) {
      bus = context.bus;
      const { start, labelFrom } = await placeOf(bus, chain);
      const follow = (stream: keyof typeof KEYS): Follow => ({
        mode: "follow",
        stream,
        chain,
        keys: KEYS[stream],
        tokens: { chain },
        startSequence: start[stream],
      });
      return {
        state: initialState(config, { DECISIONS: start.DECISIONS - 1, MONEY: start.MONEY - 1 }, labelFrom),
        inputs: [follow("DECISIONS"), follow("MONEY"), follow("MARKET")],
      };
    },
    async call(request): Promise<Reply> {
      const broker = bus as Bus;
      if (request.call === "load-snapshot")
        return { kind: "snapshot-loaded", dex: request.dex, snapshot: await loadSnapshot(broker, chain, request.object) };
      const [decisions, money] = await Promise.all([broker.lastSequence("DECISIONS", chain), broker.lastSequence("MONEY", chain)]);
      return { kind: "ends-read", decisions, money };
    },
  };
}
