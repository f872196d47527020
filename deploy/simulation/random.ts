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
