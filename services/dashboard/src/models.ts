import type { ModelsView } from "#services/gateway/api.ts";
import { percent } from "./format.ts";

/** What the panels of models show, from what the gateway answers. Pure. */

export type Tone = "good" | "busy" | "idle" | "warn" | "bad";

export const shortVersion = (version: string): string => version.slice(0, 8);

/** Why no model could decide, in words that say what to do about it. */
const UNFIT_MEANS: Readonly<Record<string, string>> = {
  refused: "it was refused: it is missing or not what it says; the scorer's log has the reason",
  stale: "nothing has been heard of it for too long; is the trainer running?",
  "no-features": "what it looks at was not there for that block",
};
export const unfitMeans = (reason: string): string => UNFIT_MEANS[reason] ?? reason;

/** Who made the order of the newest block. */
export function decider({ lastRanking, standing }: ModelsView): { readonly name: string; readonly detail: string; readonly tone: Tone } {
  if (lastRanking === null) return { name: "nobody yet", detail: "no block has been ranked", tone: "idle" };
  const { ranking, champion, challenger, unfit } = lastRanking;
  switch (ranking) {
    case "champion":
      return { name: champion === null ? "champion" : shortVersion(champion), detail: "the champion", tone: "good" };
    case "challenger":
      return {
        name: challenger === null ? "challenger" : shortVersion(challenger),
        detail: `the challenger, in ${percent(standing.canaryShare, 0)} of the blocks`,
        tone: "busy",
      };
    case "net-profit":
      return { name: "net profit", detail: champion === null ? "no model scores" : "models score and decide nothing", tone: "idle" };
    default:
      return { name: "nobody", detail: `nothing passes: ${unfit === null ? "no model" : unfitMeans(unfit)}`, tone: "bad" };
  }
}

/** Landed, or would have; gone; not known: in the order of the bars. */
export const OUTCOME_TONES: readonly (readonly [outcome: string, colour: string])[] = [
  ["landed", "#2fd39a"],
  ["still-there", "#5ea8ff"],
  ["outbid", "#f5b84f"],
  ["expired", "#b58cff"],
  ["vanished", "#4a5a70"],
  ["failed", "#c9545f"],
  ["reverted", "#ff6b78"],
  ["unknown", "#232d3a"],
];

export interface Column {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly total: number;
  /** Shares of the column that is highest, bottom first. */
  readonly parts: readonly { readonly outcome: string; readonly colour: string; readonly count: number; readonly share: number }[];
}

/** Labels over time: stretches without a label leave a gap, so that a standstill is seen. */
export function columnsOf({ overTime }: ModelsView["labels"]): Column[] {
  const totalOf = (byOutcome: Readonly<Record<string, number>>) => Object.values(byOutcome).reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...overTime.map(({ byOutcome }) => totalOf(byOutcome)));
  const [first, last] = [overTime[0], overTime.at(-1)];
  if (first === undefined || last === undefined) return [];
  const known = new Map(overTime.map((each) => [each.firstBlock, each]));
  const columns: Column[] = [];
  for (let firstBlock = first.firstBlock; firstBlock <= last.firstBlock && columns.length < COLUMNS_MOST; firstBlock += first.blocks) {
    const byOutcome = known.get(firstBlock)?.byOutcome ?? {};
    const parts = OUTCOME_TONES.flatMap(([outcome, colour]) => {
      const count = byOutcome[outcome] ?? 0;
      return count === 0 ? [] : [{ outcome, colour, count, share: count / most }];
    });
    columns.push({ firstBlock, blocks: first.blocks, total: totalOf(byOutcome), parts });
  }
  return columns;
}
/** A chain that was away for long leaves more gaps than pixels: then the rest is not drawn. */
const COLUMNS_MOST = 400;

export interface CalibrationPoint {
  readonly predicted: number;
  readonly observed: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

export const calibrationPoints = ({ calibration }: ModelsView): CalibrationPoint[] =>
  calibration?.bins.flatMap(({ from, to, count, predicted, observed }) =>
    predicted === null || observed === null ? [] : [{ from, to, count, predicted, observed }],
  ) ?? [];

/** With several chains and none chosen: the first that has been ranked. */
export const viewToShow = (views: readonly ModelsView[]): ModelsView | undefined =>
  views.find(({ lastRanking }) => lastRanking !== null) ?? views[0];

export const DRIFT_TONES: Readonly<Record<string, Tone>> = { stable: "good", watch: "warn", act: "bad" };
export const STATE_TONES: Readonly<Record<ModelsView["models"][number]["state"], Tone>> = {
  champion: "good",
  installed: "good",
  canary: "busy",
  trial: "busy",
  former: "idle",
  superseded: "idle",
  rejected: "warn",
  "rolled-back": "bad",
};
