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
