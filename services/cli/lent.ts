import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { balanceOf } from "#services/cli/report.ts";

type StartTokens = NonNullable<NonNullable<ChainSection["solver"]>["startTokens"]>;

/** The stable coins of a chain, with what its lender holds of each: what cycles may begin in beside the native coin. */
export async function lentStables(rpcUrl: string, { key, tokens, flashLenders: [lender] }: ChainConfig): Promise<StartTokens> {
  if (lender === undefined) return [];
  const client = new RpcClient(rpcUrl, key);
  try {
    const starts = tokens
      .filter(({ stable }) => stable === true)
      .map(async ({ address }) => ({ token: address, maxAmountIn: `${await balanceOf(client, address, lender.address)}` }));
    return (await Promise.all(starts)).filter(({ maxAmountIn }) => maxAmountIn !== "0");
  } finally {
    await client.close();
  }
}
