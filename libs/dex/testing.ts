/** For tests of pool families against their real contracts: a throw-away chain with tokens, a trader and many calls at once. */

import { AbiCoder, type Contract, Interface, keccak256 } from "ethers";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployOurs, deployPublished, startTestChain, type TestChain } from "#libs/contracts/testing.ts";
import type { ChainReader, Direction, Family, FamilyId, PoolInfo, RowOf, SwapExactIn } from "#libs/dex/family.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { toHex } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Below the 16,777,216 that a transaction may have (EIP-7825). */
const TRANSACTION_GAS = 16_000_000;
/** A batch keeps both sides busy without either holding megabytes. */
const CALLS_PER_BATCH = 250;
/** Slot of `balanceOf` in LocalToken.sol. */
const BALANCE_SLOT = 4;

const TOKEN = new Interface(["function mint(address to, uint256 amount)"]);

interface Receipt {
  readonly status: string;
  readonly blockHash: string;
  readonly logs: readonly {
    readonly address: string;
    readonly topics: string[];
    readonly data: string;
    readonly logIndex: string;
    readonly transactionIndex: string;
    readonly transactionHash: string;
  }[];
}

export interface SentTransaction {
  readonly ok: boolean;
  readonly blockHash: string;
  readonly logs: readonly LogRow[];
}

/** One `eth_call`; `balances` are given to their owners for its duration. */
export interface Question {
  readonly from: string;
  readonly to: string;
  readonly data: string;
  readonly balances: readonly { readonly token: Address; readonly owner: Address; readonly amount: bigint }[];
}

export interface DexTestChain {
  readonly chain: TestChain;
  /** The market contract (libs/contracts/src/local/Market.sol): owns all positions, pays whatever pools ask for. Sends its own transactions. */
  readonly market: Contract;
  readonly trader: Address;
  /** Tokens that anyone may mint, ascending by address. */
  readonly tokens: readonly Address[];
  /** From the trader, mined at once. With more gas than chains allow only where what is deployed is larger than they allow. */
  send(to: Address, data: string, gas?: number): Promise<SentTransaction>;
  /** From the trader, all in one block of that time, in seconds. */
  mine(calls: readonly { readonly to: Address; readonly data: string }[], timestamp: number): Promise<SentTransaction[]>;
  mint(token: Address, to: Address, amount: bigint): Promise<SentTransaction>;
  /** Bound to one block, the head when none is given. */
  readerAt(blockHash?: string): Promise<ChainReader>;
  /** Return data of many calls at the head, null for one that reverted, with the revert data beside it. */
  ask(questions: readonly Question[]): Promise<{ readonly returned: string | null; readonly reverted: string }[]>;
  stop(): Promise<void>;
}

/** A direction through a pool of two tokens. */
export const towards = (zeroForOne: boolean): Direction => (zeroForOne ? { indexIn: 0, indexOut: 1 } : { indexIn: 1, indexOut: 0 });

export interface PlannedSwap<Id extends FamilyId> {
  readonly swap: SwapExactIn;
  readonly amountOut: bigint;
  /** What the state then is, in the form of a change. */
  readonly row: RowOf<Id>;
}

/** Swaps of a pool in a row, each on the state that the one before leaves, with nothing sent. Those that the pool refuses are left out. */
export function planSwaps<Id extends FamilyId, State>(
  family: Family<Id, State>,
  info: PoolInfo<Id>,
  state: State,
  draws: readonly ((planned: State) => SwapExactIn)[],
): PlannedSwap<Id>[] {
  invariant(family.quotableAgain(info), `${info.pool} asks a fee of its second swap that nobody knows before`);
  const planned = family.created();
  family.applyRow(planned, family.toRow(info, state));
  return draws.flatMap((draw) => {
    const swap = draw(planned);
    const amountOut = family.quoteExactIn(info, planned, swap);
    const row = family.afterSwap(info, planned, swap);
    invariant((row === null) === (amountOut === 0n), "a state after a swap that there is");
    if (row === null) return [];
    family.applyRow(planned, row);
    return [{ swap, amountOut, row }];
  });
}

/** A deployment on a test's own chain. */
export const deploymentOf = (family: FamilyId, factory: Address, options: Partial<DexDeployment> = {}): DexDeployment => ({
  id: family,
  brand: "test",
  family,
  variant: family,
  factory,
  deployBlock: 0,
  verified: true,
  source: "test",
  ...options,
});

