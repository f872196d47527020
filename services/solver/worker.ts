import type { PlanOptions } from "#libs/graph/plan.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import { type Ended, Visits } from "#libs/graph/visits.ts";
import { unpackValue } from "#proto/codec.ts";
import type { QuoteReply, QuoteRequest } from "#proto/quote/v1/quote.ts";
import { type BlockResult, Kernel, type SearchedBlock, type Update } from "#services/solver/kernel.ts";
import { dueBy, type Limits } from "#services/solver/limits.ts";

const kernel = new Kernel();

/** Called after each search, and after practice: makes the next search shorter. Candidates stay what they would be; how many cycles stand beside them does not (`cyclesFound`). */
export const rest = (search: SearchOptions): void => kernel.rest(search);

/** Between the others: takes nothing from them but their time. */
export const quote = ({ request, native }: { readonly request: QuoteRequest; readonly native: string }): QuoteReply["answer"] =>
  kernel.quote(request, native);

/** The tasks of the solver's one worker thread: it alone holds the market, so they must come in order. */
export default function solve({
  call,
  block,
  packed,
  updates = packed === undefined ? [] : (unpackValue(packed) as Update[]),
  search,
  lateDexes,
  gatedPools,
  gasPrice,
  plan,
  limits,
  ended,
}: {
  readonly call: "take-in" | "prepare" | "search";
  readonly block?: SearchedBlock;
  readonly updates?: readonly Update[];
  /** Updates as `packValue` packs them, instead. */
  readonly packed?: Uint8Array;
  /** Of all calls but to take in. */
  readonly search?: SearchOptions;
  readonly lateDexes?: readonly string[];
  readonly gatedPools?: readonly string[];
  readonly gasPrice?: bigint;
  readonly plan?: PlanOptions | null;
  readonly limits?: Limits;
  /** Of a search that is made again: where it ended. */
  readonly ended?: Ended;
}): BlockResult | null {
  if (call === "take-in" || search === undefined) {
    kernel.takeIn(updates);
    return null;
  }
  kernel.update(updates);
  const visits = new Visits(ended ?? (limits === undefined ? () => null : dueBy(limits)));
  if (call === "search") return kernel.search(search, { lateDexes, gatedPools, gasPrice }, plan, block, visits);
  kernel.practise(search, plan);
  return null;
}
