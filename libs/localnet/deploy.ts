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
import { type MarketPlan, nativePricesApprox, type PlannedPair, type PlannedPool, type Position, sidesOf, type V2Dex } from "./market.ts";

export interface Contracts {
  readonly v2Factories: Readonly<Record<V2Dex, Address>>;
  readonly v3Factory: Address;
  readonly vault: Address;
  readonly weightedPoolFactory: Address;
  readonly market: Address;
  readonly executor: Address | undefined;
}

export interface LoadedPair extends PlannedPair {
  readonly address: Address;
}

export interface LoadedPool extends PlannedPool {
  readonly address: Address;
}

export interface LoadedMarket {
  readonly contracts: Contracts;
  readonly pairs: readonly LoadedPair[];
  readonly pools: readonly LoadedPool[];
  readonly weightedPoolIds: readonly string[];
  /** The last block of the load. */
  readonly blockNumber: number;
}

export type LoadProgress = (event: { stage: "contracts" | "market"; done: number; total: number; note: string }) => void;

/** Swap fee of each fork, 1e-4 units: what the deployed contracts charge. */
export const FEE_BPS: Readonly<Record<V2Dex, number>> = { "uniswap-v2": 30, "pancake-v2": 20, swapr: 25 };

/** Gas of one loading block. Large blocks load fastest; one of them mines in about a second, which keeps progress visible. */
export const LOAD_GAS_LIMIT = 30_000_000_000n;

/** Wrapped by the market contract for all it pays in native coin: recorded pools need some 300,000, traders sell as much as they buy. */
const MARKET_NATIVE = 20_000_000n * 10n ** 18n;

/** Pairs in one transaction, and positions in one transaction: neither has a limit here, they only keep single transactions below a second. */
const PAIRS_PER_TRANSACTION = 40;
const POSITIONS_PER_TRANSACTION = 400;
/** Positions after which a block is mined. */
const POSITIONS_PER_BLOCK = 3_000;

/** What each side of the vault's own deep pool is worth. See `deepPool`. */
const DEEP_POOL_SIDE_WEI = 5_000n * 10n ** 18n;
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

const FACTORY_V3 = new Interface(["function enableFeeAmount(uint24 fee, int24 tickSpacing)"]);
const WEIGHTED_FACTORY = new Interface([
  "function create(string name, string symbol, address[] tokens, uint256[] weights, uint256 swapFeePercentage, address owner) returns (address)",
]);
const POOL_REGISTERED = new Interface(["event PoolRegistered(bytes32 indexed poolId, address indexed poolAddress, uint8 specialization)"]);
const PAIR_CREATED = new Interface(["event PairCreated(address indexed token0, address indexed token1, address pair, uint256)"]);
const POOL_CREATED = new Interface([
  "event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool)",
]);

