/** A real EVM chain on this machine: real protocols, a recorded market, traders who move it, a block builder and a bundle relay. */

import { Interface, type InterfaceAbi } from "ethers";
import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import type { RivalRulesName } from "#libs/rivals/rules.ts";
import { type Address, asAddress, type Hash } from "#libs/units/brand.ts";
import { InvariantError, UserError } from "#libs/units/invariant.ts";
import { DEPLOYER, OWNER, sign } from "./accounts.ts";
import { type Anvil, startAnvil } from "./anvil.ts";
import { Builder, type BuiltBlock } from "./builder.ts";
import { deployAndLoad, FEE_BPS, LOAD_GAS_LIMIT, type LoadedMarket } from "./deploy.ts";
import { CHAIN_ID, genesis, MULTICALL3, symbolOf } from "./genesis.ts";
import { type LeftOutReason, planMarket, type RecordedMarket, recordedMarket } from "./market.ts";
import { type Relay, startRelay } from "./relay.ts";
import { type RivalFacts, startRivals } from "./rivals.ts";
import { Traders } from "./traders.ts";

/** Of the recorded tokens: USDC, USDT and DAI. */
const STABLE_COINS = new Set([
  "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
  "0xdac17f958d2ee523a2206206994597c13d831ec7",
  "0x6b175474e89094c44da98b954eedeac495271d0f",
]);

/** Share of the swaps that come before all arbitrages of their block, where there are rivals: as in deploy/simulation. */
const HASTY_SHARE = 0.1;

/** A block of the load is one batch: its transactions go to the pool in the order of their nonces. */
const LOAD_BATCH = 10_000;
/** Longer than the slowest call there is: mining one block of the market load on a busy machine. */
const RPC_TIMEOUT_MS = 60_000;

export type { BuiltBlock, Head } from "./builder.ts";

export interface LocalnetProgress {
  readonly stage: "chain" | "contracts" | "market" | "ready";
  readonly done: number;
  readonly total: number;
  readonly note: string;
}

/** What can be told to another process: no functions. */
export interface LocalnetSettings {
  /** Decides every trade, new pool, base fee and reorg. The same seed gives the same transactions. */
  readonly seed: number;
  /** Time between blocks once trading has started. Timestamps advance by the same, rounded up to whole seconds. */
  readonly blockTimeMs: number;
  /** Of the chain's RPC; 0 or absent: any free one. */
  readonly port?: number;
  readonly relayPort?: number;
  /** Loads only so many pools, the deepest. Absent: all. */
  readonly poolLimit?: number;
  /** Searchers that compete for the gaps, and traders in a hurry. Absent: nobody does. */
  readonly rivals?: RivalRulesName;
}

export interface LocalnetOptions extends LocalnetSettings {
  readonly onProgress?: (progress: LocalnetProgress) => void;
  /** Ends the start. A chain that is up already is ended by `stop`. */
  readonly signal?: AbortSignal;
}

export interface LocalnetFacts {
  readonly chain: ChainConfig;
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly relayUrl: string;
  /** Where loading ended; the first block with trades is the one after it. */
  readonly loadedBlock: number;
  readonly firstTradingBlock: number;
  /** Owner of the executor contract. The key is derived from public words: it protects nothing. */
  readonly owner: { readonly address: Address; readonly privateKey: `0x${string}` };
  readonly marketContract: Address;
  readonly rivals: readonly RivalFacts[];
  readonly poolCounts: Readonly<Record<string, number>>;
  readonly leftOut: Readonly<Partial<Record<LeftOutReason, number>>>;
}

export interface Localnet extends LocalnetFacts {
  /** Allows an address to call the executor contract. Resolves once that is in a block. */
  addOperator(operator: Address): Promise<void>;
  /** Pays native coin to an address. Resolves once that is in a block. */
  fund(address: Address, amountWei: bigint): Promise<void>;
  /** From here on a block is built every `blockTimeMs`, or as often as this machine can and still leave time for bundles. */
  startTrading(): Promise<void>;
  /** Resolves when no block is being built any more. */
  stopTrading(): Promise<void>;
  /** One block now. */
  mineBlock(): Promise<BuiltBlock>;
  /** Returns a function that ends the subscription. */
  onBlock(listener: (block: BuiltBlock) => void): () => void;
  /** Replaces the last `depth` blocks by others; see `Builder.reorg`. */
  reorg(depth: number): Promise<readonly BuiltBlock[]>;
  /** Called when the chain can no longer go on. Unset, such a fault ends the process. */
  onFault(listener: (fault: unknown) => void): void;
  stop(): Promise<void>;
}

/** The chain in this process, with what tests look into besides. */
export interface InProcessLocalnet extends Localnet {
  readonly rpc: RpcClient;
  readonly builder: Builder;
  readonly traders: Traders;
  readonly loaded: LoadedMarket;
  readonly anvilPid: number;
}

const OWNER_GAS_LIMIT = 200_000n;

