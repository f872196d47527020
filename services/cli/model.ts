import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Bus, FencedError } from "#libs/actor/bus.ts";
import { fetchModel, saveModel } from "#libs/actor/models.ts";
import { Pairs } from "#libs/ml/comparison.ts";
import { lessonOf } from "#libs/ml/dataset.ts";
import { modelScoreAt } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT, FEATURES } from "#libs/ml/features.ts";
import { ownModel } from "#libs/ml/installed.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { auc, logLoss } from "#libs/ml/metrics.ts";
import { describeFailure, type Manifest, openKernel } from "#libs/ml/model-folder.ts";
import { proveModel } from "#libs/ml/prove.ts";
import { type ModelStanding, NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import { UserError } from "#libs/units/invariant.ts";
import type { Comparison, ModelChecked, ModelTrained } from "#proto/model/v1/events.ts";
import type { ModelScore } from "#proto/opportunity/v1/scored.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";
import type { AnyBody, BodyOf } from "#proto/subjects.ts";
import { readSources } from "#services/cli/label-source.ts";
import { textTable } from "#services/cli/table.ts";
import { manifestText } from "#services/cli/train.ts";

/** Where a chain's models are. */
export interface Where {
  readonly chain: string;
  readonly natsUrl: string;
}

interface History {
  readonly standing: ModelStanding;
  readonly events: readonly AnyBody[];
}

async function withBus<Value>({ chain, natsUrl }: Where, use: (bus: Bus) => Promise<Value>): Promise<Value> {
  const bus = await Bus.connect({ servers: [natsUrl], name: "hyperspeed model" });
  try {
    // A chain that nothing has run on has no streams: the first question says so.
    await bus.lastSequence("MODELS", chain).catch((cause) => {
      throw new UserError(
        `the server holds nothing of chain ${chain}: ${(cause as Error).message}`,
        "name a chain that has been run there",
        { cause },
      );
    });
    return await use(bus);
  } finally {
    await bus.close();
  }
}

/** Everything that has been said of a chain's models, and what stands after it. */
export async function historyOf(bus: Bus, chain: string): Promise<History> {
  let standing = NO_STANDING;
  const events: AnyBody[] = [];
  for await (const message of bus.read("MODELS", chain)) {
    if (message === null) continue;
    standing = standingAfter(standing, message.body);
    events.push(message.body);
  }
  return { standing, events };
}

type Ranking = BodyOf<"opportunityScored">["ranking"];
type Fate = "champion" | "canary" | "challenger" | "former champion" | "rejected" | "rolled back" | "superseded" | "trained";

export interface Shown {
  readonly chain: string;
  /** Who made the newest order; null where nothing has been ranked. */
  readonly ranking: Ranking | null;
  readonly champion: string;
  readonly challenger: string | null;
  readonly canaryShare: number;
  readonly drift: ModelChecked | null;
  readonly models: readonly {
    readonly version: string;
    readonly fate: Fate;
    readonly trained: ModelTrained | null;
    readonly why: string;
  }[];
  readonly failedTrainings: number;
}

/** What stands, and what became of each model, newest last. */
export function shownOf(chain: string, { standing, events }: History, installed: string, ranking: Ranking | null): Shown {
  const models = new Map<string, { version: string; fate: Fate; trained: ModelTrained | null; why: string }>();
  const of = (version: string) => {
    const known = models.get(version) ?? {
      version,
      fate: "trained" as Fate,
      trained: null,
      why: version === installed ? "comes with the installation" : "",
    };
    models.set(version, known);
    return known;
  };
  let [drift, failedTrainings]: [ModelChecked | null, number] = [null, 0];
  of(installed);
  for (const body of events) {
    if (body.kind === "model-trained") of(body.version).trained = body;
    else if (body.kind === "model-promoted") Object.assign(of(body.version), { fate: "superseded", why: `promoted by ${body.by}` });
    else if (body.kind === "model-rolled-back")
      Object.assign(of(body.version), { fate: "rolled back", why: `by ${body.by} ${body.detail}`.trim() });
    else if (body.kind === "model-checked") drift = body;
    else if (body.kind === "model-rejected" && body.version !== null)
      Object.assign(of(body.version), { fate: "rejected", why: `${body.reason}: ${body.detail}` });
    else if (body.kind === "model-rejected") failedTrainings++;
  }
  const champion = standing.champion ?? installed;
  of(champion).fate = "champion";
  const { challenger, canaryShare, challengerIsFormer } = standing;
  if (challenger !== null && challenger !== champion)
    of(challenger).fate = challengerIsFormer ? "former champion" : canaryShare > 0 ? "canary" : "challenger";
  return {
    chain,
    ranking,
    champion,
    challenger,
    canaryShare,
    drift: drift?.version === champion ? drift : null,
    models: [...models.values()],
    failedTrainings,
  };
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

function shownText({ chain, ranking, champion, challenger, canaryShare, drift, models, failedTrainings }: Shown): string {
  const beside =
    challenger === null || challenger === champion
      ? "nobody"
      : `${challenger}${canaryShare > 0 ? `, which decides ${canaryShare * 100} % of the blocks` : ", which only scores"}`;
  const health =
    drift === null
      ? "not checked yet"
      : `${drift.level} at block ${drift.blockNumber}: ${drift.candidates} candidates of ${drift.blocks} blocks, log-loss ${short(drift.logLoss)}, calibration off by ${short(drift.ece)}`;
  const off = (drift?.featurePsi ?? [])
    .map((psi, column) => ({ name: FEATURES[column]?.name ?? "", psi }))
    .sort((left, right) => right.psi - left.psi)
    .slice(0, 3);
  const reasons = drift === null || drift.reasons.length === 0 ? "" : `because    ${drift.reasons.join("; ")}\n`;
  const moved =
    off.length === 0
      ? ""
      : `moved most ${off.map(({ name, psi }) => `${name} ${short(psi)}`).join(", ")} (stability index; landing ${short(drift?.scorePsi ?? 0)})\n`;
  const decider = ranking === "net-profit" ? `net profit, as last ranked; ${champion} scores and decides nothing` : champion;
  const rows = models.map(({ version, fate, trained, why }) => [
    version,
    fate,
    trained === null ? "" : String(trained.rows),
    trained === null ? "" : short(trained.auc),
    trained === null ? "" : short(trained.logLoss),
    trained === null ? "" : short(trained.ece),
    why,
  ]);
  const table = textTable(["version", "is", "rows", "AUC", "log-loss", "ECE", ""], rows, ["rows", "AUC", "log-loss", "ECE"]);
  const failed = failedTrainings === 0 ? "" : `${failedTrainings} trainings came to nothing\n`;
  return `chain      ${chain}\ndecides    ${decider}\nbeside it  ${beside}\nchampion   ${health}\n${reasons}${moved}\n${table}${failed}`;
}

export async function showModels(where: Where, json: boolean): Promise<void> {
  const { chain } = where;
  const shown = await withBus(where, async (bus) => {
    const ranking = (await bus.lastOf("opportunityScored", { chain }))?.body.ranking ?? null;
    return shownOf(chain, await historyOf(bus, chain), ownModel().version, ranking);
  });
  process.stdout.write(json ? `${JSON.stringify(shown)}\n` : shownText(shown));
}

const isFolder = (model: string): boolean => existsSync(join(model, "manifest.json"));

/** Finds a model: a folder, the installed one's version, or a version in the store; the last two in this order. Throws `UserError` where there is none. */
async function findModel(model: string, where: Where | null, directory: string): Promise<string> {
  if (isFolder(model)) return resolve(model);
  const installed = ownModel();
  if (model === installed.version) return installed.folder;
  const isVersion = /^[0-9a-f]{16}$/.test(model);
  if (!isVersion)
    throw new UserError(`${model} is no model`, "name a model's folder (with its manifest.json) or a version of 16 hexadecimal digits");
  if (where === null)
    throw new UserError(`${model} is not the model of this installation`, "name the store to look in with --chain and --nats, or a folder");
  const folder = await withBus(where, (bus) => fetchModel(bus, where.chain, model, directory));
  if (folder === null)
    throw new UserError(`the store of ${where.chain} has no model ${model}`, "`hyperspeed model show` lists those that it has had");
  return folder;
}

async function withDirectory<Value>(use: (directory: string) => Promise<Value>): Promise<Value> {
  const directory = await mkdtemp(join(tmpdir(), "hyperspeed-model-"));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function showModel(model: string, where: Where | null, json: boolean): Promise<void> {
  await withDirectory(async (directory) => {
    const manifest = JSON.parse(await readFile(join(await findModel(model, where, directory), "manifest.json"), "utf8")) as Manifest;
    process.stdout.write(json ? `${JSON.stringify(manifest)}\n` : manifestText(manifest));
  });
}

async function openOrSay(folder: string): Promise<{ readonly manifest: Manifest; readonly kernel: Kernel }> {
  const opened = await openKernel(folder, { capacity: CAPACITY });
  if (!opened.ok) throw new UserError(`${folder}: ${describeFailure(opened.error)}`, "train it anew with `hyperspeed train`");
  return opened.value;
}

const CAPACITY = 4_096;

function scoresOf(kernel: Kernel, labels: readonly Label[]): ModelScore[] {
  const rows = Float32Array.from(labels.flatMap(({ evaluation }) => (evaluation.features ?? []).map((value) => value ?? Number.NaN)));
  const scores = kernel.score(rows, rows.length / FEATURE_COUNT);
  // As the scorer counts: what does not land costs nothing.
  return labels.map((_, place) => modelScoreAt(scores, place, { failureCostWei: 0 }));
}

export interface Compared {
  readonly comparison: Comparison;
  /** Of either: champion is the first, challenger the second. */
  readonly models: readonly {
    readonly version: string;
    readonly auc: number;
    readonly logLoss: number;
    readonly blocksTrainedOn: number;
  }[];
}

/** Two models on the same labelled candidates, scored anew. `blocksTrainedOn`: blocks that are among those that the model learnt from, and so are no evidence. */
export async function compareModels(
  models: readonly [string, string],
  from: readonly string[],
  { where, json, seed }: { readonly where: Where | null; readonly json: boolean; readonly seed: number },
): Promise<void> {
  await withDirectory(async (directory) => {
    const [first, second] = [
      await openOrSay(await findModel(models[0], where, directory)),
      await openOrSay(await findModel(models[1], where, directory)),
    ];
    const sources = await readSources(from, where?.natsUrl ?? null);
    const pairs = new Pairs();
    const landed: number[] = [];
    const said: [number[], number[]] = [[], []];
    const trainedOn: [number, number] = [0, 0];
    for (const { blockNumber, labels } of sources.flatMap(({ blocks }) => blocks)) {
      const rows = labels.filter(({ evaluation }) => evaluation.features?.length === FEATURE_COUNT);
      if (rows.length === 0) continue;
      const [champions, challengers] = [scoresOf(first.kernel, rows), scoresOf(second.kernel, rows)];
      pairs.add(
        blockNumber,
        rows.map((label, place) => ({ label, champion: champions[place] as ModelScore, challenger: challengers[place] as ModelScore })),
        "nothing",
      );
      for (const [place, label] of rows.entries()) {
        const lesson = lessonOf(label);
        if (lesson === null) continue;
        landed.push(lesson.landed ? 1 : 0);
        said[0].push((champions[place] as ModelScore).landing);
        said[1].push((challengers[place] as ModelScore).landing);
      }
      for (const [place, { manifest }] of [first, second].entries())
        if (blockNumber >= manifest.data.firstBlock && blockNumber <= manifest.data.lastBlock) trainedOn[place as 0 | 1]++;
    }
    const comparison = pairs.compare(first.manifest.version, second.manifest.version, seed);
    if (comparison === null)
      throw new UserError("no block to compare them in", "labels with features and a known outcome are needed: see `hyperspeed labels`");
    const result: Compared = {
      comparison,
      models: [first, second].map(({ manifest }, place) => ({
        version: manifest.version,
        auc: auc(said[place as 0 | 1], landed),
        logLoss: logLoss(said[place as 0 | 1], landed),
        blocksTrainedOn: trainedOn[place as 0 | 1],
      })),
    };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : comparedText(result));
  });
}

function comparedText({ comparison, models }: Compared): string {
  const { logLoss: loss, profit, eceChampion, eceChallenger, blocks, candidates, landed } = comparison;
  const rows = models.map(({ version, auc, logLoss, blocksTrainedOn }, place) => [
    version,
    short(auc),
    short(logLoss),
    short(place === 0 ? eceChampion : eceChallenger),
    `${blocksTrainedOn} of ${blocks}`,
  ]);
  const interval = ({ mean, low, high }: Comparison["profit"], unit: number) =>
    `${short(mean / unit)} (95 %: ${short(low / unit)} to ${short(high / unit)})`;
  const verdict =
    loss.high < 0 && profit.low > 0 ? "better" : loss.low > 0 || profit.high < 0 ? "worse" : "neither clearly better nor worse";
  return `${textTable(["version", "AUC", "log-loss", "ECE", "trained on"], rows, ["AUC", "log-loss", "ECE"])}
${blocks} blocks, ${candidates} candidates, ${landed} landed. The second less the first, a block:
log-loss     ${interval(loss, 1)}
gwei         ${interval(profit, 1e9)}
The second is ${verdict}.${models.some(({ blocksTrainedOn }) => blocksTrainedOn > 0) ? " Blocks with numbers that a model was trained on are no evidence for it, if they are of the same chain." : ""}
`;
}

type Spoken = "modelPromoted" | "modelRolledBack";

/** Says something of models as an operator. The gates have subjects of their own, so neither is refused for what the other says. */
async function say<Key extends Spoken>(
  bus: Bus,
  chain: string,
  key: Key,
  body: Omit<BodyOf<Key>, "v" | "chainId" | "blockNumber" | "blockHash" | "observedAtMs" | "causeId" | "by">,
): Promise<void> {
  const head = await bus.lastOf("blockObserved", { chain });
  if (head === null) throw new UserError(`no block of ${chain} has been seen`, "let the system run before its models are chosen");
  const { chainId, blockNumber, blockHash, observedAtMs } = head.body;
  const tokens = { chain, by: "operator" };
  const place = (await bus.lastOf(key, tokens))?.meta.sequence ?? 0;
  const whole = { v: 1, chainId, blockNumber, blockHash, observedAtMs, causeId: null, by: "operator", ...body } as unknown as BodyOf<Key>;
  try {
    await bus.publish(key, tokens, whole, {
      messageId: `operator:${key}:${chain}:${place}:${body.version}`,
      trace: null,
      expectLastSequence: place,
    });
  } catch (cause) {
    if (!(cause instanceof FencedError)) throw cause;
    throw new UserError("somebody else has chosen at the same moment", "look with `hyperspeed model show`, and say it again", { cause });
  }
}

/** Makes a model champion, or with a share below 1 a canary. A folder's files are proven and stored first. */
export async function promoteModel(
  model: string,
  where: Where,
  { share, json }: { readonly share: number; readonly json: boolean },
): Promise<void> {
  await withDirectory(async (directory) => {
    const folder = await findModel(model, where, directory);
    const failure = await proveModel(folder);
    if (failure !== null)
      throw new UserError(`${folder}: ${describeFailure(failure)}`, "nothing was changed; train it anew with `hyperspeed train`");
    const { manifest } = await openOrSay(folder);
    const { version } = manifest;
    if (basename(folder) !== version) throw new UserError(`${folder} holds model ${version}`, "name its folder by its version");
    const installed = ownModel().version;
    const previous = await withBus(where, async (bus) => {
      const { standing } = await historyOf(bus, where.chain);
      const champion = standing.champion ?? installed;
      if (champion === version) throw new UserError(`${version} decides already`, "`hyperspeed model show` says what stands");
      if (version !== installed) await saveModel(bus, where.chain, folder);
      await say(bus, where.chain, "modelPromoted", { kind: "model-promoted", version, previous: champion, share, evidence: null });
      return champion;
    });
    if (json) process.stdout.write(`${JSON.stringify({ version, previous, share })}\n`);
    else
      process.stdout.write(
        `${version} decides ${share === 1 ? `from now on; ${previous} scores beside it` : `${share * 100} % of the blocks; the rest stays with ${previous}`}\n`,
      );
  });
}

/** Takes a canary's blocks back, or the champion's place: for the one before, or the installation's. */
export async function rollBackModel(where: Where, { json }: { readonly json: boolean }): Promise<void> {
  const installed = ownModel().version;
  const { version, to } = await withBus(where, async (bus) => {
    const { standing, events } = await historyOf(bus, where.chain);
    const { champion, challenger, canaryShare } = standing;
    const isCanary = challenger !== null && canaryShare > 0;
    if (!isCanary && (champion === null || champion === installed))
      throw new UserError(
        `${installed}, which comes with the installation, decides: there is none before it`,
        "promote another with `hyperspeed model promote`",
      );
    const last = events.findLast((body) => body.kind === "model-promoted" && body.share === 1 && body.version === champion) as
      | BodyOf<"modelPromoted">
      | undefined;
    const said = isCanary
      ? { version: challenger, to: champion ?? installed }
      : { version: champion as string, to: last?.previous ?? installed };
    await say(bus, where.chain, "modelRolledBack", { kind: "model-rolled-back", ...said, detail: "by hand", evidence: null });
    return said;
  });
  if (json) process.stdout.write(`${JSON.stringify({ version, to })}\n`);
  else {
    const next = to === installed ? `${to} stands in its place: net profit decides, unless scorer.ranking is model` : `${to} does`;
    process.stdout.write(`${version} decides no more; ${next}\n`);
  }
}
