/** For tests: a Balancer V2 vault with every kind and age of pool that is published as bytecode. */

import { readFileSync } from "node:fs";
import { AbiCoder, type Contract, ContractFactory, Interface } from "ethers";
import { addressOf, deployBalancer, deployPublished, method } from "#libs/contracts/testing.ts";
import type { DexTestChain } from "#libs/dex/testing.ts";
import { addressWord, padWord } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

const ARTIFACTS = "@balancer-labs/v2-deployments/dist/tasks";
const DAY = 86_400;
const ZERO = `0x${"00".repeat(20)}`;
const WAD = 10n ** 18n;
/** Returns its first storage slot to whoever calls: PUSH0 SLOAD PUSH0 MSTORE, RETURN of 32 bytes. */
const RATE_PROVIDER_CODE = "0x5f545f5260205ff3";

/** To be filled to half of what the vault can hold. */
export const FULL_POOL = "stable 2021, next to the vault's limit";

export const VAULT = new Interface([
  "function swap((bytes32 poolId, uint8 kind, address assetIn, address assetOut, uint256 amount, bytes userData), (address sender, bool fromInternalBalance, address recipient, bool toInternalBalance), uint256 limit, uint256 deadline)",
  "function joinPool(bytes32 poolId, address sender, address recipient, (address[] assets, uint256[] maxAmountsIn, bytes userData, bool fromInternalBalance))",
  "function exitPool(bytes32 poolId, address sender, address recipient, (address[] assets, uint256[] minAmountsOut, bytes userData, bool toInternalBalance))",
  "function managePoolBalance((uint8 kind, bytes32 poolId, address token, uint256 amount)[] ops)",
  "function getPoolTokens(bytes32 poolId) view returns (address[] tokens, uint256[] balances, uint256 lastChangeBlock)",
]);
export const POOL = new Interface([
  "function getPoolId() view returns (bytes32)",
  "function balanceOf(address owner) view returns (uint256)",
  "function setSwapFeePercentage(uint256 swapFeePercentage)",
  "function startAmplificationParameterUpdate(uint256 rawEndValue, uint256 endTime)",
  "function stopAmplificationParameterUpdate()",
  "function updateTokenRateCache(address token)",
  "function updatePriceRateCache(address token)",
  "function setPaused(bool paused)",
  "function pause()",
  "function unpause()",
  "function enableRecoveryMode()",
  "function disableRecoveryMode()",
]);

export interface TestPool {
  readonly name: string;
  readonly pool: Address;
  readonly poolId: string;
  readonly maths: 1 | 2;
  /** In the vault's order, the pool's own among them where it registers it. */
  readonly assets: readonly Address[];
  readonly kind: "weighted" | "stable" | "meta-stable" | "composable-stable";
  /** By token without the pool's own. */
  readonly providers: readonly (Address | null)[];
  /** Has `pause`, `unpause` and recovery mode rather than `setPaused`. */
  readonly recent: boolean;
}

export interface TestVault {
  readonly vault: Address;
  readonly authorizer: Contract;
  readonly pools: readonly TestPool[];
}

const abi = AbiCoder.defaultAbiCoder();
/** Rates are 18-decimal numbers in the provider's first slot. */
export async function setRate(dex: DexTestChain, provider: Address, rate: bigint): Promise<void> {
  await dex.chain.provider.send("anvil_setStorageAt", [provider, `0x${padWord(0n)}`, `0x${padWord(rate)}`]);
}

async function rateProvider(dex: DexTestChain, number: number, rate: bigint): Promise<Address> {
  const provider = asAddress(`0x${(0xfeed_0000 + number).toString(16).padStart(40, "0")}`);
  await dex.chain.provider.send("anvil_setCode", [provider, RATE_PROVIDER_CODE]);
  await setRate(dex, provider, rate);
  return provider;
}

