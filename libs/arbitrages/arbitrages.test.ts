import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { id } from "ethers";
import { describe, expect, test } from "vitest";
import { arbitragesOf, legsOf, suspectsOf, unknownPools } from "#libs/arbitrages/arbitrages.ts";
import { decodeSwap, SWAP_EVENTS } from "#libs/arbitrages/swap-events.ts";
import { binSwap, curveExchange, v2Swap, v3Swap, v4Swap, vaultSwap } from "#libs/arbitrages/testing.ts";
import { randomFor } from "#libs/localnet/random.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const read = (name: string) => JSON.parse(gunzipSync(readFileSync(new URL(`fixtures/${name}`, import.meta.url))).toString("utf8"));
const preferWeth = (token: string) => (token === WETH ? 0 : 1);

type EthereumSwap = [number, string, "v2" | "v3", string, string, string, string, string, string, string];
interface EthereumBlock {
  readonly block: number;
  readonly swaps: readonly EthereumSwap[];
  readonly cycles: readonly { readonly tx: number; readonly hash: string; readonly net: Record<string, string> }[];
}
const ethereum = read("ethereum-blocks.json.gz") as { readonly blocks: readonly EthereumBlock[] };

function blockLogs({ swaps }: EthereumBlock): { logs: LogRow[]; tokens: Map<string, string[]> } {
  const tokens = new Map<string, string[]>();
  const logs = swaps.map(([transactionIndex, transactionHash, kind, pool, token0, token1, ...amounts], logIndex) => {
    tokens.set(pool, [token0, token1]);
    const [a, b, c, d] = amounts.map(BigInt) as [bigint, bigint, bigint, bigint];
    const place = { logIndex, transactionIndex, transactionHash };
    return kind === "v2" ? v2Swap(pool, [a, b, c, d], place) : v3Swap(pool, a, b, place);
  });
  return { logs, tokens };
}

function arbitragesIn(logs: readonly LogRow[], tokensOf: (pool: string) => readonly string[] | null | undefined) {
  return suspectsOf(logs).flatMap((suspect) => {
    const legs = legsOf(suspect, tokensOf, WETH);
    return legs === null ? [] : arbitragesOf(suspect, legs, preferWeth);
  });
}

test("topics are the hashes of their signatures, each once", () => {
  for (const { signature, topic } of SWAP_EVENTS) expect(topic, signature).toBe(id(signature));
  expect(new Set(SWAP_EVENTS.map(({ topic }) => topic)).size).toBe(SWAP_EVENTS.length);
});

describe("recorded Ethereum blocks", () => {
  test.each(ethereum.blocks.map((block) => [block.block, block] as const))("block %i: the recorded cycles and no others", (_, block) => {
    const { logs, tokens } = blockLogs(block);
    const found = arbitragesIn(logs, (pool) => tokens.get(pool));
    const nets = found.map(({ transactionHash, gains }) => [
      transactionHash,
      Object.fromEntries(gains.map(([token, amount]) => [token, amount.toString()])),
    ]);
    expect(nets).toEqual(block.cycles.map(({ hash, net }) => [hash, net]));
  });

  test("all 17 of 13 blocks, the published ones of block 12914944 to the unit", () => {
    expect(ethereum.blocks.flatMap(({ cycles }) => cycles)).toHaveLength(17);
    const block = ethereum.blocks.find((each) => each.block === 12914944) as EthereumBlock;
    const { logs, tokens } = blockLogs(block);
    const found = arbitragesIn(logs, (pool) => tokens.get(pool));
    expect(found.map(({ token, grossProfit }) => [token, grossProfit])).toEqual([
      [WETH, 53_560_707_941_943_273_628n],
      [WETH, 750_005_273_675_102_326n],
    ]);
    for (const { hops } of found) expectClosed(hops, WETH);
  });
});

function expectClosed(hops: readonly { readonly tokenIn: string; readonly tokenOut: string }[], start: string): void {
  let at = start;
  for (const { tokenIn, tokenOut } of hops) {
    expect(tokenIn).toBe(at);
    at = tokenOut;
  }
  expect(at).toBe(start);
}

interface ArbitrumTransaction {
  readonly hash: string;
  readonly index: number;
  readonly swaps: readonly [number, number, string, string, string, string, string, string][];
  readonly nets: readonly Record<string, string>[];
}
const arbitrum = read("arbitrum-2023.json.gz") as { readonly transactions: readonly ArbitrumTransaction[] };

/** Tokens of the recorded pools: two of them by address, more in the order in which they come up. */
function arbitrumTokens(): Map<string, string[]> {
  const pools = new Map<string, Set<string>>();
  for (const { swaps } of arbitrum.transactions)
    for (const [, , , pool, tokenIn, tokenOut] of swaps) pools.set(pool, (pools.get(pool) ?? new Set()).add(tokenIn).add(tokenOut));
  return new Map([...pools].map(([pool, tokens]) => [pool, [...tokens].sort()]));
}

