/** Seeded randomness: one generator per purpose and block, so that what one draws never shifts what another gets. */

import { createHash } from "node:crypto";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { invariant } from "#libs/units/invariant.ts";

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform integer, both ends included. */
  integer(from: number, to: number): number;
  /** Standard normal. */
  normal(): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

export function randomFor(...key: readonly (string | number)[]): Random {
  const generator = xoroshiro128plus(createHash("sha256").update(key.join("/")).digest().readInt32BE(0));
  const unit = (): number => uniformFloat64(generator);
  const random: Random = {
    unit,
    integer: (from, to) => uniformInt(generator, from, to),
    // Box and Muller; 1 - unit() is never zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
    chance: (probability) => unit() < probability,
    pick: (items) => {
      const item = items[uniformInt(generator, 0, items.length - 1)];
      invariant(item !== undefined, "there is something to pick from");
      return item;
    },
  };
  return random;
}