export async function deployVault(dex: DexTestChain): Promise<TestVault> {
  const { signer, provider } = dex.chain;
  const { trader: owner, tokens } = dex;
  const authorizer = await deployBalancer(signer, "20210418-authorizer", "Authorizer", [signer.address]);
  const wrapped = await method(dex.market, "wrappedNative")();
  const vaultContract = await deployBalancer(signer, "20210418-vault", "Vault", [authorizer, wrapped, 90 * DAY, 30 * DAY]);
  const vault = await addressOf(vaultContract);
  const feeProvider = await deployBalancer(signer, "20220725-protocol-fee-percentages-provider", "ProtocolFeePercentagesProvider", [
    vault,
    WAD / 2n,
    WAD / 2n,
  ]);
  const pause = [90 * DAY, 30 * DAY] as const;
  const [t0, t1, t2, t3, t4] = tokens as [Address, Address, Address, Address, Address];
  const none = (count: number) => Array.from({ length: count }, () => ZERO);
  const shares = (...percents: number[]) => percents.map((percent) => BigInt(percent) * 10n ** 16n);
  const slow = await rateProvider(dex, 1, 1_226_470_562_881_593_452n);
  const quick = await rateProvider(dex, 2, 1_061_234_567_890_123_457n);
  const other = await rateProvider(dex, 3, 987_654_321_098_765_432n);
  const pools: TestPool[] = [];

  const add = async (
    name: string,
    kind: TestPool["kind"],
    contract: Contract | Address,
    options: Partial<Pick<TestPool, "providers" | "recent">> = {},
  ) => {
    const pool = typeof contract === "string" ? contract : await addressOf(contract);
    const poolId = (await provider.call({ to: pool, data: POOL.encodeFunctionData("getPoolId") })) as string;
    const registered = await provider.call({ to: vault, data: VAULT.encodeFunctionData("getPoolTokens", [poolId]) });
    const assets = (VAULT.decodeFunctionResult("getPoolTokens", registered)[0] as string[]).map(asAddress);
    const recent = options.recent ?? false;
    pools.push({ name, kind, maths: recent ? 2 : 1, pool, poolId, assets, providers: options.providers ?? [], recent });
  };
  const V1 = "deprecated/20210418-weighted-pool";
  const weighted = (list: readonly Address[], weights: readonly bigint[], fee: bigint) =>
    deployBalancer(signer, V1, "WeightedPool", [vault, "W", "W", list, weights, fee, ...pause, owner]);
  const two = (list: readonly [Address, Address], weights: readonly bigint[], fee: bigint) =>
    deployBalancer(signer, V1, "WeightedPool2Tokens", [[vault, "W2", "W2", ...list, ...weights, fee, ...pause, true, owner]]);
  await add("weighted v1, 50/30/20", "weighted", await weighted([t0, t1, t2], shares(50, 30, 20), 3n * 10n ** 15n));
  await add("weighted v1, 1/2/17/80", "weighted", await weighted([t0, t1, t2, t3], shares(1, 2, 17, 80), 10n ** 12n));
  await add("weighted of two tokens v1, 80/20", "weighted", await two([t1, t2], shares(80, 20), 10n ** 16n));
  await add("weighted of two tokens v1, 50/50", "weighted", await two([t0, t3], shares(50, 50), 25n * 10n ** 14n + 1n));

  const later = (list: readonly Address[], weights: readonly bigint[], managers: readonly string[], fee: bigint) =>
    [["W", "W", list, weights, none(list.length), managers, fee], vault, feeProvider, ...pause, owner] as const;
  const managed = later([t0, t2], shares(50, 50), [owner, owner], 10n ** 15n);
  await add(
    "weighted v2, 50/50, with an asset manager",
    "weighted",
    await deployBalancer(signer, "20220908-weighted-pool-v2", "WeightedPool", managed),
    {
      recent: true,
    },
  );
  const v3 = later([t0, t1, t4], shares(60, 20, 20), none(3), 5n * 10n ** 15n);
  const v3Version = '{"name":"WeightedPool","version":3,"deployment":"20230206-weighted-pool-v3"}';
  await add(
    "weighted v3, 60/20/20",
    "weighted",
    await deployPublished(signer, `${ARTIFACTS}/20230206-weighted-pool-v3/artifact/WeightedPool.json`, [...v3, v3Version]),
    { recent: true },
  );
  const v3Steep = later([t2, t3], shares(80, 20), none(2), 10n ** 16n);
  await add(
    "weighted v3, 80/20",
    "weighted",
    await deployPublished(signer, `${ARTIFACTS}/20230206-weighted-pool-v3/artifact/WeightedPool.json`, [...v3Steep, v3Version]),
    { recent: true },
  );

  const stable = (list: readonly Address[], amp: number, fee: bigint) =>
    deployBalancer(signer, "deprecated/20210624-stable-pool", "StablePool", [vault, "S", "S", list, amp, fee, ...pause, owner]);
  await add("stable 2021, three tokens", "stable", await stable([t0, t1, t2], 200, 4n * 10n ** 14n));
  await add("stable 2021, two tokens", "stable", await stable([t1, t3], 5_000, 10n ** 12n));
  await add("stable 2021, five tokens", "stable", await stable([t0, t1, t2, t3, t4], 1, 10n ** 15n));

  // Tokens of 18 decimals: with fewer the pool's own numbers overflow before the vault's do.
  const decimals = await Promise.all(tokens.map(async (token) => Number(await provider.call({ to: token, data: "0x313ce567" }))));
  const fine = tokens.filter((_, index) => decimals[index] === 18).slice(0, 2);
  await add(FULL_POOL, "stable", await stable(fine, 100, 10n ** 14n));

  const META = "deprecated/20210727-meta-stable-pool";
  const queryProcessor = await deployPublished(signer, `${ARTIFACTS}/${META}/artifact/QueryProcessor.json`, []);
  const meta = await linked(dex, META, "MetaStablePool", queryProcessor, [
    [vault, "M", "M", [t0, t2], [slow, ZERO], [3_600, 0], 50, 4n * 10n ** 14n, ...pause, true, owner],
  ]);
  await add("meta-stable, one rate", "meta-stable", meta, { providers: [slow, null] });
  const meta2 = await linked(dex, META, "MetaStablePool", queryProcessor, [
    [vault, "M", "M", [t1, t3], [quick, other], [0, 7_200], 500, 10n ** 14n, ...pause, false, owner],
  ]);
  await add("meta-stable, two rates", "meta-stable", meta2, { providers: [quick, other] });

  const fromFactory = async (factory: Contract, args: readonly unknown[]): Promise<Address> => {
    const to = await addressOf(factory);
    const { logs } = await dex.send(to, factory.interface.encodeFunctionData("create", args));
    const log = logs.find(([address]) => address === to);
    invariant(log !== undefined, "the factory announces its pool");
    return asAddress(`0x${(log[1][1] as string).slice(26)}`);
  };
  const stable2 = await deployBalancer(signer, "20220609-stable-pool-v2", "StablePoolFactory", [vault]);
  const stable2Pool = await fromFactory(stable2, ["S2", "S2", [t0, t1, t4], 1_000, 10n ** 14n, owner]);
  await add("stable v2, three tokens", "stable", stable2Pool, { recent: true });

  const composable = (
    list: readonly Address[],
    amp: number,
    providers: readonly (Address | null)[],
    durations: readonly number[],
    fee: bigint,
  ) => ({
    list,
    amp,
    fee,
    durations,
    providers,
    addresses: providers.map((each) => each ?? ZERO),
    exempt: providers.map(() => false),
  });
  const c1 = composable([t0, t1, t2], 200, [slow, null, quick], [1_800, 0, 0], 10n ** 14n);
  await add(
    "composable stable v1, three tokens",
    "composable-stable",
    await deployBalancer(signer, "20220906-composable-stable-pool", "ComposableStablePool", [
      [vault, feeProvider, "C", "C", c1.list, c1.addresses, c1.durations, c1.exempt, c1.amp, c1.fee, ...pause, owner],
    ]),
    { providers: c1.providers, recent: true },
  );
  const c2 = composable([t1, t3], 1_000, [null, other], [0, 900], 5n * 10n ** 13n);
  const c3 = composable([t0, t1, t2, t3, t4], 20, [quick, slow, null, other, null], [600, 0, 0, 86_400, 0], 10n ** 15n);
  const c3Plain = composable([t0, t3], 5_000, [null, null], [0, 0], 10n ** 12n);
  for (const [task, version, pool] of [
    ["20221122-composable-stable-pool-v2", 2, c2],
    ["20230206-composable-stable-pool-v3", 3, c3],
    ["20230206-composable-stable-pool-v3", 3, c3Plain],
  ] as const) {
    const text = `{"name":"ComposableStablePool","version":${version},"deployment":"${task}"}`;
    const file = `${ARTIFACTS}/${task}/artifact/ComposableStablePoolFactory.json`;
    const factory = await deployPublished(signer, file, [vault, feeProvider, text, text]);
    const args = ["C", "C", pool.list, pool.amp, pool.addresses, pool.durations, pool.exempt, pool.fee, owner];
    await add(`composable stable v${version}, ${pool.list.length} tokens`, "composable-stable", await fromFactory(factory, args), {
      providers: pool.providers,
      recent: true,
    });
  }
  return { vault, authorizer, pools };
}

