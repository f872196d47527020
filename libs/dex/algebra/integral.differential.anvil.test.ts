import path from "node:path";
import { describe, expect, test } from "vitest";
import { addressOf } from "#libs/contracts/testing.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import { artifactOf, deployOf, dialectOf, futureAddress, NODE_ARGS, packageFolder, specOf } from "#libs/dex/algebra/testing.ts";
import { governance, TICK_POOL, testAgainstContracts } from "#libs/dex/concentrated/testing.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { addressAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

const PLUGINS = packageFolder("@cryptoalgebra/integral-base-plugin");
const VAULT = `0x${"5a".repeat(20)}`;
/** By a spec's key. The first sets a fee that follows volatility, the second overrides that of each direction with one that follows the price. */
const PLUGIN_FACTORIES = ["BasePluginV1Factory", "BasePluginV2Factory", null] as const;

const SPECS = [
  specOf([0, 1], 1_000n, [55, 75], { key: 0 }),
  specOf([1, 2], 37n, [30, 80], { key: 0 }),
  specOf([0, 2], 1_234n, [50, 70], { key: 1 }),
  specOf([0, 3], 10n ** 9n, [60, 75], { key: 1 }),
  specOf([1, 3], 500n, [60, 70], { key: 2 }),
  // All prices of pools with a plugin have some liquidity: which fee it asks for cannot be told where a swap of a million units finds nothing to change.
].map((spec) => ({ ...spec, table: 0, stays: spec.key !== 2, slides: spec.key === 1 }));

describe.skipIf(PLUGINS === null)(
  "Algebra Integral with its own plugins (skipped where @cryptoalgebra/integral-base-plugin is not installed)",
  () => {
    const plugins = PLUGINS ?? "";
    /** The core that the plugins were published with, 1.2.1, tells a swap's fees in `Swap`; the newest, 1.2.10, in an event of its own. */
    const cores = [
      path.join(plugins, "node_modules/@cryptoalgebra/integral-core"),
      packageFolder("@cryptoalgebra/integral-core") as string,
    ] as const;

    describe.each([
      ["1.2.1", cores[0]],
      ["1.2.10", cores[1]],
    ])("core %s", (version, core) => {
      const market = testAgainstContracts({
        name: `algebra integral ${version}`,
        size: { blocks: 60, quotes: 100, paid: 5_000 },
        seen: ({ counts }) => {
          expect(counts.fees.size).toBeGreaterThan(10);
          expect(counts.feesMoved).toBeGreaterThan(10);
        },
        decimals: [18, 6, 8, 18],
        nodeArgs: NODE_ARGS,
        async deploy(dex) {
          const { signer } = dex.chain;
          const contract = await deployOf(signer, artifactOf(core, "AlgebraFactory"), [await futureAddress(signer, 1)]);
          const factory = await addressOf(contract);
          await deployOf(signer, artifactOf(core, "AlgebraPoolDeployer"), [factory]);
          const vaults = await deployOf(signer, artifactOf(cores[1], "AlgebraVaultFactoryStub"), [VAULT]);
          await governance(dex, contract, "setVaultFactory", [vaults]);
          // A share of the fee for the protocol moves no quote.
          await governance(dex, contract, "setDefaultCommunityFee", [150]);
          const pluginFactories: string[] = [];
          for (const name of PLUGIN_FACTORIES) {
            const deployed = name === null ? null : await deployOf(signer, artifactOf(plugins, name), [factory]);
            pluginFactories.push(deployed === null ? `0x${"00".repeat(20)}` : await addressOf(deployed));
          }
          const deployment = deploymentOf("algebra", factory, { id: `algebra-integral-${version}`, variant: "algebra-integral" });
          let current: string | undefined;
          return {
            ...dialectOf("integral"),
            family: algebra,
            deployment,
            specs: SPECS,
            async createPool({ key }, tokens, price) {
              // The factory refuses to be told what it knows.
              if (pluginFactories[key] !== current) await governance(dex, contract, "setDefaultPluginFactory", [pluginFactories[key]]);
              current = pluginFactories[key];
              const created = await dex.send(factory, contract.interface.encodeFunctionData("createPool", [...tokens, "0x"]));
              const [announced] = algebra.topics(deployment).created;
              const log = created.logs.find(([address, topics]) => address === factory && topics[0] === announced);
              invariant(log !== undefined, "a pool is announced");
              return [created, await dex.send(asAddress(addressAt(log[2], 0)), TICK_POOL.encodeFunctionData("initialize", [price]))];
            },
          };
        },
      });

      test("an hour later the pools say what they pay then", () => market().expectAnswered(3_600));
    });
  },
);