export async function startLocalnet(options: LocalnetOptions): Promise<InProcessLocalnet> {
  const { seed, blockTimeMs, signal, onProgress = () => {} } = options;
  if (!Number.isSafeInteger(seed)) throw new UserError(`seed is not an integer: ${seed}`, "use a whole number, for example 1");
  if (!(blockTimeMs >= 50))
    throw new UserError(`block time is below 50 ms: ${blockTimeMs}`, "use at least 50; a block takes about 50 ms to build");

  onProgress({ stage: "chain", done: 0, total: 1, note: "starting anvil" });
  const recorded = recordedMarket();
  const plan = planMarket(recorded, options.poolLimit === undefined ? {} : { poolLimit: options.poolLimit });
  const native = asAddress(recorded.nativeToken);
  signal?.throwIfAborted();
  const anvil = await startAnvil({
    genesis: genesis(recorded, LOAD_GAS_LIMIT),
    port: options.port ?? 0,
    chainId: CHAIN_ID,
    baseFeePerGas: BigInt(recorded.gasPriceWei),
    gasLimit: LOAD_GAS_LIMIT,
  });
  try {
    onProgress({ stage: "chain", done: 1, total: 1, note: anvil.httpUrl });
    const rpc = new RpcClient({ url: anvil.httpUrl, maxBatch: LOAD_BATCH }, "local", { timeoutMs: RPC_TIMEOUT_MS });
    const loaded = await deployAndLoad({ rpc, plan, native, onProgress, signal });
    const hasty = options.rivals === undefined ? 0 : HASTY_SHARE;
    const traders = new Traders({ rpc, loaded, native, seed, hasty });
    const builder = await Builder.takeOver({
      rpc,
      seed,
      market: loaded.contracts.market,
      recordedBaseFee: BigInt(recorded.gasPriceWei),
      blockTimeMs,
      trades: traders.transactionsFor,
    });
    const relay = await startRelay({ rpc, builder, port: options.relayPort ?? 0 });
    const chain = chainConfig({ recorded, loaded, native, blockTimeMs, relayUrl: relay.url });
    const rivals = options.rivals === undefined ? [] : await startRivals({ rules: options.rivals, seed, chain, rpc, builder });
    const poolCounts: Record<string, number> = { "balancer-v2": loaded.weighted.length };
    for (const { dex } of [...loaded.pairs, ...loaded.pools]) poolCounts[dex] = (poolCounts[dex] ?? 0) + 1;
    const leftOut: Partial<Record<LeftOutReason, number>> = {};
    for (const { reason } of plan.leftOut) leftOut[reason] = (leftOut[reason] ?? 0) + 1;
    const facts: LocalnetFacts = {
      chain,
      rpcUrl: anvil.httpUrl,
      wsUrl: anvil.wsUrl,
      relayUrl: relay.url,
      loadedBlock: loaded.blockNumber,
      firstTradingBlock: builder.firstBlock,
      owner: { address: OWNER.address, privateKey: OWNER.privateKey },
      marketContract: loaded.contracts.market,
      rivals,
      poolCounts,
      leftOut,
    };
    onProgress({ stage: "ready", done: 1, total: 1, note: `${Object.values(poolCounts).reduce((sum, count) => sum + count, 0)} pools` });
    return running({ facts, anvil, relay, rpc, builder, traders, loaded, blockTimeMs });
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}

function running(parts: {
  facts: LocalnetFacts;
  anvil: Anvil;
  relay: Relay;
  rpc: RpcClient;
  builder: Builder;
  traders: Traders;
  loaded: LoadedMarket;
  blockTimeMs: number;
}): InProcessLocalnet {
  const { facts, anvil, relay, rpc, builder, traders, loaded, blockTimeMs } = parts;
  let trading: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;
  let stopping: Promise<void> | undefined;
  let fault = (error: unknown): void => {
    throw error;
  };
  void anvil.exited.then(() => {
    if (stopping === undefined) fault(new InvariantError("the chain's process ended by itself"));
  });

  /** Puts a transaction into the pool and waits until it is in a block: the next one of trading, or one made for it. */
  const execute = async (from: typeof OWNER, to: Address, data: string, value: bigint): Promise<void> => {
    const nonce = Number(await rpc.send<string>("eth_getTransactionCount", [from.address, "pending"]));
    const { raw, hash } = sign(from, CHAIN_ID, { nonce, to, data, value, gasLimit: OWNER_GAS_LIMIT });
    await rpc.send("eth_sendRawTransaction", [raw]);
    // During trading the next block takes it; one made in between would come out of turn.
    await (trading === undefined ? builder.buildBlock({ withTraders: false }) : nextBlock(builder));
    const receipt = await rpc.send<{ status: string } | null>("eth_getTransactionReceipt", [hash]);
    if (receipt?.status !== "0x1") throw new InvariantError(`transaction ${hash as Hash} to ${to} failed`);
  };
  /** One at a time, so that two calls never use the same nonce. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };

  return {
    ...facts,
    rpc,
    builder,
    traders,
    loaded,
    anvilPid: anvil.pid,
    addOperator: (operator) =>
      inTurn(async () => {
        const executor = loaded.contracts.executor;
        if (executor === undefined) throw new UserError("the executor contract is not compiled", "run: node libs/contracts/build.ts");
        const abi = new Interface(artifact("Executor").abi as InterfaceAbi);
        await execute(OWNER, executor, abi.encodeFunctionData("setOperator", [operator, true]), 0n);
      }),
    fund: (address, amountWei) => inTurn(() => execute(DEPLOYER, address, "0x", amountWei)),
    startTrading: async () => {
      if (trading !== undefined || stopping !== undefined) return;
      const abort = new AbortController();
      const ended = keepBuilding(builder, blockTimeMs, abort.signal).catch((error: unknown) => {
        if (stopping === undefined) fault(error);
      });
      trading = { abort, ended };
    },
    stopTrading: async () => {
      trading?.abort.abort();
      await trading?.ended;
      trading = undefined;
    },
    mineBlock: () => builder.buildBlock(),
    onBlock: (listener) => builder.onBlock(listener),
    reorg: (depth) => builder.reorg(depth),
    onFault: (listener) => {
      fault = listener;
    },
    stop: () => {
      stopping ??= (async () => {
        trading?.abort.abort();
        await trading?.ended;
        await relay.stop();
        await anvil.stop();
      })();
      return stopping;
    },
  };
}

/** Resolves after a block whose building starts from now on: the one under way, if any, may have missed what was just sent. */
async function nextBlock(builder: Builder): Promise<void> {
  await builder.idle();
  await new Promise<void>((resolve) => {
    const unsubscribe = builder.onBlock(() => {
      unsubscribe();
      resolve();
    });
  });
}

/**
 * Share of the block time for which bundles are taken after a block, whatever it took to build. A machine that builds slower than that makes blocks further
 * apart, rather than blocks that nobody had time to bid for: a real chain's slots are open for most of their time.
 */
const OPEN_SHARE = 0.6;

/**
 * A block every `blockTimeMs`, counted from the start: a late block does not delay those after it, unless it left too little time for bundles, and missed ones are
 * not made up for.
 */
async function keepBuilding(builder: Builder, blockTimeMs: number, signal: AbortSignal): Promise<void> {
  let due = performance.now() + blockTimeMs;
  while (!signal.aborted) {
    await sleepUntil(due, signal);
    if (signal.aborted) return;
    await builder.buildBlock();
    due = Math.max(due + blockTimeMs, performance.now() + blockTimeMs * OPEN_SHARE);
  }
}

function sleepUntil(due: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, due - performance.now()));
    signal.addEventListener("abort", done);
  });
}

