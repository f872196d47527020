import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Received } from "#libs/actor/actor.ts";
import type { DexDeployment } from "#libs/chains/chain.ts";
import type { FamilyId } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { buildKernel } from "#libs/ml/kernel.ts";
import { randomEnsemble } from "#libs/ml/testing.ts";
import { encode } from "#proto/codec.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import type { Block } from "./chain.ts";
import { RECORDED } from "./records.ts";
import { rivalContract } from "./rivals.ts";
import { RULES, type Rules } from "./rules.ts";
import { CONTRACT, Simulation, type SimulationOptions, WALLET } from "./simulation.ts";

interface Observed {
  readonly simulation: Simulation;
  readonly blocks: readonly Block[];
  readonly landings: readonly number[];
  /** Blocks that gaps had stood which rivals took. */
  readonly stood: readonly number[];
  /** SHA-256 of every message as it would be stored. */
  readonly digest: string;
  bodies<Key extends SubjectKey>(key: Key): readonly BodyOf<Key>[];
}

function run(seed: number, count: number, rules: Rules = RULES.private, options: Partial<SimulationOptions> = {}): Observed {
  const messages: Received<SubjectKey>[] = [];
  const digest = createHash("sha256");
  const onMessage = (message: Received<SubjectKey>) => {
    messages.push(message);
    // Refuses what the table's schema does not allow.
    digest.update(encode(message.key, message.body as never)).update(message.meta.id);
  };
  const simulation = new Simulation({ seed, rules, model: null, explored: 0, labels: true, onMessage, ...options });
  const blocks: Block[] = [];
  const landings: number[] = [];
  const stood: number[] = [];
  for (let block = 0; block < count; block++) {
    simulation.step();
    blocks.push(simulation.chain.head);
    landings.push(simulation.tally.rivalLandings);
    stood.push(...simulation.tally.stood);
  }
  return {
    simulation,
    blocks,
    landings,
    stood,
    digest: digest.digest("hex"),
    bodies: <Key extends SubjectKey>(key: Key) => messages.flatMap((message) => (message.key === key ? [message.body as BodyOf<Key>] : [])),
  };
}

const observed = run(7, 80);

