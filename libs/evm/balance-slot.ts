import { AbiCoder, keccak256 } from "ethers";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";

/** balanceOf(address) */
const BALANCE_OF = "0x70a08231";
/** `mapping(address => uint256)` stands among the first variables in nearly all tokens; inherited ones push it down. */
const LAST_SLOT = 20;
/** Where OpenZeppelin's upgradeable ERC20 of version 5 keeps balances (ERC-7201, "openzeppelin.storage.ERC20"). */
const ERC7201_ERC20 = 0x52c63247e1f47db19d5ce0460030c497f067ca4cebf71ba98eeadabe20bace00n;
/** Told apart by their last bytes; not a balance that anyone has. Below 2^112, and without the top bit that some tokens keep a flag in. */
const MARK = 0x5eed5eed5eedn << 32n;

/** Where a token keeps the balance of any owner. */
export type BalanceSlot = (owner: string) => string;

const encoder = AbiCoder.defaultAbiCoder();
const MAPPINGS: readonly BalanceSlot[] = [...Array.from({ length: LAST_SLOT + 1 }, (_, index) => BigInt(index)), ERC7201_ERC20].flatMap(
  (slot): BalanceSlot[] => [
    (owner) => keccak256(encoder.encode(["address", "uint256"], [owner, slot])),
    // Vyper hashes the slot first.
    (owner) => keccak256(encoder.encode(["uint256", "address"], [slot, owner])),
  ],
);

/** The slots of an owner, whom all tokens are asked about: hashing them costs more than the call. */
const slotsOf = new Map<string, readonly string[]>();
/** Owners remembered: verifiers ask about one, and tests about a few. */
const MOST_OWNERS = 64;

function candidateSlots(owner: string): readonly string[] {
  let slots = slotsOf.get(owner);
  if (slots === undefined) {
    slots = MAPPINGS.map((slotOf) => slotOf(owner));
    if (slotsOf.size >= MOST_OWNERS) slotsOf.clear();
    slotsOf.set(owner, slots);
  }
  return slots;
}

/**
 * Where a token keeps its balances, null when it is none of the places that compilers give a mapping. One call: every candidate is overridden with a value of
 * its own, and `balanceOf` says which of them it reads.
 */
export async function balanceSlot(
  client: Rpc,
  at: { readonly blockHash: string },
  token: string,
  owner: string,
): Promise<BalanceSlot | null> {
  const stateDiff = Object.fromEntries(candidateSlots(owner).map((slot, index) => [slot, `0x${padWord(MARK + BigInt(index))}`]));
  try {
    const call = { to: token, data: `${BALANCE_OF}${addressWord(owner)}` };
    const answer = await client.send<string>("eth_call", [call, { blockHash: at.blockHash }, { [token]: { stateDiff } }]);
    if (!isWord(answer)) return null;
    const index = uintAt(answer, 0) - MARK;
    return index >= 0n && index < BigInt(MAPPINGS.length) ? (MAPPINGS[Number(index)] as BalanceSlot) : null;
  } catch (cause) {
    if (cause instanceof RpcError) return null;
    throw cause;
  }
}
