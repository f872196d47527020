import type { Received } from "#libs/actor/actor.ts";
import type { FamilyId, PoolInfo } from "#libs/dex/family.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { type Bench, type BenchOptions, held, type Measurement, time } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import { decode, encode } from "#proto/codec.ts";
import { type BodyOf, subjectOf } from "#proto/subjects.ts";
import { type Config, fetcher, type State } from "#services/fetcher/actor.ts";
import { fetcherConfig } from "#services/fetcher/config.ts";
import { addressOf, FACTORY, log, type PoolFacts, TOKENS, World } from "#services/fetcher/testing.ts";

const POOLS = 5_000;
const CHANGED = 1_000;
/** Positions of a pool with ranges: twice as many ticks, which is more than most have (the median of those recorded has 13). */
const POSITIONS = 16;
const SPACING = 60;
const NOBODY = addressOf(0x99);

function worldOf(family: FamilyId, pools: number): World {
  const facts = Array.from({ length: pools }, (_, index): PoolFacts => {
    const info = {
      pool: addressOf(0xb00000 + index),
      tokens: [TOKENS[0], TOKENS[3]],
      facts: family === "uniswap-v2" ? {} : { tickSpacing: SPACING },
    };
    const positions = Array.from({ length: POSITIONS }, (_, at) => ({
      lower: -(at + 1) * SPACING,
      upper: (at + 1) * SPACING,
      amount: 10n ** 20n,
    }));
    return {
      info: info as PoolInfo,
      reserves: [10n ** 21n + BigInt(index), 10n ** 22n],
      sqrtPriceX96: 1n << 96n,
      tick: 0,
      positions: family === "uniswap-v2" ? [] : positions,
    };
  });
  return new World(family, facts);
}

const syncOf = (pool: string, round: number): LogRow[] => [log("Sync", pool, [10n ** 21n + BigInt(round) * 10n ** 15n, 10n ** 22n])];
const swapOf = (pool: string, round: number): LogRow[] => {
  const moved = (1n << 96n) + BigInt(round) * 10n ** 20n;
  return [log("Swap", pool, [NOBODY, NOBODY, 10n ** 18n, -(10n ** 18n), moved, BigInt(POSITIONS) * 10n ** 20n, round % SPACING])];
};
/** A swap, and liquidity that comes or goes: two ticks change. */
const swapAndMintOf = (pool: string, round: number): LogRow[] => {
  const at = (1 + (round % POSITIONS)) * SPACING;
  return [...swapOf(pool, round), log("Mint", pool, [NOBODY, NOBODY, -at, at, 10n ** 18n, 1, 1])];
};

/** Blocks of changes, as the stream delivers them. */
function blocksOf(world: World, pools: number, changed: number, count: number, logsOf: typeof syncOf): Received<"blockObserved">[] {
  return Array.from({ length: count }, (_, round) => {
    const logs = Array.from({ length: changed }, (_, index) =>
      logsOf(addressOf(0xb00000 + ((round * changed + index) % pools)), round + 1),
    ).flat();
    world.mine([], logs);
    return world.observed();
  });
}

function config(family: FamilyId): Config {
  const deployment = deploymentOf(family, FACTORY, { id: "dex", feeBps: 30 });
  const chain = { key: "local", chainId: 31_337, blockTimeMs: 12_000 } as Parameters<typeof fetcherConfig>[0]["chain"];
  return fetcherConfig({ chain, deployment, rpc: [], rules: { minTvlUsd: 0, minTvlNative: 0 }, release: [] });
}

function blockBench(family: FamilyId, what: string, logsOf: typeof syncOf, { quick }: BenchOptions): Measurement[] {
  const [pools, changed, warmUp, rounds] = quick ? [50, 10, 1, 3] : [POOLS, CHANGED, 40, 100];
  const world = worldOf(family, pools);
  let state: State = world.state();
  const settings = config(family);
  const blocks = blocksOf(world, pools, changed, warmUp + rounds, logsOf);
  const subject = subjectOf("blockObserved", { chain: settings.chain });
  const wires = blocks.map(({ body }) => encode("blockObserved", body));
  let bytes = 0;
  const perRound = { count: changed, unit: "pools" };
  const name = `${family}, ${what}`;
  const decided = time(
    name,
    {
      warmUp,
      rounds,
      perRound,
      prepare: (round) => blocks[round] as Received<"blockObserved">,
      facts: () => ({ "pools held": pools, "bytes published": bytes }),
    },
    (message) => {
      const decision = fetcher.decide(state, message, settings);
      state = decision.state;
      const said = decision.effects.find((effect) => effect.type === "publish" && effect.key === "poolChanged");
      invariant(said?.type === "publish", "a block is answered");
      const wire = encode("poolChanged", said.body as BodyOf<"poolChanged">);
      bytes = wire.length;
      invariant((said.body as BodyOf<"poolChanged">).states.rows.length === changed, "every changed pool is said");
      return wire;
    },
  );
  const taken = time(
    `${name}: reading the block's message before that`,
    { warmUp, rounds, perRound, prepare: (round) => wires[round] as Uint8Array, facts: () => ({ bytes: wires[0]?.length ?? 0 }) },
    (wire) => decode(subject, wire),
  );
  return [held(decided, { msMost: 15 }), taken];
}

export const bench: Bench = {
  title: "block",
  about: `A block in which ${CHANGED.toLocaleString("en")} of ${POOLS.toLocaleString("en")} pools changed: the fetcher's core decodes their logs, applies them with their undo, and the message for it is encoded.`,
  run: (options) => [
    ...blockBench("uniswap-v2", "a Sync each", syncOf, options),
    ...blockBench("uniswap-v3", "a Swap each", swapOf, options),
    ...blockBench("uniswap-v3", "a Swap and a Mint each", swapAndMintOf, options),
  ],
};