function arbitrumLogs({ hash, index, swaps }: ArbitrumTransaction, tokensOf: Map<string, string[]>): LogRow[] {
  return swaps.map(([, logIndex, protocol, pool, tokenIn, tokenOut, amountIn, amountOut]) => {
    const place = { logIndex, transactionIndex: index, transactionHash: hash };
    const tokens = tokensOf.get(pool) as string[];
    const [given, got] = [BigInt(amountIn), BigInt(amountOut)];
    const forth = tokens.indexOf(tokenIn) < tokens.indexOf(tokenOut);
    if (protocol === "Uniswap V2") return v2Swap(pool, forth ? [given, 0n, 0n, got] : [0n, given, got, 0n], place);
    if (protocol === "Uniswap V3") return v3Swap(pool, forth ? given : -got, forth ? -got : given, place);
    if (protocol === "Balancer V2") return vaultSwap(pool, [tokenIn, tokenOut], [given, got], place);
    return curveExchange(pool, [tokens.indexOf(tokenIn), given], [tokens.indexOf(tokenOut), got], place);
  });
}

test("recorded arbitrages on Arbitrum, through Uniswap, Balancer and Curve: what each transaction left over, to the unit", () => {
  const tokensOf = arbitrumTokens();
  let hops = 0;
  for (const transaction of arbitrum.transactions) {
    const found = arbitragesIn(arbitrumLogs(transaction, tokensOf), (pool) => tokensOf.get(pool));
    const gains = new Map<string, bigint>();
    for (const arbitrage of found) {
      hops += arbitrage.hops.length;
      for (const [token, amount] of arbitrage.gains) gains.set(token, (gains.get(token) ?? 0n) + amount);
    }
    const expected = new Map<string, bigint>();
    for (const net of transaction.nets)
      for (const [token, amount] of Object.entries(net)) expected.set(token, (expected.get(token) ?? 0n) + BigInt(amount));
    // What one of two cycles gained the other may have spent.
    expect([...gains].sort(), transaction.hash).toEqual([...expected].filter(([, amount]) => amount !== 0n).sort());
  }
  expect(hops).toBe(arbitrum.transactions.flatMap(({ swaps }) => swaps).length);
});

test("a random cycle is found whatever the order of its logs; less by one unit than it needs, it is none", () => {
  const random = randomFor("arbitrages", process.env.SEED ?? "1");
  const address = (n: number) => `0x${n.toString(16).padStart(40, "0")}`;
  for (let round = 0; round < 500; round++) {
    const length = random.integer(2, 6);
    const tokens = [WETH, ...Array.from({ length: length - 1 }, (_, index) => address(1_000 + index))];
    const amounts = Array.from({ length }, () => BigInt(random.integer(1, 1e9)));
    const profit = BigInt(random.integer(1, 1_000));
    const pools = new Map<string, string[]>();
    const places = tokens.map((_, index) => index).sort(() => (random.chance(0.5) ? 1 : -1));
    const logs = (gain: bigint) =>
      tokens
        .map((tokenIn, hop) => {
          const tokenOut = tokens[(hop + 1) % length] as string;
          const pool = address(1 + hop);
          const sorted = [tokenIn, tokenOut].sort();
          pools.set(pool, sorted);
          const given = amounts[hop] as bigint;
          const got = hop === length - 1 ? (amounts[0] as bigint) + gain : (amounts[hop + 1] as bigint);
          const forth = sorted[0] === tokenIn;
          const place = { logIndex: places.indexOf(hop), transactionIndex: 3, transactionHash: `0x${"ab".repeat(32)}` };
          return hop % 2 === 0
            ? v2Swap(pool, forth ? [given, 0n, 0n, got] : [0n, given, got, 0n], place)
            : v3Swap(pool, forth ? given : -got, forth ? -got : given, place);
        })
        .sort((left, right) => left[3] - right[3]);
    const [arbitrage, ...others] = arbitragesIn(logs(profit), (pool) => pools.get(pool));
    expect(others).toEqual([]);
    expect(arbitrage).toMatchObject({ token: WETH, amountIn: amounts[0], grossProfit: profit, transactionIndex: 3 });
    expectClosed(arbitrage?.hops ?? [], WETH);
    expect(arbitragesIn(logs(0n), (pool) => pools.get(pool))).toEqual([]);
    expect(arbitragesIn(logs(-1n), (pool) => pools.get(pool))).toEqual([]);
  }
});

