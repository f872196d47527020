import type { TokenView } from "#services/gateway/api.ts";
import type { ChainModel } from "#services/gateway/model.ts";

export function tokenView(chain: Pick<ChainModel, "tokens">, address: string): TokenView {
  return chain.tokens.get(address) ?? { address, symbol: `${address.slice(0, 6)}…${address.slice(-4)}`, decimals: null };
}
