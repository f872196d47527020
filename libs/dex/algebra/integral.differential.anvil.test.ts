import path from "node:path";
import { describe, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf } from "#libs/contracts/testing.ts";
import { NO_SWAPS } from "#libs/dex/algebra/fees.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import {
  Differential,
  futureAddress,
  logUniform,
  POOL,
  packageFolder,
  startAlgebraChain,
  type TestPool,
} from "#libs/dex/algebra/testing.ts";
import { MAX_TICK } from "#libs/dex/concentrated/tick-math.ts";
import { randomFor } from "#libs/localnet/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/algebra */
const SEED = process.env.SEED ?? "1";
const ROUNDS = 26;
const QUOTES_PER_ROUND = 200;

const PLUGINS = packageFolder("@cryptoalgebra/integral-base-plugin");
const Q96 = 2n ** 96n;

/**
 * Which tokens, √price as a multiple of 2^96 in thousandths, how many bits of liquidity, and which plugin: the first sets a fee that follows volatility, the
 * second overrides the fee of each direction with one that follows the price.
 */
const POOLS = [
  { tokens: [0, 1], root: 1_000n, bits: [55, 75], plugin: "BasePluginV1Factory" },
  { tokens: [1, 2], root: 37n, bits: [30, 80], plugin: "BasePluginV1Factory" },
  { tokens: [0, 2], root: 1_234n, bits: [50, 70], plugin: "BasePluginV2Factory" },
  { tokens: [0, 3], root: 10n ** 9n, bits: [60, 75], plugin: "BasePluginV2Factory" },
  { tokens: [1, 3], root: 500n, bits: [60, 70], plugin: null },
] as const;

describe.skipIf(PLUGINS === null)(
  "Algebra Integral with its own plugins (skipped where @cryptoalgebra/integral-base-plugin is not installed)",
  () => {
    const plugins = PLUGINS ?? "";
    /** The core that the plugins were published with, 1.2.1, tells a swap's fees in `Swap`; the newest, 1.2.10, in an event of its own. */
    const cores = [
      path.join(plugins, "node_modules/@cryptoalgebra/integral-core"),
      packageFolder("@cryptoalgebra/integral-core") as string,
    ] as const;

    test.each([
      ["1.2.1", cores[0]],
      ["1.2.10", cores[1]],
    ])(
      `core %s, seed ${SEED}: quotes with the next block's fee equal what the pools do in it`,
      async (version, core) => {
        const random = randomFor("algebra integral differential", version, SEED);
        const on = await startAlgebraChain(4);
        try {
          const artifact = (name: string) => `artifacts/contracts/${name}.sol/${name}.json`;
          const factory = await on.deploy(core, artifact("AlgebraFactory"), [await futureAddress(on, 1)]);
          const factoryAddress = await addressOf(factory);
          await on.deploy(core, artifact("AlgebraPoolDeployer"), [factoryAddress]);
          const vault = asAddress(`0x${"5a".repeat(20)}`);
          const vaults = await on.deploy(cores[1], artifact("AlgebraVaultFactoryStub"), [vault]);
          const encode = (name: string, args: readonly unknown[]) => factory.interface.encodeFunctionData(name, args);
          await on.mine([
            { to: factoryAddress, data: encode("setVaultFactory", [await addressOf(vaults)]) },
            // A share of the fee for the protocol moves no quote.
            { to: factoryAddress, data: encode("setDefaultCommunityFee", [150]) },
          ]);
          const deployment: DexDeployment = {
            id: "algebra-integral-test",
            brand: "test",
            family: "algebra",
            variant: "algebra-integral",
            factory: factoryAddress,
            deployBlock: 0,
            verified: true,
            source: "this test",
          };
          const factories = new Map<string | null, string>([[null, `0x${"00".repeat(20)}`]]);
          for (const name of ["BasePluginV1Factory", "BasePluginV2Factory"]) {
            factories.set(name, await addressOf(await on.deploy(plugins, artifact(name), [factoryAddress])));
          }
          const pools: TestPool[] = [];
          const run = new Differential(on, deployment, pools, random);
          for (const { tokens, root, bits, plugin } of POOLS) {
            const pair = tokens.map((index) => on.tokens[index] as Address);
            const [, created] = await on.mine([
              { to: factoryAddress, data: encode("setDefaultPluginFactory", [factories.get(plugin)]) },
              { to: factoryAddress, data: encode("createPool", [...pair, "0x"]) },
            ]);
            const log = created?.logs.find(
              ([address, topics]) => address === factoryAddress && topics[0] === algebra.topics(deployment).created[0],
            );
            invariant(log !== undefined, "a pool is announced");
            const info = algebra.decodeCreated(log as LogRow, deployment);
            invariant(info !== null && typeof info !== "string", "Integral announces a pool whole");
            expect(info).toEqual({ pool: info.pool, tokens: pair, facts: { tickSpacing: 0 } });
            expect(await algebra.describe(await on.reader(), deployment, [info.pool])).toEqual([info]);
            const price = (root * Q96) / 1_000n;
            const [initialised] = await on.mine([{ to: info.pool, data: POOL.encodeFunctionData("initialize", [price]) }]);
            const [spacing] = await (await on.reader()).multicall([{ target: info.pool, data: POOL.encodeFunctionData("tickSpacing") }]);
            const pool: TestPool = {
              info,
              state: algebra.created(),
              spacing: Number(spacing),
              slides: plugin === "BasePluginV2Factory",
              stays: plugin !== null,
              positions: new Map(),
            };
            pools.push(pool);
            run.follow(initialised?.logs ?? []);
            expect(pool.state.sqrtPriceX96).toBe(price);
            const first = Math.floor(pool.state.tick / pool.spacing);
            // All prices have some liquidity: which fee a plugin asks for cannot be told where a swap of a million units finds nothing to change.
            if (plugin !== null) {
              const end = Math.floor(MAX_TICK / pool.spacing) * pool.spacing;
              const [minted] = await on.mine([run.mintPlan(pool, -end, end, 2n ** 40n).transaction]);
              invariant(minted?.ok === true, "a position that stays");
              run.follow(minted.logs);
            }
            for (let index = 0; index < 25; index++) {
              const bottom = (first + Math.round(random.normal() * 30)) * pool.spacing;
              const plan = run.mintPlan(pool, bottom, bottom + random.integer(1, 60) * pool.spacing, logUniform(random, bits[0], bits[1]));
              const [minted] = await on.mine([plan.transaction]);
              invariant(minted?.ok === true, "a position");
              plan.done();
              run.follow(minted.logs);
            }
          }
          await run.run(ROUNDS, QUOTES_PER_ROUND);
          const { counts } = run;
          counts.fees.delete(NO_SWAPS);
          console.info(
            `algebra integral ${version}: ${JSON.stringify({ ...counts, fees: counts.fees.size })}, fees up to ${Math.max(...counts.fees)}`,
          );
          expect(counts.quotes).toBe(ROUNDS * QUOTES_PER_ROUND);
          expect(counts.fees.size).toBeGreaterThan(5);
          expect(counts.feesMoved).toBeGreaterThan(5);
          expect(counts.executed).toBeGreaterThan(ROUNDS / 2);
          expect(counts.crossings).toBeGreaterThan(counts.quotes);
          expect(counts.verified).toBeGreaterThan(20);
        } finally {
          await on.stop();
        }
      },
      120_000,
    );
  },
);
