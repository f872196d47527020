import { keccak256 } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";
import { executorErrorOf } from "#libs/contracts/errors.ts";
import { padWord, toHex } from "#libs/evm/hex.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import type { ReceiptLog } from "#libs/ledger/settlement.ts";
import type { callBundle } from "#libs/relays/flashbots.ts";
import type { Address } from "#libs/units/brand.ts";
import type { Receipt } from "#services/executor/actor.ts";

export interface CallRequest {
  readonly from: Address;
  readonly to: Address;
  readonly data: string;
  readonly gas: number;
}
/** Third parameter of eth_call: accounts as they would be. */
export type StateOverride = Readonly<Record<string, { readonly code?: string; readonly stateDiff?: Readonly<Record<string, string>> }>>;

export type SimulationOutcome = { readonly ok: true; readonly gasUsed: number } | { readonly ok: false; readonly detail: string };

/** Answers of nodes that do not know a fourth parameter of eth_call. */
const NO_BLOCK_OVERRIDES = /too many arguments|block overrides?|invalid (argument|params)|expected .*(arguments|params)/i;

/**
 * Runs the call on the state of one block, at the time at which the next one is expected (fees may depend on it) where the node can, with eth_call, and beside it learns its gas: from the relay's own simulation of the signed bundle, which is exact and a
 * second opinion, or where there is none from eth_estimateGas, which runs the call several times. A refusal is an answer: the reason in the contract's own words
 * where they can be read.
 */
export async function simulate(
  client: Rpc,
  call: CallRequest,
  at: { readonly blockHash: string; readonly blockNumber: number; readonly timestamp: number | null },
  asRelayDoes: (() => ReturnType<typeof callBundle>) | null,
  override?: StateOverride,
): Promise<SimulationOutcome> {
  const request = { from: call.from, to: call.to, data: call.data, gas: toHex(call.gas) };
  const later = at.timestamp === null ? [] : [{ time: toHex(at.timestamp) }];
  const ask = async (method: string, block: unknown): Promise<string> => {
    if (later.length > 0)
      try {
        return await client.send<string>(method, [request, block, override ?? {}, ...later]);
      } catch (cause) {
        if (!(cause instanceof RpcError) || cause.data !== undefined || !NO_BLOCK_OVERRIDES.test(cause.message)) throw cause;
      }
    return client.send<string>(method, [request, block, ...(override === undefined ? [] : [override])]);
  };
  const estimate = async () => Number(await ask("eth_estimateGas", toHex(at.blockNumber)));
  try {
    const [, relayed] = await Promise.all([ask("eth_call", { blockHash: at.blockHash }), asRelayDoes?.() ?? null]);
    if (relayed === null || !relayed.ok) return { ok: true, gasUsed: await estimate() };
    const reverted = relayed.value.results.find(({ error, revert }) => error !== undefined || revert !== undefined);
    if (reverted !== undefined) return { ok: false, detail: `the relay's simulation reverts: ${reverted.revert ?? reverted.error}` };
    return { ok: true, gasUsed: relayed.value.totalGasUsed };
  } catch (cause) {
    if (cause instanceof RpcError) return { ok: false, detail: executorErrorOf(cause.data) ?? cause.message };
    throw cause;
  }
}

interface RawReceipt {
  blockNumber: string;
  blockHash: string;
  transactionIndex: string;
  status: string;
  gasUsed: string;
  effectiveGasPrice: string;
  logs: ReceiptLog[];
}

export async function readReceipt(client: Rpc, transactionHash: string): Promise<Receipt | null> {
  const raw = await client.send<RawReceipt | null>("eth_getTransactionReceipt", [transactionHash]);
  if (raw === null) return null;
  return {
    blockNumber: Number(raw.blockNumber),
    blockHash: raw.blockHash.toLowerCase(),
    transactionIndex: Number(raw.transactionIndex),
    status: Number(raw.status) === 1 ? 1 : 0,
    gasUsed: Number(raw.gasUsed),
    effectiveGasPrice: BigInt(raw.effectiveGasPrice).toString(),
    logs: raw.logs,
  };
}

/** Where paper mode pretends that our contract stands and who calls it: addresses that nobody holds. */
export const PAPER_CONTRACT = "0x00000000000000000000000000000000c0ffee01" as Address;
export const PAPER_WALLET = "0x00000000000000000000000000000000c0ffee02" as Address;

/** Storage slot of `isOperator` in Executor: owner 0, pendingOwner and paused 1, isOperator 2. Held by a test against the compiler's layout. */
const OPERATORS_SLOT = 2n;

/**
 * On a chain where our contract is not deployed, paper mode simulates with it all the same: its code as its constructor would leave it, put at an address
 * by state override, with the paper wallet as an operator. Source: eth_call state override set (geth).
 */
export async function paperOverride(client: Rpc, vault: Address, wrappedNative: Address): Promise<StateOverride> {
  const args = [PAPER_WALLET, vault, wrappedNative].map((address) => address.slice(2).padStart(64, "0")).join("");
  const code = await client.send<string>("eth_call", [{ data: `${artifact("Executor").bytecode}${args}` }, "latest"]);
  const slot = keccak256(`0x${PAPER_WALLET.slice(2).padStart(64, "0")}${padWord(OPERATORS_SLOT)}`);
  return { [PAPER_CONTRACT]: { code, stateDiff: { [slot]: `0x${padWord(1n)}` } } };
}
