import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Received } from "#libs/actor/actor.ts";
import type { Bus } from "#libs/actor/bus.ts";
import { fetchModel } from "#libs/actor/models.ts";
import type { ActorSpec, Follow } from "#libs/actor/run.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import { historyStart, type Start, sequenceOfBlock } from "#libs/history/start.ts";
import { type ModelDistribution, readDistribution } from "#libs/ml/distribution.ts";
import { ownModel } from "#libs/ml/installed.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import {
  type Config,
  initialState,
  KEPT_BLOCKS,
  KEYS,
  type Keys,
  type Reply,
  type Request,
  remember,
  type State,
  trainer,
} from "#services/trainer/actor.ts";
import { type TrainerSettings, trainerConfig } from "#services/trainer/config.ts";
import { noLearning } from "#services/trainer/learning.ts";
import { startTraining } from "#services/trainer/training.ts";
import { lastLookOf } from "#services/trainer/trial.ts";

/** Where to begin, and the block from which on there are labels to give. The last labels tell; where there are none, the head. */
async function placeOf(
  bus: Bus,
  chain: string,
): Promise<{ readonly start: Start; readonly labelFrom: number; readonly lastBlock: number }> {
  const last = (await bus.lastOf("outcomeLabelled", { chain })) ?? (await bus.lastOf("blockObserved", { chain }));
  const lastBlock = last?.body.blockNumber ?? 0;
  const labelFrom = Math.max(0, lastBlock - KEPT_BLOCKS);
  return { start: await historyStart(bus, chain, labelFrom), labelFrom, lastBlock };
}

/**
 * Labels that learning rests on and that lie before `before`: since the last training, with what a check of drift looks back on. Never more than a trial or the way
 * to a training can take: where neither has come about for longer, counting begins anew.
 */
async function earlierLabels(
  bus: Bus,
  { chain, learning: { drift, training, trial } }: Config,
  { lastBlock, before }: { readonly lastBlock: number; readonly before: number },
): Promise<Received<"outcomeLabelled">[]> {
  let trainedAt = 0;
  for await (const message of bus.read("MODELS", chain, 1, ["modelTrained", "modelRejected"])) {
    const body = message?.body;
    if (body?.kind === "model-trained" || (body?.kind === "model-rejected" && body.reason === "training-failed"))
      trainedAt = body.blockNumber;
  }
  const memory = drift.windowBlocks + Math.max(2 * training.everyBlocks, 2 * lastLookOf({ kind: "shadow" }, trial));
  const from = await sequenceOfBlock(bus, "outcomeLabelled", chain, Math.max(lastBlock - memory, trainedAt - drift.windowBlocks));
  if (from >= before) return [];
  const labels: Received<"outcomeLabelled">[] = [];
  for await (const message of bus.read("DECISIONS", chain, from, ["outcomeLabelled"])) {
    if (message?.body.kind !== "outcome-labelled") continue;
    if (message.meta.sequence >= before) break;
    labels.push({ type: "message", key: "outcomeLabelled", body: message.body, meta: message.meta });
  }
  return labels;
}

export function trainerSpec(settings: TrainerSettings): ActorSpec<State, Config, Keys, Request, Reply> {
  const installed = ownModel();
  const config = trainerConfig(settings, installed.version);
  const { chain } = config;
  let bus: Bus | null = null;
  let log: Logger | null = null;
  let emit: ((reply: Reply) => void) | null = null;
  let running: { stop(): Promise<void> } | null = null;

  async function loadDistribution(version: string): Promise<ModelDistribution | null> {
    if (version === installed.version) return readDistribution(installed.folder);
    const directory = await mkdtemp(join(tmpdir(), "hyperspeed-model-"));
    try {
      const folder = await fetchModel(bus as Bus, chain, version, directory);
      return folder === null ? null : await readDistribution(folder);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  return {
    actor: trainer,
    config,
    chain,
    instance: `trainer-${chain}`,
    lease: `trainer.${chain}`,
    async boot(context) {
      ({ bus, log } = context);
      const { start, labelFrom, lastBlock } = await placeOf(bus, chain);
      const starts = { ...start, MODELS: 1 };
      const follow = (stream: keyof typeof KEYS): Follow => ({
        stream,
        chain,
        keys: KEYS[stream],
        tokens: { chain },
        startSequence: starts[stream],
      });
      const distribution = { version: installed.version, of: await readDistribution(installed.folder) };
      const through = { DECISIONS: start.DECISIONS - 1, MONEY: start.MONEY - 1 };
      const state = initialState(config, through, labelFrom, noLearning(distribution));
      remember(state, await earlierLabels(bus, config, { lastBlock, before: start.DECISIONS }));
      return { state, inputs: [follow("DECISIONS"), follow("MONEY"), follow("MODELS"), follow("MARKET")] };
    },
    async call(request): Promise<Reply> {
      const broker = bus as Bus;
      switch (request.call) {
        case "load-snapshot":
          return { kind: "snapshot-loaded", dex: request.dex, snapshot: await loadSnapshot(broker, chain, request.object) };
        case "load-distribution":
          return { kind: "distribution-loaded", version: request.version, distribution: await loadDistribution(request.version) };
        case "train": {
          // Minutes: its end comes by itself, so that draining need not wait for it.
          const training = startTraining(broker.options, { chain, request });
          running = training;
          void training.done.then((result) => {
            log?.info({ ...result, blockNumber: request.at.blockNumber }, "training ended");
            running = null;
            if (result !== null) emit?.({ kind: "training-ended", request, result });
          });
          return { kind: "training-begun" };
        }
        case "read-ends": {
          const [decisions, money, models] = await Promise.all([
            broker.lastSequence("DECISIONS", chain),
            broker.lastSequence("MONEY", chain),
            broker.lastSequence("MODELS", chain),
          ]);
          return { kind: "ends-read", decisions, money, models };
        }
      }
    },
    async source(given) {
      emit = given;
      return async () => {
        emit = null;
        await running?.stop();
      };
    },
  };
}
