/** Deploys the protocols and loads the recorded market, all by signed transactions in a few large blocks. */

import { createRequire } from "node:module";
import { AbiCoder, getCreateAddress, Interface, type InterfaceAbi } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";
import { toHex } from "#libs/evm/hex.ts";
import type { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant, UserError } from "#libs/units/invariant.ts";
import { DEPLOYER, OWNER, sign } from "./accounts.ts";
import { CHAIN_ID, GENESIS_TIMESTAMP } from "./genesis.ts";
import {
  type ConcentratedDex,
  type MarketPlan,
  nativePricesApprox,
  type PlannedPair,
  type PlannedPool,
  type Position,
  type RecordedWeightedPool,
  sidesOf,
  type V2Dex,
  venueKey,
} from "./market.ts";

export interface Contracts {
  readonly v2Factories: Readonly<Record<V2Dex, Address>>;
  readonly v3Factories: Readonly<Record<ConcentratedDex, Address>>;
  /** Of the weighted pools that are traded. */
  readonly vault: Address;
  /** Another vault, which has nothing to trade: one that lends lets nobody swap in it until the loan is repaid. */
  readonly lender: Address;
  readonly market: Address;
  readonly executor: Address | undefined;
}

export interface LoadedPair extends PlannedPair {
  readonly address: Address;
}

export interface LoadedPool extends PlannedPool {
  readonly address: Address;
}

export interface LoadedWeightedPool {
  readonly recorded: RecordedWeightedPool;
  readonly address: Address;
  readonly poolId: string;
}

export interface LoadedMarket {
  readonly contracts: Contracts;
  readonly pairs: readonly LoadedPair[];
  readonly pools: readonly LoadedPool[];
  readonly weighted: readonly LoadedWeightedPool[];
  /** The last block of the load. */
  readonly blockNumber: number;
}

export type LoadProgress = (event: { stage: "contracts" | "market"; done: number; total: number; note: string }) => void;

/** Swap fee of each fork, 1e-4 units: what the deployed contracts charge. */
export const FEE_BPS: Readonly<Record<V2Dex, number>> = { "uniswap-v2": 30, "pancake-v2": 20, swapr: 25 };

/** What Algebra's pools charge where the price stands still: AlgebraFeePlugin.LOWEST_FEE, 1e-6 units. */
export const ALGEBRA_FEE_PIPS = 500;

/** Gas of one loading block. Large blocks load fastest; one of them mines in about a second, which keeps progress visible. */
export const LOAD_GAS_LIMIT = 30_000_000_000n;

/** Wrapped by the market contract for all it pays in native coin: recorded pools need some 300,000, traders sell as much as they buy. */
const MARKET_NATIVE = 20_000_000n * 10n ** 18n;

/** Pairs in one transaction, and positions in one transaction: neither has a limit here, they only keep single transactions below a second. */
const PAIRS_PER_TRANSACTION = 40;
const POSITIONS_PER_TRANSACTION = 400;
/** Positions after which a block is mined. */
const POSITIONS_PER_BLOCK = 3_000;

/** What each side of the lender's only pool is worth. See `deepPool`. */
const DEEP_POOL_SIDE_WEI = 20_000n * 10n ** 18n;
/** WETH, USDC, USDT, DAI, WBTC: what arbitrage loans are taken in. */
const DEEP_POOL_TOKENS = [
  "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
  "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
  "0xdac17f958d2ee523a2206206994597c13d831ec7",
  "0x6b175474e89094c44da98b954eedeac495271d0f",
  "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599",
];

const require = createRequire(import.meta.url);
const BALANCER = "@balancer-labs/v2-deployments/dist/tasks";

function npmCode(file: string): string {
  const json = require(file) as { bytecode?: string; creationCode?: string };
  const code = json.bytecode ?? json.creationCode ?? "";
  invariant(code.length > 2, `${file} has no creation code`);
  return code.startsWith("0x") ? code : `0x${code}`;
}

