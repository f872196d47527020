import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { Address } from "#libs/units/brand.ts";
import type { FactsOf } from "#proto/pool/v1/state.ts";

const PIPS = 1_000_000n;
const BPS = 10_000n;
const WAD = 10n ** 18n;

export type FeeSource = FactsOf<"solidly">["feeSource"];

interface FeeRead {
  readonly of: "factory" | "pair";
  readonly selector: string;
  /** What the call takes. */
  readonly pair: boolean;
  readonly stable: boolean;
  /** The answer that means everything. */
  readonly whole: bigint;
}

/**
 * Where pairs read their fee, which forks renamed again and again: a call, and what its answer is a part of. Those of one pair come before those of its kind:
 * factories that have both keep the second for pairs without a fee of their own (Equalizer even answers `getFee(bool)` differently to its pairs).
 *
 * Seen in: Aerodrome, Velodrome V2, Blackhole; Equalizer; Scale; Ramses, Cleopatra; Velocimeter; Nile; Ramses V3, Shadow; Mute; Solidly V2; Velodrome V1, Thena,
 * Chronos, Lynex, Infusion.
 */
export const FEE_SOURCES = {
  "factory.getFee(pair,stable)": { of: "factory", selector: "0xcc56b2c5", pair: true, stable: true, whole: BPS },
  "factory.getRealFee(pair)": { of: "factory", selector: "0x6652f0bf", pair: true, stable: false, whole: BPS },
  "factory.getRealFee(pair)/1e18": { of: "factory", selector: "0x6652f0bf", pair: true, stable: false, whole: WAD },
  "factory.getPairFee(pair,stable)": { of: "factory", selector: "0xae07f627", pair: true, stable: true, whole: BPS },
  "factory.getFee(pair)": { of: "factory", selector: "0xb88c9148", pair: true, stable: false, whole: BPS },
  "factory.pairFee(pair)": { of: "factory", selector: "0x841fa66b", pair: true, stable: false, whole: BPS },
  "pair.fee()": { of: "pair", selector: "0xddca3f43", pair: false, stable: false, whole: PIPS },
  "pair.pairFee()": { of: "pair", selector: "0x218cf69a", pair: false, stable: false, whole: BPS },
  "pair.feeRatio()": { of: "pair", selector: "0x41744dd4", pair: false, stable: false, whole: WAD },
  "factory.getFee(stable)": { of: "factory", selector: "0x512b45ea", pair: false, stable: true, whole: BPS },
} as const satisfies Record<FeeSource, FeeRead>;

export function feeCall(source: FeeSource, factory: Address, { pair, stable }: { readonly pair: Address; readonly stable: boolean }): Call {
  const { of, selector, ...takes } = FEE_SOURCES[source];
  const words = [...(takes.pair ? [addressWord(pair)] : []), ...(takes.stable ? [padWord(stable ? 1n : 0n)] : [])];
  return { target: of === "factory" ? factory : pair, data: `${selector}${words.join("")}` };
}

/** The fee in 1e-6, null for an answer that is none: missing, of everything or more, or finer than we count. */
export function feePipsOf(source: FeeSource, answer: string | null | undefined): number | null {
  if (!isWord(answer)) return null;
  const { whole } = FEE_SOURCES[source];
  const fee = uintAt(answer, 0);
  if (fee >= whole || (fee * PIPS) % whole !== 0n) return null;
  return Number((fee * PIPS) / whole);
}
