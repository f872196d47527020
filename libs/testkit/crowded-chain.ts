/** A chain of this machine with as many real pools as a DEX may have: each made by its factory, which announced it. */

import { createRequire } from "node:module";
import { AbiCoder, getCreateAddress, Interface, type InterfaceAbi } from "ethers";
import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import { getSqrtRatioAtTick } from "#libs/dex/concentrated/tick-math.ts";
import type { FamilyId } from "#libs/dex/family.ts";
import { addressAt, toHex } from "#libs/evm/hex.ts";
import { logRow, type RawLog } from "#libs/evm/log-scan.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { DEPLOYER, sign } from "#libs/localnet/accounts.ts";
import { startAnvil } from "#libs/localnet/anvil.ts";
import { CHAIN_ID, genesis, MULTICALL3 } from "#libs/localnet/genesis.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { type BlockObserved, LOG_COLUMNS } from "#proto/block/v1/observed.ts";

const GAS_LIMIT = 30_000_000_000n;
const PAIRS_A_TRANSACTION = 40;
const TRANSACTIONS_A_BLOCK = 20;
const FEE_PIPS = 3_000;
const SPACING = 60;
/** Positions of a pool, nested around its price: twice as many ticks, which is more than most have (the median of those recorded on Ethereum has 13). */
const POSITIONS = 16;
const POSITION_WIDTH = 8 * SPACING;