const encode = (types: string[], values: unknown[]): string => AbiCoder.defaultAbiCoder().encode(types, values).slice(2);

const UNISWAP_V3 = "@uniswap/v3-core/artifacts/contracts";
const PANCAKE_V3 = "@pancakeswap/v3-core/artifacts/contracts";
const ALGEBRA = "@cryptoalgebra/integral-core/artifacts/contracts";

const FACTORY_V3 = new Interface(["function enableFeeAmount(uint24 fee, int24 tickSpacing)"]);
const FACTORY_ALGEBRA = new Interface(["function setDefaultPluginFactory(address newDefaultPluginFactory)"]);
const WEIGHTED_FACTORY = new Interface([
  "function create(string name, string symbol, address[] tokens, uint256[] weights, uint256 swapFeePercentage, address owner) returns (address)",
]);
const POOL_REGISTERED = new Interface(["event PoolRegistered(bytes32 indexed poolId, address indexed poolAddress, uint8 specialization)"]);
const PAIR_CREATED = new Interface(["event PairCreated(address indexed token0, address indexed token1, address pair, uint256)"]);
const POOL_CREATED = new Interface([
  "event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool)",
]);

const ALGEBRA_POOL = new Interface(["event Pool(address indexed token0, address indexed token1, address pool)"]);

let parsedMarketAbi: Interface | undefined;

export function marketInterface(): Interface {
  parsedMarketAbi ??= new Interface(artifact("Market").abi as InterfaceAbi);
  return parsedMarketAbi;
}

interface Log {
  readonly address: string;
  readonly topics: string[];
  readonly data: string;
}

/** Sends the deployer's transactions in order and mines them when told to. */
class Loader {
  readonly #rpc: RpcClient;
  #nonce = 0;
  #block = 0;
  #queued: string[] = [];

  constructor(rpc: RpcClient) {
    this.#rpc = rpc;
  }

  get blockNumber(): number {
    return this.#block;
  }