describe("what logs say and do not say", () => {
  const [A, B, C] = ["0xa", "0xb", "0xc"].map((start) => start.padEnd(42, "0")) as [string, string, string];
  const [P, Q, R] = ["0x1", "0x2", "0x3"].map((start) => start.padEnd(42, "0")) as [string, string, string];
  const at = (logIndex: number) => ({ logIndex, transactionIndex: 0, transactionHash: `0x${"cd".repeat(32)}` });
  const pools = new Map([
    [P, [A, B]],
    [Q, [B, C]],
    [R, [A, C]],
  ]);

  test("a flash loan of a V2 pair cancels out, and the swap within it counts by what was exchanged", () => {
    expect(decodeSwap(v2Swap(P, [1_003n, 0n, 1_000n, 0n], at(0)))).toBeNull();
    expect(decodeSwap(v2Swap(P, [0n, 0n, 0n, 0n], at(0)))).toBeNull();
    expect(decodeSwap(v2Swap(P, [1_500n, 0n, 1_000n, 200n], at(0)))).toMatchObject({ amountIn: 500n, amountOut: 200n });
  });

  test("bins of one swap are one hop, V4's signs are the caller's, and native coin is the wrapped one", () => {
    const id4 = `0x${"12".repeat(32)}`;
    const known = new Map([...pools, [id4, ["0x0000000000000000000000000000000000000000", A]]]);
    const logs = [
      v4Swap(id4, 100n, -50n, at(0)),
      binSwap(P, [20n, 0n], [0n, 30n], at(1)),
      binSwap(P, [30n, 0n], [0n, 40n], at(2)),
      curveExchange(Q, [0, 70n], [1, 90n], at(3)),
      vaultSwap(R, [C, WETH], [90n, 101n], at(4)),
    ];
    const [arbitrage] = arbitragesIn(logs, (pool) => known.get(pool));
    expect(arbitrage).toMatchObject({ token: WETH, amountIn: 100n, grossProfit: 1n });
    expect(arbitrage?.hops.map(({ pool, amountIn, amountOut }) => [pool, amountIn, amountOut])).toEqual([
      [id4, 100n, 50n],
      [P, 50n, 70n],
      [Q, 70n, 90n],
      [R, 90n, 101n],
    ]);
  });

  test("a trade that splits, one that spends a token of its own, and one through a single pool are no arbitrages", () => {
    const split = [vaultSwap(P, [A, B], [60n, 61n], at(0)), vaultSwap(Q, [A, B], [40n, 41n], at(1))];
    const withRest = [vaultSwap(P, [A, B], [100n, 90n], at(0)), vaultSwap(Q, [B, A], [95n, 120n], at(1))];
    const onePool = [vaultSwap(P, [A, B], [100n, 90n], at(0)), vaultSwap(P, [B, A], [90n, 101n], at(1))];
    for (const logs of [split, withRest, onePool]) expect(arbitragesIn(logs, (pool) => pools.get(pool))).toEqual([]);
  });

  test("a cycle that splits over two pools has no single path: its swaps stand in the order of their logs", () => {
    const logs = [
      vaultSwap(Q, [B, A], [45n, 52n], at(0)),
      vaultSwap(P, [A, B], [100n, 90n], at(1)),
      vaultSwap(R, [B, A], [45n, 51n], at(2)),
    ];
    const [arbitrage] = arbitragesIn(logs, () => undefined);
    expect(arbitrage).toMatchObject({ token: A, amountIn: 100n, grossProfit: 3n });
    expect(arbitrage?.hops.map(({ pool }) => pool)).toEqual([Q, P, R]);
  });

  test("two cycles in one transaction that share no token are two arbitrages", () => {
    const other = ["0xd", "0xe"].map((start) => start.padEnd(42, "0")) as [string, string];
    const logs = [
      vaultSwap(P, [A, B], [100n, 90n], at(0)),
      vaultSwap(Q, [B, A], [90n, 101n], at(1)),
      vaultSwap(P, [other[0], other[1]], [10n, 9n], at(2)),
      vaultSwap(R, [other[1], other[0]], [9n, 12n], at(3)),
    ];
    expect(arbitragesIn(logs, () => undefined).map(({ token, grossProfit }) => [token, grossProfit])).toEqual([
      [A, 1n],
      [other[0], 2n],
    ]);
  });

  test("pools that nobody knows are named with the way to ask them; a transaction with one that cannot be asked is not judged", () => {
    const id4 = `0x${"12".repeat(32)}`;
    const logs = [v2Swap(P, [100n, 0n, 0n, 90n], at(0)), curveExchange(Q, [2, 90n], [0, 80n], at(1)), v4Swap(id4, 80n, -101n, at(2))];
    const suspects = suspectsOf(logs);
    expect(unknownPools(suspects, () => undefined)).toEqual(
      new Map([
        [P, { ask: "token0", tokens: 2 }],
        [Q, { ask: "coins", tokens: 3 }],
        [id4, { ask: null, tokens: 2 }],
      ]),
    );
    expect(unknownPools(suspects, (pool) => (pool === id4 ? null : [A, B, C])).size).toBe(0);
    expect(legsOf(suspects[0] as never, (pool) => (pool === id4 ? null : [A, B, C]), WETH)).toBeNull();
  });

  test("a log with a swap's topic and too little in it is no swap", () => {
    const [address, topics, , ...place] = v3Swap(P, 5n, -4n, at(0));
    for (const data of ["0x", `0x${"00".repeat(32)}`]) expect(decodeSwap([address, topics, data, ...place])).toBeNull();
    const [a, t, data, ...rest] = v2Swap(P, [1n, 0n, 0n, 1n], at(0));
    expect(decodeSwap([a, t, data.slice(0, 130), ...rest])).toBeNull();
    expect(suspectsOf([[a, [], "0x", ...rest]])).toEqual([]);
  });
});
