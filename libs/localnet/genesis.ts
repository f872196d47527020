/** What is there before the first transaction: tokens at their recorded addresses, wrapped native coin, Multicall3, and rich accounts. */

import { createRequire } from "node:module";
import { artifact } from "#libs/contracts/artifact.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { CROWD, DEPLOYER, OWNER, TRADERS } from "./accounts.ts";
import type { RecordedToken } from "./market.ts";

export const CHAIN_ID = 31337;
/** Where Multicall3 is on every public chain. */
export const MULTICALL3 = asAddress("0xcA11bde05977b3631167028862bE2a173976CA11");
/** 2023-08-15 12:00 UTC, about when the market was recorded. Fixed, so that a seed gives the same blocks in every run. */
export const GENESIS_TIMESTAMP = 1_692_100_800;

/** A thousand million coins each: nobody here ever runs out of gas money, and the load alone wraps some hundred thousand. */
const RICH = `0x${(10n ** 27n).toString(16)}`;

const word = (value: bigint): string => `0x${value.toString(16).padStart(64, "0")}`;

/** A storage word holding a short string, as Solidity lays it out: bytes from the left, twice the length in the last byte. */
function stringWord(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  invariant(bytes.length < 32, `too long for one word: ${text}`);
  return `0x${bytes.toString("hex").padEnd(62, "0")}${(bytes.length * 2).toString(16).padStart(2, "0")}`;
}

/** Slots 0 to 2 of LocalToken and of WETH9 alike. */
function tokenStorage(token: { name: string; symbol: string; decimals: number }): Record<string, string> {
  return { [word(0n)]: stringWord(token.name), [word(1n)]: stringWord(token.symbol), [word(2n)]: word(BigInt(token.decimals)) };
}

/** The symbol as recorded. One token of the recording has none on record because it answers in bytes32; it is Maker's. */
export const symbolOf = (token: RecordedToken): string =>
  token.symbol ?? (token.address === "0x9f8f72aa9304c8b593d555f12ef6589cc3a579a2" ? "MKR" : token.address.slice(0, 8));

export function genesis(market: { nativeToken: string; tokens: readonly RecordedToken[] }, gasLimit: bigint): object {
  const weth9 = createRequire(import.meta.url)("@uniswap/v2-periphery/build/WETH9.json") as {
    evm: { deployedBytecode: { object: string } };
  };
  const tokenCode = artifact("LocalToken").deployedBytecode;
  const alloc: Record<string, object> = {
    [MULTICALL3]: { balance: "0x0", code: artifact("Multicall3").deployedBytecode },
  };
  for (const token of market.tokens) {
    const native = token.address === market.nativeToken;
    alloc[token.address] = {
      balance: "0x0",
      code: native ? `0x${weth9.evm.deployedBytecode.object}` : tokenCode,
      storage: tokenStorage(
        native ? { name: "Wrapped Ether", symbol: "WETH", decimals: 18 } : { ...token, name: symbolOf(token), symbol: symbolOf(token) },
      ),
    };
  }
  for (const account of [DEPLOYER, OWNER, CROWD, ...TRADERS]) alloc[account.address] = { balance: RICH };
  return {
    config: { chainId: CHAIN_ID },
    nonce: "0x0",
    timestamp: `0x${GENESIS_TIMESTAMP.toString(16)}`,
    extraData: "0x",
    gasLimit: `0x${gasLimit.toString(16)}`,
    difficulty: "0x0",
    mixHash: word(0n),
    coinbase: "0x0000000000000000000000000000000000000000",
    alloc,
  };
}