// Some thousand searches: on a busy machine that takes its time.
describe("a market with rivals", { timeout: 120_000 }, () => {
  test("is the same, byte by byte, for the same seed, and another for another", () => {
    expect(run(7, 80).digest).toBe(observed.digest);
    expect(run(8, 80).digest).not.toBe(observed.digest);
  });

  test("makes and loses no token", () => {
    expect([...observed.simulation.chain.totals()].filter(([, change]) => change !== 0n)).toEqual([]);
  });

  test.each(["private", "mined"] as const)("settles what the balances say: %s", (name) => {
    const { simulation, bodies } = name === "private" ? observed : run(9, 80, RULES.mined);
    const settled = bodies("tradeSettled");
    const { chain, market, config } = simulation;
    const sum = (amounts: readonly string[]) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);
    expect(settled.filter(({ profit }) => BigInt(profit) > 0n).length).toBeGreaterThan(5);
    expect(sum(settled.map(({ profit }) => profit))).toBe(chain.balanceOf(CONTRACT, config.wrappedNative));
    expect(sum(settled.map(({ netProfit }) => netProfit))).toBe(
      chain.balanceOf(CONTRACT, config.wrappedNative) + chain.balanceOf(WALLET, "native"),
    );
    for (const { address } of market.tokens) {
      const moved = settled.flatMap(({ transfers }) => transfers.flatMap(([token, change]) => (token === address ? [change] : [])));
      expect(sum(moved)).toBe(chain.balanceOf(CONTRACT, address));
    }
    // Where reverts are mined, those that lose cost gas and earn nothing.
    const losses = settled.filter(({ netProfit }) => BigInt(netProfit) < 0n);
    if (name === "private") expect(losses).toEqual([]);
    else expect(losses.length).toBeGreaterThan(0);
  });

  test("holds in each pair what went in and out of it", () => {
    const { chain, market } = observed.simulation;
    for (const { family, info, row } of market.pools) {
      const state = chain.market.pool(info.pool)?.state as { reserve0: bigint; reserve1: bigint };
      if (family !== "uniswap-v2") continue;
      expect([state.reserve0, state.reserve1]).toEqual(
        info.tokens.map((token, side) => BigInt(row[1 + side] as string) + chain.balanceOf(info.pool, token)),
      );
    }
  });

  test("shows its swaps in logs from which a fetcher has the same states", () => {
    const { chain, market, config } = observed.simulation;
    const pools = new Map(
      market.pools.map(({ dex, family: id, info, row }) => {
        const family = familyOf(id as FamilyId);
        const state = family.created();
        family.applyRow(state, row);
        const deployment = config.dexes.find((each) => each.id === dex);
        return [info.pool as string, { family, info, state, topics: family.topics(deployment as DexDeployment).state }];
      }),
    );
    for (const { logs } of observed.blocks) {
      for (const log of logs) {
        const pool = pools.get(log[0]);
        const [topic] = log[1];
        if (pool?.topics.includes(topic as string)) pool.family.applyLog(pool.info, pool.state, log);
      }
    }
    for (const { family, info, state } of pools.values())
      expect(family.toRow(info, state)).toEqual(family.toRow(info, chain.market.pool(info.pool)?.state as object));
  });

  test.each(["private", "auction", "recorded"] as const)(
    "has rivals whose arbitrages the analyst finds, each by its sender, with what it earned: %s",
    (name) => {
      const { simulation, blocks, landings, bodies } = name === "private" ? observed : run(12, 60, RULES[name]);
      const seen = bodies("arbitrageObserved").flatMap(({ blockNumber, arbitrages }) =>
        arbitrages.map((arbitrage) => ({ blockNumber, ...arbitrage })),
      );
      const theirs = seen.filter(({ ours }) => !ours);
      expect(landings.reduce((sum, landed) => sum + landed, 0)).toBeGreaterThan(20);
      expect(blocks.map(({ number }) => theirs.filter(({ blockNumber }) => blockNumber === number).length)).toEqual(landings);
      expect(seen.filter(({ ours }) => ours).length).toBe(bodies("executionLanded").length);
      for (let index = 0; index < RULES[name].rivals.length; index++) {
        const earned = theirs
          .filter(({ to }) => to === rivalContract(index))
          .reduce((sum, { grossProfit }) => sum + BigInt(grossProfit), 0n);
        expect(earned).toBe(simulation.chain.balanceOf(rivalContract(index), simulation.config.wrappedNative));
      }
    },
  );

  test("has rivals that take gaps after as many blocks as was recorded of whoever was first", () => {
    const { stood } = run(13, 200, RULES.auction);
    const { counts } = RECORDED.ethereum.delays;
    const all = counts.reduce((sum, [, times]) => sum + times, 0);
    expect(stood.length).toBeGreaterThan(150);
    for (const [blocks, times] of counts.slice(0, 3)) {
      const share = times / all;
      // Three deviations of so many draws, and what a gap that closes by itself takes away from those that wait.
      const apart = Math.abs(stood.filter((each) => each === blocks).length / stood.length - share);
      expect(apart).toBeLessThan(3 * Math.sqrt((share * (1 - share)) / stood.length) + 0.03);
    }
  });

  test("has gaps for which one of the contracts that were seen comes, and nobody before its delay", () => {
    const { stood, simulation, bodies } = run(13, 120, RULES.recorded);
    const theirs = bodies("arbitrageObserved").flatMap(({ arbitrages }) => arbitrages.filter(({ ours }) => !ours));
    expect(new Set(theirs.map(({ to }) => to)).size).toBeGreaterThan(4);
    // Of each contract's record, few are in the very block; with a delay each they would be a quarter.
    expect(stood.filter((blocks) => blocks === 0).length / stood.length).toBeLessThan(0.15);
    expect([...simulation.chain.totals()].filter(([, change]) => change !== 0n)).toEqual([]);
  });

  test("is all ours where nobody else is", () => {
    const { landings, bodies } = run(13, 60, RULES.alone);
    expect(landings.every((landed) => landed === 0)).toBe(true);
    expect(
      bodies("arbitrageObserved")
        .flatMap(({ arbitrages }) => arbitrages)
        .every(({ ours }) => ours),
    ).toBe(true);
    expect(bodies("executionLanded").length / bodies("executionPlanned").length).toBeGreaterThan(0.9);
  });

  test("is ranked by the model under test, whose scores and rows are in the messages", () => {
    // Of those that expect something of most.
    const model = buildKernel(randomEnsemble(3), { capacity: 64 });
    const { bodies } = run(10, 60, RULES.private, { model });
    const rankings = bodies("opportunityScored").filter(({ opportunities }) => opportunities.length > 1);
    expect(rankings.length).toBeGreaterThan(10);
    const moved = rankings.filter(({ opportunities }) => {
      const values = opportunities.map(({ evaluation }) => Number(evaluation.champion?.value));
      expect(values).toEqual([...values].sort((left, right) => right - left));
      const row = Float32Array.from(opportunities[0]?.evaluation.features ?? [], (value) => value ?? Number.NaN);
      expect(model.score(row, 1)[0]).toBe(opportunities[0]?.evaluation.champion?.landing);
      return opportunities.some(({ netProfit }, place) => place > 0 && BigInt(netProfit) > BigInt(opportunities[0]?.netProfit ?? 0));
    });
    expect(moved.length).toBeGreaterThan(0);
    // The first of a ranking is the first that is tried.
    const planned = new Set(bodies("executionPlanned").map(({ blockHash, cycleId }) => `${blockHash}:${cycleId}`));
    for (const { blockHash, opportunities } of rankings) expect(planned).toContain(`${blockHash}:${opportunities[0]?.cycleId}`);
  });

  test("draws the first place of some blocks, and says of which", () => {
    const rankings = run(11, 40, RULES.private, { explored: 0.5 }).bodies("opportunityScored");
    const explored = rankings.filter((ranking) => ranking.explored).length;
    expect(explored).toBeGreaterThan(5);
    expect(explored).toBeLessThan(rankings.length);
  });
});
