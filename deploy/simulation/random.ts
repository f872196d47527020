import type { Random } from "#libs/ml/random.ts";

export { drawsOf } from "#libs/ml/random.ts";

export const between = (random: Random, from: number, to: number): number => from + (to - from) * random.unit();
export const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random.below(items.length)] as Item;
