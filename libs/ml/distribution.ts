import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HEADS } from "#libs/ml/ensemble.ts";

/** How the values of a feature, or of a score, were spread over the rows of training: what later ones are held against. */
export interface Distribution {
  /** Between bins of about equally many rows, ascending; a value belongs to the bin above the last edge that is not greater than it. */
  readonly edges: readonly number[];
  /** Of the rows in each bin, one more than edges; the last of all is of rows where the value was missing. */
  readonly shares: readonly number[];
}

/** Of a model's test window: rows that it was not fitted on. Written beside the model as `distribution.json`. */
export interface ModelDistribution {
  readonly rows: number;
  readonly features: readonly Distribution[];
  /** The probability of landing. */
  readonly landing: Distribution;
}

export const DISTRIBUTION_FILE = "distribution.json";
const BINS = 10;

function countsOf(edges: readonly number[], values: Iterable<number>): Float64Array {
  const counts = new Float64Array(edges.length + 2);
  for (const value of values) {
    let bin = 0;
    if (Number.isNaN(value)) bin = edges.length + 1;
    else while (bin < edges.length && (edges[bin] as number) <= value) bin++;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

export function distributionOf(values: readonly number[]): Distribution {
  const known = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right);
  const edges = new Set<number>();
  for (let bin = 1; bin < BINS; bin++) {
    const edge = known[Math.floor((bin * known.length) / BINS)];
    // At the least value there is nothing below it.
    if (edge !== undefined && edge > (known[0] as number)) edges.add(edge);
  }
  const sorted = [...edges];
  return { edges: sorted, shares: [...countsOf(sorted, values)].map((count) => count / values.length) };
}

/**
 * Population stability index of values now against a distribution then: Σ (now − then) · ln(now ÷ then) over its bins. An empty bin counts as half a row, of as many
 * rows as there are now: a share of zero has no logarithm. Below 0.10 stable, to 0.25 watch, above act.
 */
export function psiAgainst({ edges, shares }: Distribution, values: readonly number[]): number {
  const least = 0.5 / values.length;
  let sum = 0;
  for (const [bin, count] of countsOf(edges, values).entries()) {
    const now = Math.max(count / values.length, least);
    const then = Math.max(shares[bin] as number, least);
    sum += (now - then) * Math.log(now / then);
  }
  return sum;
}

/** `rows`: features by row; `scores`: HEADS by row. */
export function modelDistribution(rows: Float32Array, featureCount: number, scores: ArrayLike<number>): ModelDistribution {
  const count = rows.length / featureCount;
  const places = Array.from({ length: count }, (_, row) => row);
  return {
    rows: count,
    features: Array.from({ length: featureCount }, (_, column) =>
      distributionOf(places.map((row) => rows[row * featureCount + column] as number)),
    ),
    landing: distributionOf(places.map((row) => scores[row * HEADS.length + HEADS.indexOf("landing")] as number)),
  };
}

/** Null for a model that was published without one. */
export async function readDistribution(folder: string): Promise<ModelDistribution | null> {
  try {
    return JSON.parse(await readFile(join(folder, DISTRIBUTION_FILE), "utf8")) as ModelDistribution;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}