/** Deploys a contract that calls a library, whose address goes where its bytecode says `__$…$__`. */
async function linked(dex: DexTestChain, task: string, name: string, library: Contract, args: readonly unknown[]): Promise<Contract> {
  const fileOf = (folder: string) =>
    readFileSync(new URL(`../../../node_modules/${ARTIFACTS}/${task}/${folder}/${name}.json`, import.meta.url), "utf8");
  const { creationCode } = JSON.parse(fileOf("bytecode")) as { creationCode: string };
  const bytecode = creationCode.replaceAll(/__\$[0-9a-f]{34}\$__/g, (await addressOf(library)).slice(2));
  const contract = await new ContractFactory(JSON.parse(fileOf("abi")), bytecode, dex.chain.signer).deploy(...args);
  await contract.waitForDeployment();
  return contract as Contract;
}

export const joinData = (kind: number, amounts: readonly bigint[]): string =>
  kind === 0 ? abi.encode(["uint256", "uint256[]"], [kind, amounts]) : abi.encode(["uint256", "uint256[]", "uint256"], [kind, amounts, 0n]);
/** For exactly this much of the pool's token, one token out. */
export const exitData = (bptIn: bigint, tokenIndex: number): string =>
  abi.encode(["uint256", "uint256", "uint256"], [0, bptIn, tokenIndex]);

export const approveData = (spender: Address): string => `0x095ea7b3${addressWord(spender)}${padWord(2n ** 256n - 1n)}`;
