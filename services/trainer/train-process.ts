/**
 * Trains a model in a process of its own, at the lowest priority: reads an order as JSON from standard input and the labels from the broker, stores what comes
 * of it, and prints one line of JSON, a TrainingResult. The same order gives the same model as long as the stream holds its labels.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Bus } from "#libs/actor/bus.ts";
import { saveModel } from "#libs/actor/models.ts";
import { readLabels } from "#libs/history/labels.ts";
import { sequenceOfBlock } from "#libs/history/start.ts";
import { datasetOf } from "#libs/ml/dataset.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import { DEFAULT_OPTIONS, type TrainingFailure, trainEnsemble } from "#libs/ml/train.ts";
import { findXgboost } from "#libs/ml/xgboost.ts";
import { streamName } from "#proto/subjects.ts";
import type { TrainingResult } from "#services/trainer/learning.ts";
import type { TrainingOrder } from "#services/trainer/training.ts";

setPriority(constants.priority.PRIORITY_LOW);

function inWords(failure: TrainingFailure): string {
  return failure.code === "too-few-rows"
    ? `too few rows to ${failure.window}: ${failure.rows}, ${failure.needed} are needed`
    : `too few of one outcome to ${failure.window}: ${failure.landed} of ${failure.rows} landed`;
}

async function train({ broker, chain, request }: TrainingOrder): Promise<TrainingResult> {
  const bus = await Bus.connect({ ...broker, name: `hyperspeed training ${chain}` });
  const directory = await mkdtemp(join(tmpdir(), "hyperspeed-training-"));
  try {
    const firstSequence = await sequenceOfBlock(bus, "outcomeLabelled", chain, request.firstBlock);
    const { lastSequence, seed, parent } = request;
    const labels = await readLabels(bus, chain, { firstSequence, lastSequence });
    const dataset = datasetOf(labels.filter(({ blockNumber }) => blockNumber >= request.firstBlock));
    const trained = await trainEnsemble(dataset, { ...DEFAULT_OPTIONS, xgboost: findXgboost(), seed });
    if (!trained.ok) return { ok: false, detail: inWords(trained.error) };
    const origin = `Labels of ${streamName("DECISIONS", chain)}, sequences ${firstSequence} to ${lastSequence}`;
    const published = await publishModel(trained.value, dataset, { root: directory, name: chain, parent, origin });
    if (!published.ok) return { ok: false, detail: `evaluators differ: ${JSON.stringify(published.error.parity)}` };
    const { folder, manifest, microsPerRow } = published.value;
    const { rows, landed, firstBlock, lastBlock } = manifest.data;
    const { auc, logLoss, ece } = manifest.metrics;
    return {
      ok: true,
      name: manifest.name,
      version: manifest.version,
      featureSchema: manifest.schemaHash,
      engine: `${manifest.engine.trees} ${manifest.engine.version}`,
      bytes: await saveModel(bus, chain, folder),
      rows,
      landed,
      firstBlock,
      lastBlock,
      auc,
      logLoss,
      ece,
      microsPerRow,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
    await bus.close();
  }
}

const order = JSON.parse(await text(process.stdin)) as TrainingOrder;
process.stdout.write(`${JSON.stringify(await train(order))}\n`);