export const marketInterface = (): Interface => new Interface(artifact("Market").abi as InterfaceAbi);

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

  /** Queues creation code; returns the address at which the contract will be. */
  create(code: string, value = 0n): Address {
    const address = asAddress(getCreateAddress({ from: DEPLOYER.address, nonce: this.#nonce }));
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

/** A pool of our own in the vault, worth the same in each main token: the recorded ones hold hardly any of some, and the vault is where loans come from. */
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

  onProgress({ stage: "contracts", done: 0, total: 1, note: "Uniswap V2 and V3, PancakeSwap V2, Swapr, Balancer V2" });
  const feeToSetter = encode(["address"], [DEPLOYER.address]);
  const v2Factories: Contracts["v2Factories"] = {
    "uniswap-v2": loader.create(npmCode("@uniswap/v2-core/build/UniswapV2Factory.json") + feeToSetter),
    "pancake-v2": loader.create(npmCode("@pancakeswap-libs/pancake-swap-core/build/PancakeFactory.json") + feeToSetter),
    swapr: loader.create(npmCode("@swapr/core/build/DXswapFactory.json") + feeToSetter),
  };
  const v3Factory = loader.create(npmCode("@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"));
  loader.call(v3Factory, FACTORY_V3.encodeFunctionData("enableFeeAmount", [100, 1]), 200_000n);
  const authorizer = loader.create(
    npmCode(`${BALANCER}/20210418-authorizer/bytecode/Authorizer.json`) + encode(["address"], [DEPLOYER.address]),
  );
  // Pause window and buffer period in seconds, as deployed on Ethereum (task 20210418-vault): 90 and 30 days.
  const vault = loader.create(
    npmCode(`${BALANCER}/20210418-vault/bytecode/Vault.json`) +
      encode(["address", "address", "uint256", "uint256"], [authorizer, native, 7_776_000, 2_592_000]),
  );
  const weightedPoolFactory = loader.create(
    npmCode(`${BALANCER}/deprecated/20210418-weighted-pool/bytecode/WeightedPoolFactory.json`) + encode(["address"], [vault]),
  );
  const market = loader.create(artifact("Market").bytecode + encode(["address"], [native]), MARKET_NATIVE);
  const executor = deployExecutor(loader, vault, native);
  const weighted = [...plan.weighted.map(recordedWeighted), deepPool(plan, native)];
  for (const [index, pool] of weighted.entries()) {
    const create = [
      `Weighted ${index}`,
      `W-${index}`,
      pool.tokens.map((t) => t.token),
      pool.tokens.map((t) => t.weightWad),
      pool.swapFeeWad,
      DEPLOYER.address,
    ];
    loader.call(weightedPoolFactory, WEIGHTED_FACTORY.encodeFunctionData("create", create), 12_000_000n);
  }
  await loader.mine();
  await loader.requireCode({
    ...v2Factories,
    v3Factory,
    authorizer,
    vault,
    weightedPoolFactory,
    market,
    ...(executor ? { executor } : {}),
  });
  onProgress({ stage: "contracts", done: 1, total: 1, note: "protocols deployed" });

  const registered = await loader.logs({ address: vault, topics: [POOL_REGISTERED.getEvent("PoolRegistered")?.topicHash ?? null] });
  invariant(registered.length === weighted.length, `${registered.length} of ${weighted.length} weighted pools were created`);
  const weightedPoolIds = registered.map((log) => log.topics[1] ?? "");
  for (const [index, pool] of weighted.entries()) {
    const join = [vault, weightedPoolIds[index], pool.tokens.map((t) => t.token), pool.tokens.map((t) => t.balance)];
    loader.call(market, marketAbi.encodeFunctionData("joinWeighted", join), 3_000_000n);
  }

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
    const load = [v3Factory, pool.token0, pool.token1, pool.feePips, pool.sqrtPriceX96, packPositions(first)];
    loader.call(market, marketAbi.encodeFunctionData("loadPool", load), 6_000_000n + BigInt(first.length) * 700_000n);
    waiting += first.length;
    done += 1;
    if (waiting < POSITIONS_PER_BLOCK) continue;
    await loader.mine();
    waiting = 0;
    onProgress({ stage: "market", done, total, note: "concentrated-liquidity pools" });
  }
  if (waiting > 0) await loader.mine();
  signal?.throwIfAborted();

  const poolAddresses = await createdPools(loader, v3Factory);
  const addressOf = (pool: PlannedPool): Address => {
    const address = poolAddresses.get(`${pool.token0} ${pool.token1} ${pool.feePips}`);
    invariant(address, `pool ${pool.recorded.address} was not created`);
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

  const pairAddresses = await createdPairs(loader, v2Factories);
  const pairs = plan.pairs.map((pair): LoadedPair => {
    const address = pairAddresses.get(`${pair.dex} ${pair.token0} ${pair.token1}`);
    invariant(address, `pair ${pair.recorded.address} was not created`);
    return { ...pair, address };
  });
  const pools = plan.pools.map((pool): LoadedPool => ({ ...pool, address: addressOf(pool) }));
  const contracts: Contracts = { v2Factories, v3Factory, vault, weightedPoolFactory, market, executor };
  await checkLoaded(rpc, contracts, pairs, pools);
  return { contracts, pairs, pools, weightedPoolIds, blockNumber: loader.blockNumber };
}

function recordedWeighted(pool: MarketPlan["weighted"][number]): WeightedSpec {
  const tokens = pool.tokens.map(({ token, balance, weightWad }) => ({ token, balance: BigInt(balance), weightWad: BigInt(weightWad) }));
  return { tokens, swapFeeWad: BigInt(pool.swapFeePips) * 10n ** 12n };
}

/** Undefined while there is no compiled executor: the chain is of use without one. */
function deployExecutor(loader: Loader, vault: Address, native: Address): Address | undefined {
  try {
    const { bytecode } = artifact("Executor");
    return loader.create(bytecode + encode(["address", "address", "address"], [OWNER.address, vault, native]));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function createdPairs(loader: Loader, factories: Contracts["v2Factories"]): Promise<Map<string, Address>> {
  const addresses = new Map<string, Address>();
  for (const [dex, factory] of Object.entries(factories)) {
    for (const log of await loader.logs({ address: factory, topics: [PAIR_CREATED.getEvent("PairCreated")?.topicHash ?? null] })) {
      const event = PAIR_CREATED.parseLog(log);
      invariant(event, "a PairCreated log decodes");
      addresses.set(`${dex} ${asAddress(String(event.args[0]))} ${asAddress(String(event.args[1]))}`, asAddress(String(event.args[2])));
    }
  }
  return addresses;
}

async function createdPools(loader: Loader, factory: Address): Promise<Map<string, Address>> {
  const addresses = new Map<string, Address>();
  for (const log of await loader.logs({ address: factory, topics: [POOL_CREATED.getEvent("PoolCreated")?.topicHash ?? null] })) {
    const event = POOL_CREATED.parseLog(log);
    invariant(event, "a PoolCreated log decodes");
    addresses.set(
      `${asAddress(String(event.args[0]))} ${asAddress(String(event.args[1]))} ${Number(event.args[2])}`,
      asAddress(String(event.args[4])),
    );
  }
  return addresses;
}

/** The words of a `uint256[]` answer. */
export function decodeWords(answer: string): bigint[] {
  const length = Number(BigInt(`0x${answer.slice(66, 130)}`));
  return Array.from({ length }, (_, index) => BigInt(`0x${answer.slice(130 + 64 * index, 194 + 64 * index)}`));
}

/** Every pair has its recorded reserves, every pool its recorded price and the liquidity of its ticks. A load that silently lost a pool ends here. */
async function checkLoaded(
  rpc: RpcClient,
  contracts: Contracts,
  pairs: readonly LoadedPair[],
  pools: readonly LoadedPool[],
): Promise<void> {
  const marketAbi = marketInterface();
  const read = async (method: "pairStates" | "poolStates", addresses: readonly Address[]): Promise<bigint[]> => {
    const call = { to: contracts.market, data: marketAbi.encodeFunctionData(method, [addresses]), gas: toHex(LOAD_GAS_LIMIT / 2n) };
    return decodeWords(await rpc.send<string>("eth_call", [call, "latest"]));
  };
  const pairAddresses = pairs.map((pair) => pair.address);
  const poolAddresses = pools.map((pool) => pool.address);
  const reserves = await read("pairStates", pairAddresses);
  for (const [index, pair] of pairs.entries()) {
    invariant(
      reserves[2 * index] === pair.reserve0 && reserves[2 * index + 1] === pair.reserve1,
      `pair ${pair.address} has other reserves`,
    );
  }
  const states = await read("poolStates", poolAddresses);
  for (const [index, pool] of pools.entries()) {
    const [sqrtPriceX96, tick, liquidity] = states.slice(3 * index, 3 * index + 3);
    invariant(
      sqrtPriceX96 === pool.sqrtPriceX96 && Number(BigInt.asIntN(24, tick ?? 0n)) === pool.recorded.tick && liquidity === pool.liquidity,
      `pool ${pool.address} has another state`,
    );
  }
}