const sentOf = ({ status, blockHash, logs }: Receipt): SentTransaction => ({
  ok: status === "0x1",
  blockHash,
  logs: logs.map(
    (log): LogRow => [
      asAddress(log.address),
      log.topics,
      log.data,
      Number(log.logIndex),
      Number(log.transactionIndex),
      log.transactionHash,
    ],
  ),
});

/** Word of a mapping(address => uint256) in storage. */
const balanceSlot = (owner: Address): string => keccak256(AbiCoder.defaultAbiCoder().encode(["address", "uint256"], [owner, BALANCE_SLOT]));

/** One token for each number of decimals given; `nodeArgs` are anvil's. */
export async function startDexTestChain(decimals: readonly number[], nodeArgs: readonly string[] = []): Promise<DexTestChain> {
  const chain = await startTestChain(["--gas-limit", "30000000000", ...nodeArgs]);
  const { provider, signer } = chain;
  const { url } = provider._getConnection();
  const client = new RpcClient(url, "test");
  const multicall3 = await addressOf(await deployOurs(signer, "Multicall3", []));
  const tokens: Address[] = [];
  for (const places of decimals) {
    const token = await addressOf(await deployOurs(signer, "LocalToken", []));
    await provider.send("anvil_setStorageAt", [token, toHex(2), `0x${places.toString(16).padStart(64, "0")}`]);
    tokens.push(token);
  }
  const wrapped = await deployPublished(signer, "@uniswap/v2-periphery/build/WETH9.json", []);
  const market = await deployOurs(signer, "Market", [wrapped]);
  const trader = await addressOf(market);
  await provider.send("anvil_impersonateAccount", [trader]);
  await provider.send("anvil_setBalance", [trader, toHex(10n ** 24n)]);

  const transactionOf = (to: Address, data: string, gas = TRANSACTION_GAS) => ({ from: trader, to, data, gas: toHex(gas) });
  const send = async (...call: Parameters<typeof transactionOf>): Promise<SentTransaction> =>
    sentOf(await client.send<Receipt>("eth_sendTransactionSync", [transactionOf(...call)]));

  return {
    chain,
    market,
    trader,
    tokens: tokens.toSorted(),
    send,
    async mine(calls, timestamp) {
      await client.send("evm_setAutomine", [false]);
      const hashes: string[] = [];
      for (const { to, data } of calls) hashes.push(await client.send<string>("eth_sendTransaction", [transactionOf(to, data)]));
      await client.send("evm_setNextBlockTimestamp", [timestamp]);
      await client.send("evm_mine", []);
      await client.send("evm_setAutomine", [true]);
      return Promise.all(hashes.map(async (hash) => sentOf(await client.send<Receipt>("eth_getTransactionReceipt", [hash]))));
    },
    mint: (token, to, amount) => send(token, TOKEN.encodeFunctionData("mint", [to, amount])),
    async readerAt(blockHash) {
      const hash = blockHash ?? (await client.send<{ hash: string }>("eth_getBlockByNumber", ["latest", false])).hash;
      return readerAt(client, { multicall3, blockHash: hash });
    },
    async ask(questions) {
      const answers: { returned: string | null; reverted: string }[] = [];
      for (let start = 0; start < questions.length; start += CALLS_PER_BATCH) {
        const batch = questions.slice(start, start + CALLS_PER_BATCH).map(({ from, to, data, balances }, id) => {
          const overrides: Record<string, { stateDiff: Record<string, string> }> = {};
          for (const { token, owner, amount } of balances) {
            overrides[token] = { stateDiff: { [balanceSlot(owner)]: `0x${amount.toString(16).padStart(64, "0")}` } };
          }
          return { jsonrpc: "2.0", id, method: "eth_call", params: [{ from, to, data }, "latest", overrides] };
        });
        const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(batch) });
        const results = (await response.json()) as { id: number; result?: string; error?: { data?: string; message: string } }[];
        invariant(results.length === batch.length, `${results.length} answers to ${batch.length} calls`);
        results.sort((left, right) => left.id - right.id);
        for (const { result, error } of results) answers.push({ returned: result ?? null, reverted: `${error?.message} ${error?.data}` });
      }
      return answers;
    },
    async stop() {
      await client.close();
      await chain.stop();
    },
  };
}