  /** The address of the contract that is created after `others` other transactions. */
  addressAfter(others: number): Address {
    return asAddress(getCreateAddress({ from: DEPLOYER.address, nonce: this.#nonce + others }));
  }

  /** Queues creation code; returns the address at which the contract will be. */
  create(code: string, value = 0n): Address {
    const address = this.addressAfter(0);
    this.#queue({ data: code, value, gasLimit: 30_000_000n });
    return address;
  }

  call(to: Address, data: string, gasLimit: bigint): void {
    this.#queue({ to, data, gasLimit });
  }

  #queue(fields: { to?: Address; data: string; value?: bigint; gasLimit: bigint }): void {
    this.#queued.push(sign(DEPLOYER, CHAIN_ID, { nonce: this.#nonce++, ...fields }).raw);
  }

  async mine(): Promise<void> {
    this.#block += 1;
    const sent = this.#queued.map((raw) => ({ method: "eth_sendRawTransaction", params: [raw] }));
    this.#queued = [];
    await this.#rpc.batch(sent);
    await this.#rpc.send("evm_setNextBlockTimestamp", [GENESIS_TIMESTAMP + this.#block]);
    await this.#rpc.send("evm_mine");
    const head = Number(await this.#rpc.send<string>("eth_blockNumber"));
    invariant(head === this.#block, `the load expected block ${this.#block}, the chain is at ${head}`);
    const count = Number(await this.#rpc.send<string>("eth_getBlockTransactionCountByNumber", [toHex(head)]));
    invariant(count === sent.length, `block ${head} took ${count} of ${sent.length} transactions`);
  }

  async logs(filter: { address: Address; topics: (string | null)[] }): Promise<Log[]> {
    return this.#rpc.send<Log[]>("eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest", ...filter }]);
  }

  async requireCode(addresses: Readonly<Record<string, Address>>): Promise<void> {
    const names = Object.keys(addresses);
    const codes = await this.#rpc.batch<string>(names.map((name) => ({ method: "eth_getCode", params: [addresses[name], "latest"] })));
    for (const [index, code] of codes.entries()) invariant(code.length > 2, `${names[index]} was not deployed`);
  }
}

/** Positions as `Market.loadPool` takes them: 22 bytes each. */
export function packPositions(positions: readonly Position[]): string {
  const tick = (value: number): string => (value & 0xffffff).toString(16).padStart(6, "0");
  return `0x${positions.map((p) => tick(p.tickLower) + tick(p.tickUpper) + p.liquidity.toString(16).padStart(32, "0")).join("")}`;
}

interface WeightedSpec {
  readonly tokens: readonly { readonly token: string; readonly balance: bigint; readonly weightWad: bigint }[];
  readonly swapFeeWad: bigint;
}

/** A pool of our own, worth the same in each main token: what the lender lends. */
function deepPool(plan: MarketPlan, native: Address): WeightedSpec {
  const prices = nativePricesApprox(native, sidesOf(plan));
  const priced = DEEP_POOL_TOKENS.flatMap((address) => {
    const price = prices.get(asAddress(address));
    return price === undefined ? [] : [{ token: address, balance: BigInt(Math.round(Number(DEEP_POOL_SIDE_WEI) / price)) }];
  });
  priced.sort((a, b) => (a.token < b.token ? -1 : 1));
  const share = 10n ** 18n / BigInt(priced.length);
  const rest = 10n ** 18n - share * BigInt(priced.length);
  return {
    tokens: priced.map((entry, index) => ({ ...entry, weightWad: share + (index === 0 ? rest : 0n) })),
    swapFeeWad: 3_000_000_000_000_000n,
  };
}

export async function deployAndLoad(input: {
  readonly rpc: RpcClient;
  readonly plan: MarketPlan;
  readonly native: Address;
  readonly onProgress: LoadProgress;
  readonly signal?: AbortSignal | undefined;
}): Promise<LoadedMarket> {
  const { rpc, plan, native, onProgress, signal } = input;
  const loader = new Loader(rpc);
  const marketAbi = marketInterface();

  onProgress({ stage: "contracts", done: 0, total: 1, note: "Uniswap, PancakeSwap, Swapr, Algebra, Balancer" });
  const feeToSetter = encode(["address"], [DEPLOYER.address]);
  const v2Factories: Contracts["v2Factories"] = {
    "uniswap-v2": loader.create(npmCode("@uniswap/v2-core/build/UniswapV2Factory.json") + feeToSetter),
    "pancake-v2": loader.create(npmCode("@pancakeswap-libs/pancake-swap-core/build/PancakeFactory.json") + feeToSetter),
    swapr: loader.create(npmCode("@swapr/core/build/DXswapFactory.json") + feeToSetter),
  };
  const v3Factories: Contracts["v3Factories"] = {
    "uniswap-v3": loader.create(npmCode(`${UNISWAP_V3}/UniswapV3Factory.sol/UniswapV3Factory.json`)),
    "pancake-v3": createPancakeV3(loader),
    algebra: createAlgebra(loader),
  };
  loader.call(v3Factories["uniswap-v3"], FACTORY_V3.encodeFunctionData("enableFeeAmount", [100, 1]), 200_000n);
  const authorizer = loader.create(
    npmCode(`${BALANCER}/20210418-authorizer/bytecode/Authorizer.json`) + encode(["address"], [DEPLOYER.address]),
  );
  const deep = deepPool(plan, native);
  const vault = createVault(loader, authorizer, native, plan.weighted.map(specOf));
  const lender = createVault(loader, authorizer, native, [deep]);
  const market = loader.create(artifact("Market").bytecode + encode(["address"], [native]), MARKET_NATIVE);
  const executor = deployExecutor(loader, lender, native);
  await loader.mine();
  await loader.requireCode({ ...v2Factories, ...v3Factories, authorizer, vault, lender, market, ...(executor ? { executor } : {}) });
  onProgress({ stage: "contracts", done: 1, total: 1, note: "protocols deployed" });

  const weightedPoolIds = await registeredPools(loader, vault, plan.weighted.length);
  const [deepPoolId = ""] = await registeredPools(loader, lender, 1);
  const join = (into: Address, poolId: string | undefined, { tokens }: WeightedSpec): void => {
    const parameters = [into, poolId, tokens.map((t) => t.token), tokens.map((t) => t.balance)];
    loader.call(market, marketAbi.encodeFunctionData("joinWeighted", parameters), 3_000_000n);
  };
  for (const [index, pool] of plan.weighted.entries()) join(vault, weightedPoolIds[index], specOf(pool));
  join(lender, deepPoolId, deep);

  const total = plan.pairs.length + plan.pools.length;
  let done = 0;
  onProgress({ stage: "market", done, total, note: "constant-product pairs" });
  for (let start = 0; start < plan.pairs.length; start += PAIRS_PER_TRANSACTION) {
    const chunk = plan.pairs.slice(start, start + PAIRS_PER_TRANSACTION);
    const specs = chunk.map((pair) => [v2Factories[pair.dex], pair.token0, pair.token1, pair.reserve0, pair.reserve1]);
    loader.call(market, marketAbi.encodeFunctionData("loadPairs", [specs]), BigInt(chunk.length) * 4_000_000n);
  }
  await loader.mine();
  done = plan.pairs.length;
  onProgress({ stage: "market", done, total, note: "concentrated-liquidity pools" });

  let waiting = 0;
  const continued: { pool: PlannedPool; positions: readonly Position[] }[] = [];
  for (const pool of plan.pools) {
    signal?.throwIfAborted();
    const first = pool.positions.slice(0, POSITIONS_PER_TRANSACTION);
    if (pool.positions.length > first.length) continued.push({ pool, positions: pool.positions.slice(POSITIONS_PER_TRANSACTION) });
    loader.call(market, encodeLoad({ ...pool, positions: first }, v3Factories), 6_000_000n + BigInt(first.length) * 700_000n);
    waiting += first.length;
    done += 1;
    if (waiting < POSITIONS_PER_BLOCK) continue;
    await loader.mine();
    waiting = 0;
    onProgress({ stage: "market", done, total, note: "concentrated-liquidity pools" });
  }
  if (waiting > 0) await loader.mine();
  signal?.throwIfAborted();

  const created = await createdPools(loader, { v2Factories, v3Factories });
  const addressOf = ({ dex, token0, token1, recorded, ...pool }: PlannedPair | PlannedPool): Address => {
    const address = created.get(venueKey(dex, token0, token1, "feePips" in pool ? pool.feePips : 0));
    invariant(address, `${dex} has no pool for ${recorded.address}`);
    return address;
  };
  for (const { pool, positions } of continued) {
    for (let start = 0; start < positions.length; start += POSITIONS_PER_TRANSACTION) {
      const chunk = positions.slice(start, start + POSITIONS_PER_TRANSACTION);
      const mint = marketAbi.encodeFunctionData("mintPositions", [addressOf(pool), packPositions(chunk)]);
      loader.call(market, mint, BigInt(chunk.length) * 700_000n + 200_000n);
    }
  }
  if (continued.length > 0) await loader.mine();
  onProgress({ stage: "market", done: total, total, note: "checking what was loaded" });

  const pairs = plan.pairs.map((pair): LoadedPair => ({ ...pair, address: addressOf(pair) }));
  const pools = plan.pools.map((pool): LoadedPool => ({ ...pool, address: addressOf(pool) }));
  // A pool's id begins with its address.
  const weighted = plan.weighted.map((recorded, index): LoadedWeightedPool => {
    const poolId = weightedPoolIds[index] ?? "";
    return { recorded, poolId, address: asAddress(poolId.slice(0, 42)) };
  });
  const contracts: Contracts = { v2Factories, v3Factories, vault, lender, market, executor };
  await checkLoaded(rpc, contracts, { pairs, pools, weighted });
  return { contracts, pairs, pools, weighted, blockNumber: loader.blockNumber };
}

/** PancakeSwap publishes its factory without the contract that this has its pools made by. */
function createPancakeV3(loader: Loader): Address {
  const poolCode = npmCode(`${PANCAKE_V3}/PancakeV3Pool.sol/PancakeV3Pool.json`);
  const poolDeployer = loader.create(artifact("PancakeV3PoolDeployer").bytecode + encode(["bytes"], [poolCode]));
  return loader.create(npmCode(`${PANCAKE_V3}/PancakeV3Factory.sol/PancakeV3Factory.json`) + encode(["address"], [poolDeployer]));
}

/** Algebra Integral: its factory is told who makes its pools, and that one whose they are. */
function createAlgebra(loader: Loader): Address {
  const factoryCode = npmCode(`${ALGEBRA}/AlgebraFactory.sol/AlgebraFactory.json`);
  const factory = loader.create(factoryCode + encode(["address"], [loader.addressAfter(1)]));
  loader.create(npmCode(`${ALGEBRA}/AlgebraPoolDeployer.sol/AlgebraPoolDeployer.json`) + encode(["address"], [factory]));
  const plugins = loader.create(artifact("AlgebraFeePlugin").bytecode);
  loader.call(factory, FACTORY_ALGEBRA.encodeFunctionData("setDefaultPluginFactory", [plugins]), 200_000n);
  return factory;
}

/** A Balancer V2 vault with these weighted pools, still empty. */
function createVault(loader: Loader, authorizer: Address, native: Address, pools: readonly WeightedSpec[]): Address {
  // Pause window and buffer period in seconds, as deployed on Ethereum (task 20210418-vault): 90 and 30 days.
  const parameters = encode(["address", "address", "uint256", "uint256"], [authorizer, native, 7_776_000, 2_592_000]);
  const vault = loader.create(npmCode(`${BALANCER}/20210418-vault/bytecode/Vault.json`) + parameters);
  const factory = loader.create(
    npmCode(`${BALANCER}/deprecated/20210418-weighted-pool/bytecode/WeightedPoolFactory.json`) + encode(["address"], [vault]),
  );
  for (const [index, { tokens, swapFeeWad }] of pools.entries()) {
    const names = [`Weighted ${index}`, `W-${index}`];
    const create = [...names, tokens.map((t) => t.token), tokens.map((t) => t.weightWad), swapFeeWad, DEPLOYER.address];
    loader.call(factory, WEIGHTED_FACTORY.encodeFunctionData("create", create), 12_000_000n);
  }
  return vault;
}

/** Ids in the order of creation. */
async function registeredPools(loader: Loader, vault: Address, count: number): Promise<string[]> {
  const registered = await loader.logs({ address: vault, topics: [POOL_REGISTERED.getEvent("PoolRegistered")?.topicHash ?? null] });
  invariant(registered.length === count, `${registered.length} of ${count} weighted pools were created`);
  return registered.map((log) => log.topics[1] ?? "");
}

function specOf(pool: RecordedWeightedPool): WeightedSpec {
  const tokens = pool.tokens.map(({ token, balance, weightWad }) => ({ token, balance: BigInt(balance), weightWad: BigInt(weightWad) }));
  return { tokens, swapFeeWad: BigInt(pool.swapFeePips) * 10n ** 12n };
}

/** Encodes the opening of a concentrated pool with its first positions. */
export function encodeLoad(
  pool: Pick<PlannedPool, "dex" | "token0" | "token1" | "feePips" | "sqrtPriceX96" | "positions">,
  factories: Contracts["v3Factories"],
): string {
  const { dex, token0, token1, feePips, sqrtPriceX96 } = pool;
  const positions = packPositions(pool.positions);
  return dex === "algebra"
    ? marketInterface().encodeFunctionData("loadAlgebraPool", [factories.algebra, token0, token1, sqrtPriceX96, positions])
    : marketInterface().encodeFunctionData("loadPool", [factories[dex], token0, token1, feePips, sqrtPriceX96, positions]);
}

/** Undefined while there is no compiled executor: the chain is of use without one. */
function deployExecutor(loader: Loader, lender: Address, native: Address): Address | undefined {
  try {
    const { bytecode } = artifact("Executor");
    return loader.create(bytecode + encode(["address", "address", "address"], [OWNER.address, lender, native]));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Addresses by `venueKey`. */
async function createdPools(
  loader: Loader,
  { v2Factories, v3Factories }: Pick<Contracts, "v2Factories" | "v3Factories">,
): Promise<Map<string, Address>> {
  const addresses = new Map<string, Address>();
  const take = async <Dex extends V2Dex | ConcentratedDex>(dex: Dex, factory: Address, abi: Interface, name: string): Promise<void> => {
    for (const log of await loader.logs({ address: factory, topics: [abi.getEvent(name)?.topicHash ?? null] })) {
      const event = abi.parseLog(log);
      invariant(event, `a ${name} log decodes`);
      const { token0, token1, fee } = event.args;
      const address = event.args.pair ?? event.args.pool;
      addresses.set(venueKey(dex, asAddress(String(token0)), asAddress(String(token1)), Number(fee ?? 0)), asAddress(String(address)));
    }
  };
  for (const [dex, factory] of Object.entries(v2Factories)) await take(dex as V2Dex, factory, PAIR_CREATED, "PairCreated");
  for (const dex of ["uniswap-v3", "pancake-v3"] as const) await take(dex, v3Factories[dex], POOL_CREATED, "PoolCreated");
  await take("algebra", v3Factories.algebra, ALGEBRA_POOL, "Pool");
  return addresses;
}

/** The words of a `uint256[]` answer. */
export function decodeWords(answer: string): bigint[] {
  const length = Number(BigInt(`0x${answer.slice(66, 130)}`));
  return Array.from({ length }, (_, index) => BigInt(`0x${answer.slice(130 + 64 * index, 194 + 64 * index)}`));
}

/**
 * Every pair has its recorded reserves, every weighted pool its recorded balances, every other its recorded price and the liquidity of its ticks. A load that
 * silently lost a pool ends here.
 */
async function checkLoaded(
  rpc: RpcClient,
  { market, vault }: Contracts,
  { pairs, pools, weighted }: Pick<LoadedMarket, "pairs" | "pools" | "weighted">,
): Promise<void> {
  const marketAbi = marketInterface();
  const read = async (method: string, parameters: readonly unknown[]): Promise<bigint[]> => {
    const call = { to: market, data: marketAbi.encodeFunctionData(method, parameters), gas: toHex(LOAD_GAS_LIMIT / 2n) };
    return decodeWords(await rpc.send<string>("eth_call", [call, "latest"]));
  };
  const reserves = await read("pairStates", [pairs.map(({ address }) => address)]);
  for (const [index, pair] of pairs.entries()) {
    invariant(
      reserves[2 * index] === pair.reserve0 && reserves[2 * index + 1] === pair.reserve1,
      `pair ${pair.address} has other reserves`,
    );
  }
  const states = await read("poolStates", [pools.map(({ address }) => address)]);
  for (const [index, pool] of pools.entries()) {
    const [sqrtPriceX96, tick, liquidity] = states.slice(3 * index, 3 * index + 3);
    invariant(
      sqrtPriceX96 === pool.sqrtPriceX96 && Number(BigInt.asIntN(24, tick ?? 0n)) === pool.recorded.tick && liquidity === pool.liquidity,
      `pool ${pool.address} has another state`,
    );
  }
  const held = weighted.flatMap(({ recorded, poolId }) => recorded.tokens.map(({ token, balance }) => ({ poolId, token, balance })));
  const tokens = held.map(({ token }) => token);
  const balances = await read("vaultStates", [vault, held.map(({ poolId }) => poolId), tokens, tokens]);
  for (const [index, { poolId, balance }] of held.entries()) {
    invariant(balances[2 * index] === BigInt(balance), `pool ${poolId} has other balances`);
  }
}
