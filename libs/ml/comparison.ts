import { lessonOf } from "#libs/ml/dataset.ts";
import { ece, logLosses, mean, pairedBootstrap } from "#libs/ml/metrics.ts";
import type { Comparison } from "#proto/model/v1/events.ts";
import type { ModelScore, Rejection } from "#proto/opportunity/v1/scored.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";

/** What an order says of a candidate: how likely it lands, and what it is worth to it, wei. */
export type Said = Pick<ModelScore, "landing" | "value">;

/** A labelled candidate with what two models had said of it before anything was known. */
export interface Judged {
  readonly label: Label;
  readonly champion: Said;
  readonly challenger: Said;
}

/** What a candidate that does not land costs: nothing where bundles are private and reverts are not mined, its gas where they are. */
export type FailingCosts = "nothing" | "gas";

/** What sending this candidate came to, or would have come to: wei; null where it is not known. */
export function proceedsOf(label: Label, failingCosts: FailingCosts): number | null {
  const lesson = lessonOf(label);
  if (lesson === null) return null;
  if (lesson.landed) return Number.isNaN(lesson.profitWei) ? null : lesson.profitWei;
  const reverted = label.executions.find(({ end }) => end === "reverted")?.landing;
  if (reverted != null) return -Number(reverted.gasCost);
  return failingCosts === "gas" ? Number(BigInt(label.netProfit) - BigInt(label.grossProfit)) : 0;
}

/** No order is asked about what another gate than a model's has stopped. */
const isUpForChoice = ({ rejected }: Label): boolean => rejected === null || rejected === ("not-worth-the-risk" satisfies Rejection);

/** The candidate that a model would have sent: the best value above zero of those that were up for choice; null where it would have sent none. */
function firstOf(judged: readonly Judged[], by: "champion" | "challenger"): Label | null {
  let best: { readonly label: Label; readonly value: bigint } | null = null;
  for (const each of judged) {
    const value = BigInt(each[by].value);
    if (value <= 0n || !isUpForChoice(each.label)) continue;
    const isBetter =
      best === null || value > best.value || (value === best.value && BigInt(each.label.netProfit) > BigInt(best.label.netProfit));
    if (isBetter) best = { label: each.label, value };
  }
  return best?.label ?? null;
}

/**
 * What is resampled at most: of more blocks, as many that follow each other are taken together. What goes well for a while goes well in neighbouring blocks, so their
 * mean is the better case; and a comparison takes some 10 ms however long a trial was (70 for 2,000 blocks one by one).
 */
const MOST_CASES = 250;

/** Means of neighbours, equally many each; the oldest that do not fill a group are left out, fewer than there are in one. */
function cases(values: readonly number[]): number[] {
  const size = Math.ceil(values.length / MOST_CASES);
  const count = Math.floor(values.length / size);
  const first = values.length - count * size;
  return Array.from({ length: count }, (_, place) => mean(values.slice(first + place * size, first + (place + 1) * size)));
}

/**
 * Two models on the same candidates, block by block: candidates of a block share a fate, so blocks are what is resampled.
 *
 * Log-loss: of a block the mean over its candidates of whose outcome is known. Profit: what the first of either order came to, or would have; a block whose first
 * candidate's end is not known, by either order, is left out of it.
 */
export class Pairs {
  readonly #losses: { readonly champion: number[]; readonly challenger: number[] } = { champion: [], challenger: [] };
  readonly #profits: { readonly champion: number[]; readonly challenger: number[] } = { champion: [], challenger: [] };
  readonly #landings: { readonly champion: number[]; readonly challenger: number[]; readonly landed: number[] } = {
    champion: [],
    challenger: [],
    landed: [],
  };
  #firstBlock = 0;
  #lastBlock = 0;

  get blocks(): number {
    return this.#losses.champion.length;
  }
  get candidates(): number {
    return this.#landings.landed.length;
  }
  get landed(): number {
    return this.#landings.landed.reduce((sum, each) => sum + each, 0);
  }
  /**
   * What somebody says of a candidate who knows no more than how many have landed so far (Laplace's rule of succession) and ranks by net profit: the order that decides
   * where no model does.
   */
  byNetProfit({ netProfit }: Pick<Label, "netProfit">): Said {
    return { landing: (this.landed + 1) / (this.candidates + 2), value: netProfit };
  }
  /** Blocks in which it is known what either order's first came to. */
  get profitBlocks(): number {
    return this.#profits.champion.length;
  }

  /** What the first of either order came to, wei, over these blocks. */
  get brought(): { readonly champion: number; readonly challenger: number } {
    const total = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0);
    return { champion: total(this.#profits.champion), challenger: total(this.#profits.challenger) };
  }

  /** One block's candidates. One in which nothing is known says nothing. */
  add(blockNumber: number, judged: readonly Judged[], failingCosts: FailingCosts): void {
    const known = judged.flatMap((each) => {
      const lesson = lessonOf(each.label);
      return lesson === null ? [] : [{ ...each, landed: lesson.landed ? 1 : 0 }];
    });
    if (known.length === 0) return;
    if (this.blocks === 0) this.#firstBlock = blockNumber;
    this.#lastBlock = blockNumber;
    const landed = known.map((each) => each.landed);
    for (const by of ["champion", "challenger"] as const) {
      const landings = known.map((each) => each[by].landing);
      this.#landings[by].push(...landings);
      this.#losses[by].push(mean(logLosses(landings, landed)));
    }
    this.#landings.landed.push(...landed);
    const proceeds = (by: "champion" | "challenger") => {
      const first = firstOf(judged, by);
      return first === null ? 0 : proceedsOf(first, failingCosts);
    };
    const [champion, challenger] = [proceeds("champion"), proceeds("challenger")];
    if (champion === null || challenger === null) return;
    this.#profits.champion.push(champion);
    this.#profits.challenger.push(challenger);
  }

  /** Null while there is nothing to compare. */
  compare(champion: string, challenger: string, seed: number): Comparison | null {
    if (this.blocks === 0 || this.profitBlocks === 0) return null;
    const { landed } = this.#landings;
    return {
      champion,
      challenger,
      firstBlock: this.#firstBlock,
      lastBlock: this.#lastBlock,
      blocks: this.blocks,
      candidates: this.candidates,
      landed: this.landed,
      logLoss: pairedBootstrap(cases(this.#losses.challenger), cases(this.#losses.champion), { seed }),
      profit: pairedBootstrap(cases(this.#profits.challenger), cases(this.#profits.champion), { seed }),
      eceChampion: ece(this.#landings.champion, landed),
      eceChallenger: ece(this.#landings.challenger, landed),
    };
  }
}
