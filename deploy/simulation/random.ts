import { type Random, randomFrom } from "#libs/ml/random.ts";

/** A draw for each purpose and block: what one arm of a comparison does differently moves no dice of the other. */
export function drawsOf(seed: number, ...purpose: readonly number[]): Random {
  let mixed = seed >>> 0;
  for (const part of purpose) mixed = Math.imul(mixed ^ (part + 0x9e3779b9), 0x85ebca6b) ^ (mixed >>> 13);
  const random = randomFrom(mixed);
  // Neighbouring seeds begin alike.
  for (let skipped = 0; skipped < 4; skipped++) random.unit();
  return random;
}

export const between = (random: Random, from: number, to: number): number => from + (to - from) * random.unit();
export const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random.below(items.length)] as Item;
