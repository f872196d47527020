import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "#libs/actor/bus.ts";
import { fetchModel } from "#libs/actor/models.ts";
import type { ActorSpec, Follow } from "#libs/actor/run.ts";
import { historyStart } from "#libs/history/start.ts";
import { ownModel } from "#libs/ml/installed.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { describeFailure, openKernel } from "#libs/ml/model-folder.ts";
import { proveModel } from "#libs/ml/prove.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { type Config, initialState, KEYS, type Keys, type Reply, type Request, type State, scorer } from "#services/scorer/actor.ts";
import { type ScorerSettings, scorerConfig } from "#services/scorer/config.ts";

/** Candidates of a block at most, far above what a search returns: the kernel's memory is laid out for them. */
const KERNEL_ROWS = 256;

export function scorerSpec(settings: ScorerSettings): ActorSpec<State, Config, Keys, Request, Reply> {
  const installed = ownModel();
  const config = scorerConfig(settings, installed.version);
  const { chain } = config;
  let bus: Bus | null = null;
  let log: Logger | null = null;

  /** Null, with the reason in the log, for a model that is not there or not what it says. */
  async function loadModel(version: string): Promise<Kernel | null> {
    const directory = await mkdtemp(join(tmpdir(), "hyperspeed-model-"));
    const refuse = (why: string) => {
      log?.error({ version, why }, "model refused: nothing is traded on it");
      return null;
    };
    try {
      const folder = version === installed.version ? installed.folder : await fetchModel(bus as Bus, chain, version, directory);
      if (folder === null) return refuse("the store does not have it");
      const failure = await proveModel(folder);
      if (failure !== null) return refuse(describeFailure(failure));
      const opened = await openKernel(folder, { capacity: KERNEL_ROWS });
      if (!opened.ok) return refuse(describeFailure(opened.error));
      log?.info({ version, name: opened.value.manifest.name }, "model loaded");
      return opened.value.kernel;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  return {
    actor: scorer,
    config,
    chain,
    instance: `scorer-${chain}`,
    lease: `scorer.${chain}`,
    async boot(context) {
      ({ bus, log } = context);
      const [last, head, own] = await Promise.all([
        bus.lastOf("opportunityScored", { chain }),
        bus.lastOf("blockObserved", { chain }),
        loadModel(installed.version),
      ]);
      const start = await historyStart(
        bus,
        chain,
        Math.min(last?.body.blockNumber ?? Number.POSITIVE_INFINITY, head?.body.blockNumber ?? 0),
      );
      const follow = (stream: keyof typeof KEYS, startSequence: number): Follow => ({
        mode: "follow",
        stream,
        chain,
        keys: KEYS[stream],
        tokens: { chain },
        startSequence,
      });
      return {
        state: initialState({ scored: last?.body.causeSequence ?? 0 }, new Map([[installed.version, own]])),
        inputs: [
          follow("MODELS", 1),
          follow("MARKET", start.MARKET),
          follow("DECISIONS", Math.min(start.DECISIONS, (last?.body.causeSequence ?? start.DECISIONS - 1) + 1)),
          follow("MONEY", start.MONEY),
        ],
      };
    },
    async call({ version }): Promise<Reply> {
      return { kind: "model-loaded", version, kernel: await loadModel(version) };
    },
  };
}
