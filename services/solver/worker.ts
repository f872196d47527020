import type { SearchOptions, SearchResult } from "#libs/graph/search.ts";
import { Kernel, type Update } from "#services/solver/kernel.ts";

const kernel = new Kernel();

/** The task of the solver's one worker thread: it alone holds the market, so tasks must come in order. */
export default function solve({ updates, search }: { readonly updates: readonly Update[]; readonly search: SearchOptions }): SearchResult {
  kernel.update(updates);
  return kernel.search(search);
}
