import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { BlockMemory } from "#libs/history/blocks.ts";
import { type At, address, blockHashOf, cycle, plan } from "#libs/history/testing.ts";
import { MEMORY_BLOCKS, TREND_BLOCKS } from "#libs/ml/features.ts";
import { randomFrom } from "#libs/ml/random.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";

const POOLS = [1, 2, 3, 4, 5] as const;
const SINGLES = POOLS.flatMap((left) =>
  POOLS.filter((right) => right !== left).map((right) => cycle(left * 16 + right, [left, right], 1n)),
);
const DEXES = ["dex", "other"];

/** A block as it was told, and nothing derived. */
interface Told {
  readonly at: At;
  readonly baseFee: bigint;
  changed: number[];
  /** Pools of each arbitrage. */
  others: number[][];
  found: BodyOf<"cycleFound"> | null;
  gasPrice: bigint;
  /** `pool:tokenIn` of our trades. */
  ours: string[];
  simulations: { readonly pools: readonly number[]; readonly isRight: boolean }[];
}

const stepsOf = ({ hops }: Candidate) => hops.map(({ pool, tokenIn }) => `${pool}:${tokenIn}`);
/** All candidates here are of cycles of two swaps. */
const cyclesOf = (candidate: Candidate) => {
  const steps = stepsOf(candidate);
  return steps.flatMap((step, index) => (index % 2 === 0 ? [`${step},${steps[index + 1]}`] : []));
};

/** Whether it was gone in the next block's list, by the definition; null where that is not known. */
function goneIn(candidate: Candidate, gasPrice: bigint, { found: next, ours }: Told): boolean | null {
  if (next === null) return null;
  const listed = new Set(next.candidates.flatMap(cyclesOf));
  if (next.candidates.some(({ cycleId }) => cycleId === candidate.cycleId) || cyclesOf(candidate).some((each) => listed.has(each)))
    return false;
  if (candidate.hops.some(({ dex }) => next.lateDexes.includes(dex)) || next.isCutShort === true) return null;
  const singles = next.candidates.filter(({ hops }) => hops.length === 2).map(({ grossProfit }) => BigInt(grossProfit));
  const isFull = singles.length < next.cyclesFound;
  const gasCost = gasPrice * BigInt(candidate.gasEstimate);
  if (isFull && (singles.length === 0 || singles.every((profit) => profit >= gasCost))) return null;
  return stepsOf(candidate).some((step) => ours.includes(step)) ? null : true;
}

/** What features ask, walked through block by block. `all`: the blocks that stand, oldest first; the last is the head. */
function byDefinition(all: readonly Told[]) {
  const head = all.at(-1) as Told;
  const past = all.slice(-MEMORY_BLOCKS - 1, -1);
  const recent = [...past, head];
  return {
    baseFeeBefore: all.find(({ at }) => at.number === head.at.number - TREND_BLOCKS)?.baseFee ?? null,
    rivalsPerBlock: past.length < MEMORY_BLOCKS ? null : past.flatMap(({ others }) => others).length / MEMORY_BLOCKS,
    pools: POOLS.map((pool) => {
      const simulations = past.flatMap((block) => block.simulations.filter(({ pools }) => pools.includes(pool)));
      return {
        tvl: null,
        changedAtBlock: recent.findLast(({ changed }) => changed.includes(pool))?.at.number ?? null,
        taken: past.flatMap(({ others }) => others.filter((pools) => pools.includes(pool))).length,
        simulations: { right: simulations.filter(({ isRight }) => isRight).length, all: simulations.length },
      };
    }),
    cycles: [...SINGLES, ...PLANS].map(({ cycleId }) => {
      const verdicts = past.flatMap((block, index) => {
        const candidate = block.found?.candidates.find((each) => each.cycleId === cycleId);
        const gone = candidate === undefined ? null : goneIn(candidate, block.gasPrice, recent[index + 1] as Told);
        return gone === null ? [] : [gone];
      });
      return verdicts.length === 0 ? null : { found: verdicts.length, vanished: verdicts.filter((gone) => gone).length };
    }),
  };
}
const PLANS = [0, 5, 10].map((first) => plan(1_000 + first, SINGLES.slice(first, first + 2)));

