import type { TokenView } from "#services/gateway/api.ts";
import { compactUnits, exactUnits, shortUnits, signed, WEI_DECIMALS } from "../format.ts";

/** An amount of a token, cut for reading; its title holds the exact number. A token of unknown decimals is shown in its smallest units. */
export function TokenAmount({ amount, token, sign = false }: { amount: string; token: TokenView; sign?: boolean }) {
  const text = token.decimals === null ? exactUnits(amount, 0) : compactUnits(amount, token.decimals);
  const title =
    token.decimals === null ? `${amount} smallest units of ${token.address}` : `${exactUnits(amount, token.decimals)} ${token.symbol}`;
  return (
    <span className={sign ? toneOf(amount) : undefined} title={title}>
      {sign ? signed(text, amount) : text} <span className="unit">{token.symbol}</span>
    </span>
  );
}

/** An amount of the native coin, to so many decimals; exact in its title. */
export function CoinAmount(props: { wei: string; symbol: string; decimals?: number; sign?: boolean }) {
  const { wei, symbol, decimals = 5, sign = false } = props;
  const text = shortUnits(wei, WEI_DECIMALS, decimals);
  return (
    <span className={sign ? toneOf(wei) : undefined} title={`${exactUnits(wei, WEI_DECIMALS)} ${symbol}`}>
      {sign ? signed(text, wei) : text}
    </span>
  );
}

export function toneOf(amount: string): string {
  const value = BigInt(amount);
  return value > 0n ? "gain" : value < 0n ? "loss" : "flat";
}
