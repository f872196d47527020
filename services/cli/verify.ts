import type { ChainConfig } from "#libs/chains/chain.ts";
import { type Comparison, identifyPool, type KnownPool, type Verdict, type VerifyFailure, verifyPool } from "#libs/dex/verify.ts";
import { checkChainId, type Rpc, RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { assertNever, RetryableError, UserError } from "#libs/units/invariant.ts";
import { chosenChain } from "#services/cli/chain-choice.ts";
import { textTable } from "#services/cli/table.ts";

/** A swap of the largest pools walks thousands of words of their bitmap: nodes take seconds for it. */
const TIMEOUT_MS = 30_000;

export interface PoolReport {
  readonly chain: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly known: KnownPool;
  readonly verdict: Verdict;
  readonly comparisons: readonly Comparison[];
}

function refusalOf(failure: VerifyFailure, chain: string): UserError {
  switch (failure.code) {
    case "no-pool":
      return new UserError(
        `${failure.pool} is no pool on ${chain}`,
        "give a pool's own address, not that of a router, a token or a position",
      );
    case "unknown-factory":
      return new UserError(
        `${failure.pool} says that its factory is ${failure.factory}, which is none of ${chain}'s deployments`,
        "see `hyperspeed registry` for what there is, or define the chain with this factory in a configuration (--config FILE)",
      );
    case "disowned":
      return new UserError(
        `${failure.pool} says that it is a pool of ${failure.dex}, but that factory (${failure.factory}) does not know it`,
        "leave it alone: such contracts are made to deceive",
      );
    case "not-live":
      return new UserError(`${failure.pool} has no price or no liquidity at this block`, "choose a pool that can be traded");
    default:
      return assertNever(failure);
  }
}

/** Verifies one pool at the head. Throws `UserError` for what is no pool of the chain's deployments. */
export async function reportPool(client: Rpc, chain: ChainConfig, pool: Address): Promise<PoolReport> {
  const head = await client.send<{ number: string; hash: string }>("eth_getBlockByNumber", ["latest", false]);
  const at = { blockHash: head.hash, multicall3: chain.multicall3 };
  const known = await identifyPool(client, at, pool, chain.dexes);
  if (!known.ok) throw refusalOf(known.error, chain.key);
  const verified = await verifyPool(client, at, known.value);
  if (!verified.ok) throw refusalOf(verified.error, chain.key);
  return { chain: chain.key, blockNumber: Number(head.number), blockHash: head.hash, known: known.value, ...verified.value };
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  agrees: "agrees: every quote is what the pool pays, to the unit",
  differs: "differs: do not trade this pool; see that the deployment's fee is right, and that the tokens are plain ones",
  unverified: "cannot be verified: the chain did not say what the pool pays for each size",
};

export function reportText({ chain, blockNumber, blockHash, known, verdict, comparisons }: PoolReport, chainConfig: ChainConfig): string {
  const { info, deployment } = known;
  const nameOf = (token: Address) => chainConfig.tokens.find(({ address }) => address === token)?.symbol ?? `${token.slice(0, 8)}…`;
  const names = info.tokens.map(nameOf);
  const reasons = [...new Set(comparisons.map(({ reason }) => reason).filter((reason) => reason !== null))];
  const rows = comparisons.map(({ indexIn, indexOut, amountIn, ours, chains, reason }) => [
    `${names[indexIn]} → ${names[indexOut]}`,
    amountIn.toString(),
    ours.toString(),
    chains === null ? "?" : chains.toString(),
    chains === null ? "?" : (ours - chains).toString(),
    reason === null ? "" : `[${reasons.indexOf(reason) + 1}]`,
  ]);
  const table = textTable(["swap", "size", "ours", "chain's", "difference", "note"], rows, ["size", "ours", "chain's", "difference"]);
  const notes = reasons.map((reason, index) => `[${index + 1}] ${reason}\n`).join("");
  const head = `${info.pool} on ${chain}: ${deployment.id} (${deployment.family}), ${names.join("/")}\nblock ${blockNumber} ${blockHash}; raw token units`;
  return `${head}\n\n${table}${notes}\n${VERDICTS[verdict]}\n`;
}

/** Amounts as decimal strings: they pass what JSON's numbers hold. */
function reportJson({ known, comparisons, ...rest }: PoolReport): string {
  const { deployment, info } = known;
  return JSON.stringify({
    ...rest,
    dex: deployment.id,
    family: deployment.family,
    ...info,
    comparisons: comparisons.map(({ amountIn, ours, chains, ...others }) => ({
      ...others,
      amountIn: amountIn.toString(),
      ours: ours.toString(),
      chains: chains?.toString() ?? null,
      difference: chains === null ? null : (ours - chains).toString(),
    })),
  });
}

/** Resolves to the exit code: 0 only when every answer equals ours. Throws `UserError` for what cannot be asked. */
export async function runVerifyPool(options: {
  readonly chain: string;
  readonly pool: string;
  readonly rpc: string | null;
  readonly config: string | null;
  readonly json: boolean;
}): Promise<number> {
  let pool: Address;
  try {
    pool = asAddress(options.pool);
  } catch (cause) {
    throw new UserError(`${options.pool} is no address`, "give the pool's: 0x and 40 hexadecimal digits", { cause });
  }
  const { chain, rpcUrl } = chosenChain(options);
  const client = new RpcClient(rpcUrl, chain.key, { timeoutMs: TIMEOUT_MS });
  try {
    await checkChainId(client, chain);
    const report = await reportPool(client, chain, pool);
    process.stdout.write(options.json ? `${reportJson(report)}\n` : reportText(report, chain));
    return report.verdict === "agrees" ? 0 : 1;
  } catch (cause) {
    if (cause instanceof RetryableError || cause instanceof RpcError)
      throw new UserError(
        `chain ${chain.key}: ${cause.message}`,
        `try again; if it stays, give another endpoint with --rpc (\`hyperspeed doctor --chain ${chain.key}\` says what one must do)`,
        { cause },
      );
    throw cause;
  } finally {
    await client.close();
  }
}