function chainConfig(input: {
  recorded: RecordedMarket;
  loaded: LoadedMarket;
  native: Address;
  blockTimeMs: number;
  relayUrl: string;
}): ChainConfig {
  const { v2Factories, v3Factories, vault, lender, executor } = input.loaded.contracts;
  const here = { deployBlock: 1, verified: true };
  const source = (packages: string): string => `npm ${packages}, deployed at start`;
  const v2 = (id: keyof typeof v2Factories, brand: string, packages: string): DexDeployment => ({
    ...here,
    id,
    brand,
    family: "uniswap-v2",
    variant: "uniswap-v2",
    factory: v2Factories[id],
    feeBps: FEE_BPS[id],
    source: source(packages),
  });
  const other = (
    family: "uniswap-v3" | "pancake-v3" | "algebra" | "balancer-v2",
    facts: { brand: string; variant?: string; factory: Address; packages: string },
  ): DexDeployment => {
    const { brand, variant = family, factory, packages } = facts;
    return { ...here, id: family, brand, family, variant, factory, source: source(packages) };
  };
  return {
    key: "local",
    chainId: CHAIN_ID,
    name: "Local chain",
    nativeSymbol: "ETH",
    wrappedNative: input.native,
    multicall3: MULTICALL3,
    blockTimeMs: input.blockTimeMs,
    tokens: input.recorded.tokens.map((token) => ({
      address: asAddress(token.address),
      symbol: token.address === input.native ? "WETH" : symbolOf(token),
      decimals: token.decimals,
      ...(STABLE_COINS.has(token.address) ? { stable: true as const } : {}),
    })),
    dexes: [
      v2("uniswap-v2", "Uniswap", "@uniswap/v2-core 1.0.1"),
      v2("pancake-v2", "PancakeSwap", "@pancakeswap-libs/pancake-swap-core 0.1.0"),
      v2("swapr", "Swapr", "@swapr/core 0.3.20"),
      other("uniswap-v3", { brand: "Uniswap", factory: v3Factories["uniswap-v3"], packages: "@uniswap/v3-core 1.0.1" }),
      other("pancake-v3", { brand: "PancakeSwap", factory: v3Factories["pancake-v3"], packages: "@pancakeswap/v3-core 1.0.2" }),
      other("algebra", {
        brand: "Algebra",
        variant: "algebra-integral",
        factory: v3Factories.algebra,
        packages: "@cryptoalgebra/integral-core 1.2.10",
      }),
      other("balancer-v2", { brand: "Balancer", factory: vault, packages: "@balancer-labs/v2-deployments 3.2.0" }),
    ],
    flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: lender }],
    relays: [{ name: "local-relay", url: input.relayUrl }],
    ...(executor === undefined ? {} : { executorContract: executor }),
  };
}