test.prop([fc.integer({ min: 0, max: 2 ** 31 - 1 })], { numRuns: 15 })(
  "sums over the window are what a walk through it gives, whatever comes late and however deep a reorganisation is",
  (seed) => {
    const random = randomFrom(seed);
    const memory = new BlockMemory();
    let all: Told[] = [];
    let epoch = 0;
    let comparisons = 0;
    const chance = (share: number) => random.unit() < share;
    const some = <Item>(items: readonly Item[], share: number) => items.filter(() => chance(share));
    const envelope = ({ at }: Told) => ({
      chainId: 1,
      blockNumber: at.number,
      blockHash: blockHashOf(at),
      observedAtMs: 1,
      causeId: null,
      epoch: at.epoch ?? 0,
    });

    const add = (number: number) => {
      const told: Told = {
        ...{ at: { number, epoch }, baseFee: BigInt(1 + random.below(9)), changed: [], others: [], found: null, gasPrice: 0n, ours: [] },
        simulations: [],
      };
      all.push(told);
      const header = { parentHash: "", timestamp: 1, baseFeePerGas: `${told.baseFee}`, gasUsed: 1, gasLimit: 2, logColumns: [], logs: [] };
      memory.add({ kind: "block-observed", v: 1, ...envelope(told), ...header } as unknown as BodyOf<"blockObserved">);
    };
    /** What is said of a block, once each but for trades and simulations. */
    const say = (told: Told) => {
      switch (random.below(6)) {
        case 0: {
          const pools = some(POOLS, 0.3);
          told.changed = [...told.changed, ...pools];
          const states = { family: "uniswap-v2", rows: pools.map((pool) => [address(pool)]) };
          memory.setChanged({ ...envelope(told), states } as unknown as BodyOf<"poolChanged">);
          return;
        }
        case 1: {
          const arbitrages = some([1, 2, 3], 0.4).map(() => ({ pools: some(POOLS, 0.4), ours: chance(0.3) }));
          told.others = arbitrages.filter(({ ours }) => !ours).map(({ pools }) => pools);
          const hops = arbitrages.map(({ pools, ours }) => ({ ours, hops: pools.map((pool) => ({ pool: address(pool) })) }));
          memory.setOthers({ ...envelope(told), arbitrages: hops } as unknown as BodyOf<"arbitrageObserved">);
          return;
        }
        case 2: {
          if (told.found !== null) return;
          const candidates = some([...PLANS, ...SINGLES], 0.2).map((candidate) => ({ ...candidate, grossProfit: `${random.below(300)}` }));
          const cyclesFound = candidates.filter(({ hops }) => hops.length === 2).length + (chance(0.3) ? 5 : 0);
          const found = { ...envelope(told), candidates, cyclesFound, isCutShort: chance(0.1), lateDexes: some(DEXES, 0.05) };
          told.found = found as unknown as BodyOf<"cycleFound">;
          memory.setListing(told.found);
          return;
        }
        case 3:
          told.gasPrice = BigInt(random.below(2));
          memory.setGasPrice(envelope(told), told.gasPrice);
          return;
        case 4: {
          const steps = stepsOf(SINGLES[random.below(SINGLES.length)] as Candidate);
          told.ours = [...told.ours, ...steps];
          memory.addOurs(blockHashOf(told.at), steps);
          return;
        }
        default: {
          const [pools, isRight] = [some(POOLS, 0.4), chance(0.5)];
          told.simulations.push({ pools, isRight });
          memory.addSimulation(blockHashOf(told.at), pools.map(address), isRight);
        }
      }
    };
    const compare = () => {
      const context = memory.contextOfHead();
      const { baseFeeBefore, rivalsPerBlock, pools, cycles } = byDefinition(all);
      expect(context.rivalsPerBlock).toBe(rivalsPerBlock);
      expect(context.baseFeeBefore).toBe(baseFeeBefore);
      expect(POOLS.map((pool) => context.pool(address(pool)))).toEqual(pools);
      expect([...SINGLES, ...PLANS].map(({ cycleId }) => context.cycle(cycleId))).toEqual(cycles);
      comparisons++;
    };

    add(1);
    for (let step = 0; step < 330; step++) {
      const draw = random.unit();
      const head = (all.at(-1) as Told).at.number;
      if (draw < 0.03) {
        const depth = 1 + Math.floor(random.unit() ** 4 * Math.min(90, all.length - 1));
        if (depth < all.length) {
          epoch++;
          memory.rewind(head - depth);
          all = all.slice(0, -depth);
          compare();
        }
      } else if (draw < 0.033) {
        // A gap: nothing before it counts.
        all = [];
        add(head + 5);
      } else add(head + 1);
      // What is out of its reach the memory has forgotten: no reorganisation brings it back.
      all = all.slice(-(memory.head as { number: number }).number + memory.oldest - 1);
      for (let said = random.below(9); said > 0; said--) {
        const back = chance(0.7) ? random.below(3) : random.below(all.length);
        say(all.at(-1 - Math.min(back, all.length - 1)) as Told);
      }
      if (chance(0.2)) compare();
    }
    compare();
    expect(comparisons).toBeGreaterThan(30);
  },
);
