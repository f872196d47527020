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
import { NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import {
  type Config,
  initialState,
  KEYS,
  type Keys,
  type Reply,
  type Request,
  type State,
  scorer,
  standingVersions,
} from "#services/scorer/actor.ts";
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
      if (opened.value.manifest.version !== version) return refuse(`it is ${opened.value.manifest.version}`);
      log?.info({ version, name: opened.value.manifest.name }, "model loaded");
      return opened.value.kernel;
    } catch (cause) {
      // Whatever lies in the store under a model's name: it is no reason to stop watching.
      if (!(cause instanceof InvariantError)) throw cause;
      return refuse(cause.message);
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
      const modelsThrough = await bus.lastSequence("MODELS", chain);
      let standing = NO_STANDING;
      for await (const message of bus.read("MODELS", chain))
        if (message !== null && message.meta.sequence <= modelsThrough) standing = standingAfter(standing, message.body);
      const [last, head, ...models] = await Promise.all([
        bus.lastOf("opportunityScored", { chain }),
        bus.lastOf("blockObserved", { chain }),
        // Of all that ever were only those that stand.
        ...[...standingVersions(standing, installed.version)].map(async (version) => [version, await loadModel(version)] as const),
      ]);
      const start = await historyStart(
        bus,
        chain,
        Math.min(last?.body.blockNumber ?? Number.POSITIVE_INFINITY, head?.body.blockNumber ?? 0),
      );
      const follow = (stream: keyof typeof KEYS, startSequence: number): Follow => ({
        stream,
        chain,
        keys: KEYS[stream],
        tokens: { chain },
        startSequence,
      });
      return {
        state: initialState(config, { scored: last?.body.causeSequence ?? 0, standing, modelsThrough, models: new Map(models) }),
        inputs: [
          follow("MODELS", modelsThrough + 1),
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
