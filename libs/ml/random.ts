import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Seeded draws: training and resampling give the same numbers wherever they run. */
export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform in 0 … below − 1. */
  below(limit: number): number;
  /** Standard normal. */
  normal(): number;
}

export function randomFrom(seed: number): Random {
  const generator = xoroshiro128plus(seed | 0);
  const unit = () => uniformFloat64(generator);
  return {
    unit,
    below: (limit) => Math.floor(unit() * limit),
    // Box and Muller; 1 - unit() is never zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  };
}

/** A draw for each purpose and block: what one arm of a comparison does differently moves no dice of the other. */
export function drawsOf(seed: number, ...purpose: readonly number[]): Random {
  let mixed = seed >>> 0;
  for (const part of purpose) mixed = Math.imul(mixed ^ (part + 0x9e3779b9), 0x85ebca6b) ^ (mixed >>> 13);
  const random = randomFrom(mixed);
  // Neighbouring seeds begin alike.
  for (let skipped = 0; skipped < 4; skipped++) random.unit();
  return random;
}

/** From a table of quantiles at equal distances, between two of them in proportion: `share` of all values are less. */
export function quantileOf(table: readonly number[], share: number): number {
  const at = share * (table.length - 1);
  const [below, above] = [table[Math.floor(at)] as number, table[Math.ceil(at)] as number];
  return below + (at - Math.floor(at)) * (above - below);
}

/** FNV-1a, 32 bits: a number for a name, to draw for it. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Fisher and Yates, in place. */
export function shuffle<Items extends { length: number; [index: number]: number }>(items: Items, random: Random): Items {
  for (let index = items.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    const kept = items[index] as number;
    items[index] = items[other] as number;
    items[other] = kept;
  }
  return items;
}