const WRAPPED = asAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
const DOLLAR = asAddress("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
const DOLLARS_A_COIN = 2_000n;
const COIN = 10n ** 18n;
/** What a pool has of the native coin, or as many dollars: above what is asked of pools that are followed. */
const COINS_A_POOL = 50n;
const TOKENS_A_COIN = 1_000n;

const FEE_BPS = FEE_PIPS / 100;
/** A trade sells this share of what the pair has of token0. */
const SOLD_SHARE = 10_000n;

const require = createRequire(import.meta.url);
const creationCode = (file: string): string => {
  const { bytecode } = require(file) as { bytecode: string };
  return bytecode.startsWith("0x") ? bytecode : `0x${bytecode}`;
};
const encoded = (types: string[], values: unknown[]): string => AbiCoder.defaultAbiCoder().encode(types, values).slice(2);

export interface CrowdedChain {
  readonly url: string;
  readonly chain: ChainConfig;
  /** What it took, milliseconds. */
  readonly setUpMs: number;
  /** The head, as the stream has blocks. */
  head(): Promise<BlockObserved>;
  /** A block with so many trades, each in the next pair. */
  trade(trades: number): Promise<BlockObserved>;
  stop(): Promise<void>;
}

/** Each token has a pool with the native coin and one with the dollar, in turn. */
export async function startCrowdedChain(counts: { readonly pairs: number; readonly pools: number }): Promise<CrowdedChain> {
  const startedAtMs = performance.now();
  const tokenOf = (index: number): Address => asAddress(`0x70${index.toString(16).padStart(38, "0")}`);
  const tokens = Array.from({ length: Math.ceil(Math.max(counts.pairs, counts.pools) / 2) }, (_, index) => tokenOf(index));
  const recorded = [
    { address: WRAPPED, symbol: "WETH", decimals: 18 },
    { address: DOLLAR, symbol: "USDC", decimals: 6 },
    ...tokens.map((address, index) => ({ address, symbol: `T${index}`, decimals: 18 })),
  ].map((token) => ({ ...token, priceInNative: null }));
  const anvil = await startAnvil({
    genesis: genesis({ nativeToken: WRAPPED, tokens: recorded }, GAS_LIMIT),
    port: 0,
    chainId: CHAIN_ID,
    baseFeePerGas: 1_000_000_000n,
    gasLimit: GAS_LIMIT,
  });
  try {
    const rpc = new RpcClient({ url: anvil.httpUrl, maxBatch: 1_000 }, "local", { timeoutMs: 120_000 });
    const abi = new Interface(artifact("Market").abi as InterfaceAbi);
    let nonce = 0;
    let queued: string[] = [];
    const queue = (fields: { to?: Address; data: string; value?: bigint; gasLimit: bigint }): void => {
      queued.push(sign(DEPLOYER, CHAIN_ID, { nonce: nonce++, ...fields }).raw);
    };
    const create = (data: string, value = 0n): Address => {
      const address = asAddress(getCreateAddress({ from: DEPLOYER.address, nonce }));
      queue({ data, value, gasLimit: 30_000_000n });
      return address;
    };
    const mine = async (): Promise<BlockObserved> => {
      await rpc.batch(queued.map((raw) => ({ method: "eth_sendRawTransaction", params: [raw] })));
      await rpc.send("evm_mine");
      const block = await observed(rpc);
      const receipts = await rpc.send<{ status: string }[]>("eth_getBlockReceipts", [toHex(block.blockNumber)]);
      const done = receipts.filter(({ status }) => status === "0x1").length;
      invariant(done === queued.length, `${done} of ${queued.length} transactions of block ${block.blockNumber} were done`);
      queued = [];
      return block;
    };

    const v2Factory = create(creationCode("@uniswap/v2-core/build/UniswapV2Factory.json") + encoded(["address"], [DEPLOYER.address]));
    const v3Factory = create(creationCode("@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"));
    const native = BigInt(counts.pairs + counts.pools + 1) * 4n * COINS_A_POOL * COIN;
    const market = create(artifact("Market").bytecode + encoded(["address"], [WRAPPED]), native);
    await mine();

    const specs = Array.from({ length: counts.pairs }, (_, index) => pairOf(tokens, index));
    for (let start = 0; start < specs.length; start += PAIRS_A_TRANSACTION) {
      const chunk = specs.slice(start, start + PAIRS_A_TRANSACTION);
      const data = abi.encodeFunctionData("loadPairs", [
        chunk.map(({ token0, token1, reserve0, reserve1 }) => [v2Factory, token0, token1, reserve0, reserve1]),
      ]);
      queue({ to: market, data, gasLimit: BigInt(chunk.length) * 4_000_000n });
      if (queued.length === TRANSACTIONS_A_BLOCK) await mine();
    }
    for (let index = 0; index < counts.pools; index++) {
      queue({ to: market, data: loadPool(abi, v3Factory, pairOf(tokens, index)), gasLimit: 20_000_000n });
      if (queued.length === 5 * TRANSACTIONS_A_BLOCK) await mine();
    }
    await mine();

    const pairs = await createdBy(rpc, v2Factory);
    invariant(pairs.length === counts.pairs, `${pairs.length} of ${counts.pairs} pairs were created`);
    const deployment = (family: FamilyId, factory: Address): DexDeployment => ({
      id: family,
      brand: "Uniswap",
      family,
      variant: family,
      factory,
      ...(family === "uniswap-v2" ? { feeBps: 30 } : {}),
      deployBlock: 1,
      verified: true,
      source: "deployed at start",
    });
    let next = 0;
    return {
      url: anvil.httpUrl,
      setUpMs: performance.now() - startedAtMs,
      chain: {
        key: "local",
        chainId: CHAIN_ID,
        name: "Crowded chain",
        nativeSymbol: "ETH",
        wrappedNative: WRAPPED,
        multicall3: MULTICALL3,
        blockTimeMs: 12_000,
        tokens: recorded.slice(0, 2).map(({ address, symbol, decimals }) => ({
          address,
          symbol,
          decimals,
          ...(address === DOLLAR ? { stable: true as const } : {}),
        })),
        dexes: [deployment("uniswap-v2", v2Factory), deployment("uniswap-v3", v3Factory)],
        flashLenders: [],
        relays: [],
      },
      head: () => observed(rpc),
      async trade(trades) {
        for (let index = 0; index < trades; index++) {
          const at = next++ % pairs.length;
          const swap = [pairs[at], true, (specs[at] as Spec).reserve0 / SOLD_SHARE, FEE_BPS];
          queue({ to: market, data: abi.encodeFunctionData("swapV2", swap), gasLimit: 1_000_000n });
        }
        return mine();
      },
      async stop() {
        await rpc.close();
        await anvil.stop();
      },
    };
  } catch (cause) {
    await anvil.stop();
    throw cause;
  }
}

interface Spec {
  readonly token0: Address;
  readonly token1: Address;
  readonly reserve0: bigint;
  readonly reserve1: bigint;
}

/** The first is that of the native coin and the dollar. */
function pairOf(tokens: readonly Address[], index: number): Spec {
  const coins = { token: WRAPPED, reserve: COINS_A_POOL * COIN };
  const dollars = { token: DOLLAR, reserve: COINS_A_POOL * DOLLARS_A_COIN * 10n ** 6n };
  const token = { token: tokens[Math.floor(index / 2)] as Address, reserve: COINS_A_POOL * TOKENS_A_COIN * COIN };
  const [one, other] = index === 0 ? [coins, dollars] : [index % 2 === 0 ? coins : dollars, token];
  const [low, high] = one.token < other.token ? [one, other] : [other, one];
  return { token0: low.token, token1: high.token, reserve0: low.reserve, reserve1: high.reserve };
}

function loadPool(abi: Interface, factory: Address, { token0, token1, reserve0, reserve1 }: Spec): string {
  const tick = Math.round(Math.log(Number(reserve1) / Number(reserve0)) / Math.log(1.0001) / SPACING) * SPACING;
  const liquidity = BigInt(Math.floor(Math.sqrt(Number(reserve0)) * Math.sqrt(Number(reserve1)))) / 2n;
  const word = (value: number): string => (value & 0xffffff).toString(16).padStart(6, "0");
  const positions = Array.from({ length: POSITIONS }, (_, index) => {
    const reach = (index + 1) * POSITION_WIDTH;
    return word(tick - reach) + word(tick + reach) + liquidity.toString(16).padStart(32, "0");
  });
  const price = getSqrtRatioAtTick(tick);
  return abi.encodeFunctionData("loadPool", [factory, token0, token1, FEE_PIPS, price, `0x${positions.join("")}`]);
}

async function createdBy(rpc: RpcClient, factory: Address): Promise<string[]> {
  const logs = await rpc.send<RawLog[]>("eth_getLogs", [{ address: factory, fromBlock: "0x0", toBlock: "latest" }]);
  return logs.map(({ data }) => addressAt(data, 0));
}

async function observed(rpc: RpcClient): Promise<BlockObserved> {
  const block = await rpc.send<Record<"number" | "hash" | "parentHash" | "timestamp" | "baseFeePerGas" | "gasUsed" | "gasLimit", string>>(
    "eth_getBlockByNumber",
    ["latest", false],
  );
  const logs = await rpc.send<RawLog[]>("eth_getLogs", [{ blockHash: block.hash }]);
  return {
    kind: "block-observed",
    v: 1,
    chainId: CHAIN_ID,
    blockNumber: Number(block.number),
    blockHash: block.hash,
    observedAtMs: Date.now(),
    causeId: null,
    parentHash: block.parentHash,
    epoch: 0,
    timestamp: Number(block.timestamp),
    baseFeePerGas: BigInt(block.baseFeePerGas).toString(),
    gasUsed: Number(block.gasUsed),
    gasLimit: Number(block.gasLimit),
    logColumns: [...LOG_COLUMNS],
    logs: logs.map(logRow),
  };
}
