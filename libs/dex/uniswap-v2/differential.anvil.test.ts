import { Interface } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployPublished } from "#libs/contracts/testing.ts";
import type { ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { type Trial, trialsOf } from "#libs/dex/pair-trials.ts";
import { type DexTestChain, deploymentOf, planSwaps, type SentTransaction, startDexTestChain, towards } from "#libs/dex/testing.ts";
import { uniswapV2, type V2State } from "#libs/dex/uniswap-v2/index.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { randomFor } from "#libs/localnet/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/uniswap-v2 */
const SEED = process.env.SEED ?? "1";
const ROUNDS = 60;
const STEPS_PER_ROUND = 3;
const EXACT_IN_PER_ROUND = 170;
const EXACT_OUT_PER_ROUND = 50;
/** Plans of two swaps. */
const PLANS_PER_ROUND = 3;
const STEPS = ROUNDS * STEPS_PER_ROUND;
const QUOTES = ROUNDS * (EXACT_IN_PER_ROUND + EXACT_OUT_PER_ROUND);
const MAX_RESERVE = 2n ** 112n - 1n;

const FORKS = [
  { name: "Uniswap V2", factory: "@uniswap/v2-core/build/UniswapV2Factory.json", feeBps: 30 },
  { name: "PancakeSwap V2", factory: "@pancakeswap-libs/pancake-swap-core/build/PancakeFactory.json", feeBps: 20 },
  { name: "Swapr", factory: "@swapr/core/build/DXswapFactory.json", feeBps: 25, variant: "swapr" },
] as const;

/** Raw reserves: ordinary, of few decimals, tiny, lopsided, and next to the uint112 that pairs keep them in. */
const RESERVES = [
  [1_000n * 10n ** 18n, 2_000_000n * 10n ** 6n],
  [5n * 10n ** 18n, 7n * 10n ** 18n],
  [1_001n, 1_000_003n],
  [7n, 10n ** 30n],
  [MAX_RESERVE - 10n ** 20n, 2n ** 111n],
] as const;

const PAIR = new Interface([
  "function mint(address to)",
  "function burn(address to)",
  "function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes data)",
  "function sync()",
  "function skim(address to)",
  "function transfer(address to, uint256 amount)",
  "function totalSupply() view returns (uint256)",
]);

interface Pair {
  readonly deployment: DexDeployment;
  readonly info: PoolInfo<"uniswap-v2">;
  readonly state: V2State;
  readonly fork: string;
}

interface Counts {
  transactions: number;
  events: number;
  exactIn: number;
  exactOut: number;
  /** Swaps done as planned. */
  planned: number;
  /** Quotes of 0: there is no such swap. */
  zero: number;
}

let dex: DexTestChain;
let client: RpcClient;
const pairs: Pair[] = [];
const pairOf = new Map<string, Pair>();
const random = randomFor("uniswap-v2 differential", SEED);

/** Uniform in its logarithm, from `low` to `high`. */
function logUniform(low: bigint, high: bigint): bigint {
  const bits = random.unit() * (high.toString(2).length - low.toString(2).length) + low.toString(2).length;
  const top = 2n ** BigInt(Math.floor(bits));
  const value = top + (top * BigInt(Math.floor(random.unit() * 2 ** 32))) / 2n ** 32n;
  return value < low ? low : value > high ? high : value;
}

beforeAll(async () => {
  dex = await startDexTestChain([18, 6, 8, 18, 0]);
  client = new RpcClient(dex.chain.url, "test");
  for (const { name, factory: file, feeBps, ...fork } of FORKS) {
    const factory = await addressOf(await deployPublished(dex.chain.signer, file, [dex.trader]));
    // Of a fork whose pairs have fees of their own nothing is stated.
    const deployment = deploymentOf("uniswap-v2", factory, "variant" in fork ? fork : { feeBps });
    for (const [index, [reserve0, reserve1]] of RESERVES.entries()) {
      // Ascending, as a factory orders them.
      const [token0, token1] = [dex.tokens[index === 4 ? 0 : index], dex.tokens[index === 4 ? 4 : index + 1]];
      const spec = { factory, token0, token1, reserve0, reserve1 };
      const { ok, logs } = await dex.send(dex.trader, dex.market.interface.encodeFunctionData("loadPairs", [[spec]]));
      const log = logs.find(
        ([address, topics]) => address === factory && uniswapV2.topics(deployment).created.includes(topics[0] as string),
      );
      invariant(ok && log !== undefined, `${name} made no pair`);
      const info = uniswapV2.decodeCreated(log, deployment) as PoolInfo<"uniswap-v2">;
      expect(info).toEqual({ pool: info.pool, tokens: [token0, token1], facts: {} });
      expect(await uniswapV2.describe(await dex.readerAt(), deployment, [info.pool, factory])).toEqual([info, null]);
      const pair = { info, state: uniswapV2.created(), fork: name, deployment };
      const [row] = await uniswapV2.read(await dex.readerAt(), deployment, [info]);
      expect(row?.slice(3)).toEqual([feeBps * 100, feeBps * 100]);
      pair.state.feePips = [feeBps * 100, feeBps * 100];
      pairs.push(pair);
      pairOf.set(info.pool, pair);
      follow({ logs });
      expect(uniswapV2.toRow(info, pair.state)).toEqual([info.pool, reserve0.toString(), reserve1.toString(), feeBps * 100, feeBps * 100]);
    }
    const listed = await uniswapV2.enumerate?.(await dex.readerAt(), deployment, 1);
    expect(listed).toEqual(
      infos()
        .slice(-RESERVES.length + 1)
        .map(({ pool }) => pool),
    );
  }
}, 60_000);

afterAll(async () => {
  await client.close();
  await dex.stop();
});

/** Applies the logs of a transaction; returns what undoes them, by pair, and how many there were. */
function follow({ logs }: Pick<SentTransaction, "logs">): { undo: Map<Pair, StateRowOf<"uniswap-v2">>; applied: number } {
  const undo = new Map<Pair, StateRowOf<"uniswap-v2">>();
  let applied = 0;
  for (const log of logs) {
    const pair = pairOf.get(log[0]);
    if (pair === undefined || !uniswapV2.topics(pair.deployment).state.includes(log[1][0] as string)) continue;
    const row = uniswapV2.applyLog(pair.info, pair.state, log);
    const earlier = undo.get(pair);
    undo.set(pair, earlier === undefined ? row : uniswapV2.mergeUndo(earlier, row));
    applied++;
  }
  return { undo, applied };
}

const rows = () => pairs.map(({ info, state }) => uniswapV2.toRow(info, state));
const infos = () => pairs.map(({ info }) => info);
const readAll = async (reader: ChainReader) =>
  (await Promise.all(pairs.map(({ info, deployment }) => uniswapV2.read(reader, deployment, [info])))).flat();

const swapData = (zeroForOne: boolean, amountOut: bigint): string =>
  PAIR.encodeFunctionData("swap", [zeroForOne ? 0n : amountOut, zeroForOne ? amountOut : 0n, dex.trader, "0x"]);

/** A size worth asking: anything, next to nothing, about the reserve, or about the uint112 limit. */
function drawAmountIn(reserveIn: bigint): bigint {
  const room = MAX_RESERVE - reserveIn;
  const border = [room - 1n, room, room + 1n, room / 2n].filter((amount) => amount > 0n);
  const kind = random.unit();
  if (kind < 0.15) return BigInt(random.integer(1, 10));
  if (kind < 0.25) return border[random.integer(0, border.length - 1)] ?? 1n;
  if (kind < 0.65) {
    // No more than pair-trials.ts gives whoever swaps, which is more than any pair takes.
    const most = 1n + reserveIn * 10n;
    return logUniform(1n + reserveIn / 10n ** 6n, most > 2n * MAX_RESERVE ? 2n * MAX_RESERVE : most);
  }
  return logUniform(1n, MAX_RESERVE);
}

/** One of the pairs, and one of its directions. */
function drawSide() {
  const pair = random.pick(pairs);
  const zeroForOne = random.chance(0.5);
  const { reserve0, reserve1 } = pair.state;
  const [reserveIn, reserveOut] = zeroForOne ? [reserve0, reserve1] : [reserve1, reserve0];
  return { ...pair, reserveIn, reserveOut, ...towards(zeroForOne) };
}

const noteOf = ({ fork, info, state, indexIn }: ReturnType<typeof drawSide>) =>
  `${fork}, ${info.pool}, ${state.reserve0}/${state.reserve1}, ${indexIn} in`;

/** Something that people do to pairs, as the transactions it takes. */
async function act(): Promise<SentTransaction[]> {
  const { info, state } = random.pick(pairs);
  const { pool } = info;
  const [token0, token1] = info.tokens as [Address, Address];
  const { reserve0, reserve1 } = state;
  const kind = random.unit();
  const share = (amount: bigint) => 1n + (amount * BigInt(random.integer(1, 1_000_000))) / 10_000_000n;
  if (kind < 0.6) {
    const zeroForOne = random.chance(0.5);
    const amountIn = random.chance(0.8) ? share(zeroForOne ? reserve0 : reserve1) : drawAmountIn(zeroForOne ? reserve0 : reserve1);
    const amountOut = uniswapV2.quoteExactIn(info, state, { amountIn, ...towards(zeroForOne) });
    if (amountOut === 0n) return [];
    const paid = await dex.mint(zeroForOne ? token0 : token1, pool, amountIn);
    const swapped = await dex.send(pool, swapData(zeroForOne, amountOut));
    expect(swapped.ok, `swap of ${amountIn} in ${pool}, zeroForOne ${zeroForOne}`).toBe(true);
    return [paid, swapped];
  }
  if (kind < 0.75) {
    const done = [await dex.mint(token0, pool, share(reserve0)), await dex.mint(token1, pool, share(reserve1))];
    return [...done, await dex.send(pool, PAIR.encodeFunctionData("mint", [dex.trader])), await tidy(pool)];
  }
  if (kind < 0.9) {
    const supply = BigInt(
      await dex.chain.provider.send("eth_call", [{ to: pool, data: PAIR.encodeFunctionData("totalSupply") }, "latest"]),
    );
    const sent = await dex.send(pool, PAIR.encodeFunctionData("transfer", [pool, share(supply)]));
    return [sent, await dex.send(pool, PAIR.encodeFunctionData("burn", [dex.trader])), await tidy(pool)];
  }
  const given = await dex.mint(random.chance(0.5) ? token0 : token1, pool, share(reserve0));
  return [given, await dex.send(pool, PAIR.encodeFunctionData("sync")), await tidy(pool)];
}

/** What a refused call left lying in the pair goes back, so that balances equal reserves and a swap's input is all its own. */
const tidy = (pool: Address) => dex.send(pool, PAIR.encodeFunctionData("skim", [asAddress(`0x${"de".repeat(20)}`)]));

test(`seed ${SEED}: ${QUOTES} quotes, in and out, are what pairs pay, not a unit more or less, while ${STEPS} steps are followed exactly`, async () => {
  const counts: Counts = { transactions: 0, events: 0, exactIn: 0, exactOut: 0, planned: 0, zero: 0 };
  const undos: Map<Pair, StateRowOf<"uniswap-v2">>[] = [];
  const start = { rows: rows(), reader: await dex.readerAt() };

  for (let round = 0; round < ROUNDS; round++) {
    for (let step = 0; step < STEPS_PER_ROUND; step++) {
      for (const sent of await act()) {
        const { undo, applied } = follow(sent);
        undos.push(undo);
        counts.transactions++;
        counts.events += applied;
        expect(await readAll(await dex.readerAt(sent.blockHash))).toEqual(rows());
      }
    }
    for (let plan = 0; plan < PLANS_PER_ROUND; plan++) undos.push(...(await swapAsPlanned(counts)));
    await compareExactIn(counts);
    await compareExactOut(counts);
  }

  // All the way back, transaction by transaction, to what the chain still knows of the first block.
  for (const undo of undos.toReversed()) for (const [{ state }, row] of undo) uniswapV2.applyRow(state, row);
  expect(rows()).toEqual(start.rows);
  expect(await readAll(start.reader)).toEqual(start.rows);
  console.info(`uniswap-v2 against contracts: ${JSON.stringify(counts)}`);
  expect(counts.exactIn + counts.exactOut).toBe(QUOTES);
  expect(QUOTES - counts.zero).toBeGreaterThan(10_000);
  expect(counts.events).toBeGreaterThan(STEPS / 2);
  expect(counts.planned).toBeGreaterThanOrEqual(200);
  expect(counts.zero).toBeGreaterThan(QUOTES / 20);
  expect(counts.zero).toBeLessThan(QUOTES / 2);
}, 120_000);

/** Two swaps of a pair, quoted before the first is sent: both pay, and leave what was planned. Returns what undoes them. */
async function swapAsPlanned(counts: Counts): Promise<Map<Pair, StateRowOf<"uniswap-v2">>[]> {
  const { info, state } = random.pick(pairs);
  const draw = ({ reserve0, reserve1 }: V2State) => {
    const zeroForOne = random.chance(0.5);
    const reserveIn = zeroForOne ? reserve0 : reserve1;
    return { ...towards(zeroForOne), amountIn: 1n + (reserveIn * BigInt(random.integer(1, 1_000_000))) / 10_000_000n };
  };
  const undos: Map<Pair, StateRowOf<"uniswap-v2">>[] = [];
  for (const { swap, amountOut, row } of planSwaps(uniswapV2, info, state, [draw, draw])) {
    await dex.mint(info.tokens[swap.indexIn] as Address, info.pool, swap.amountIn);
    const swapped = await dex.send(info.pool, swapData(swap.indexIn === 0, amountOut));
    expect(swapped.ok, `planned swap of ${swap.amountIn} in ${info.pool}, ${swap.indexIn} in`).toBe(true);
    undos.push(follow(swapped).undo);
    expect(uniswapV2.toChangeRow(info, state, row)).toEqual(row);
    counts.planned++;
  }
  expect(await readAll(await dex.readerAt())).toEqual(rows());
  return undos;
}

/** Runs swaps in the pairs themselves, a hundred in a call: why each is refused, null for one that passes. */
async function tryAll(trials: readonly Trial[]): Promise<(string | null)[]> {
  const head = (await dex.chain.provider.send("eth_getBlockByNumber", ["latest", false])) as { hash: string };
  const all = await trialsOf(
    client,
    { blockHash: head.hash },
    trials.map(({ question }) => question),
  );
  const refusals = await all.run(trials);
  expect(refusals.length).toBe(trials.length);
  return refusals;
}

/** Pairs pay the quote, and not a unit more. */
async function compareExactIn(counts: Counts): Promise<void> {
  const asked = Array.from({ length: EXACT_IN_PER_ROUND }, () => {
    const side = drawSide();
    const question = { ...side, amountIn: drawAmountIn(side.reserveIn) };
    return { question, amountOut: uniswapV2.quoteExactIn(side.info, side.state, question) };
  });
  const refusals = await tryAll(
    asked.flatMap(({ question, amountOut }) => [0n, 1n].map((more) => ({ question, amountOut: amountOut + more }))),
  );
  for (const [index, { question, amountOut }] of asked.entries()) {
    const [paid, more] = refusals.slice(2 * index, 2 * index + 2);
    const note = `${noteOf(question)}: ${question.amountIn} → ${amountOut}`;
    counts.exactIn++;
    if (amountOut === 0n) counts.zero++;
    // A quote of 0 says that there is no swap: pairs refuse an output of 0, so then both must fail.
    if (amountOut === 0n) expect(paid, note).not.toBeNull();
    else expect(paid, note).toBeNull();
    expect(more, note).toMatch(/: K|INSUFFICIENT_LIQUIDITY|OVERFLOW/);
  }
}

/**
 * For the quoted input pairs pay the output, and for two units less they do not: for one they may, where the division has no remainder. Where the quote is 0
 * they do not for the most that they hold.
 */
async function compareExactOut(counts: Counts): Promise<void> {
  const trials: (Trial & { readonly passes: boolean; readonly note: string })[] = [];
  for (let index = 0; index < EXACT_OUT_PER_ROUND; index++) {
    const side = drawSide();
    const { info, state, indexIn, indexOut, reserveIn, reserveOut } = side;
    // From one unit to all there is, which no pair pays.
    const part = logUniform(1n, reserveOut);
    const amountOut = random.chance(0.5) ? part : reserveOut - part + 1n;
    const quote = uniswapV2.quoteExactOut?.(info, state, { amountOut, indexIn, indexOut }) ?? 0n;
    const note = `${noteOf(side)}: ${quote} for ${amountOut}`;
    const add = (amountIn: bigint, passes: boolean) => trials.push({ question: { info, indexIn, amountIn }, amountOut, passes, note });
    counts.exactOut++;
    if (quote === 0n) {
      counts.zero++;
      add(MAX_RESERVE - reserveIn, false);
      continue;
    }
    expect(uniswapV2.quoteExactIn(info, state, { amountIn: quote, indexIn, indexOut }) >= amountOut, note).toBe(true);
    add(quote, true);
    if (quote > 2n) add(quote - 2n, false);
  }
  const refusals = await tryAll(trials);
  for (const [index, { passes, note }] of trials.entries()) {
    if (passes) expect(refusals[index], note).toBeNull();
    else expect(refusals[index], note).toMatch(/: K|INSUFFICIENT_(INPUT|LIQUIDITY)|OVERFLOW/);
  }
}

async function readAgain(): Promise<void> {
  for (const row of await readAll(await dex.readerAt())) uniswapV2.applyRow((pairOf.get(row[0]) as Pair).state, row);
}

test("a pair's own fee is read from it, and is what the pair takes", async () => {
  const own = pairs.filter(({ deployment }) => deployment.variant === "swapr");
  const setter = new Interface(["function setSwapFee(address pair, uint32 fee)"]);
  expect(own.length).toBe(RESERVES.length);
  for (const [index, { info, deployment }] of own.entries()) {
    const set = await dex.send(deployment.factory, setter.encodeFunctionData("setSwapFee", [info.pool, index * 7]));
    expect(set.ok).toBe(true);
  }
  await readAgain();
  expect(own.map(({ state }) => state.feePips)).toEqual(own.map((_, index) => [index * 700, index * 700]));
  const counts: Counts = { transactions: 0, events: 0, exactIn: 0, exactOut: 0, planned: 0, zero: 0 };
  await compareExactIn(counts);
  await compareExactOut(counts);
  expect(counts.exactIn + counts.exactOut - counts.zero).toBeGreaterThan(100);
});

test("a pair without reserves is not live, and an address that is no pair is left out", async () => {
  const [tokenA, tokenB] = [dex.tokens[0], dex.tokens[1]] as [Address, Address];
  const factory = await deployPublished(dex.chain.signer, FORKS[0].factory, [dex.trader]);
  const { logs } = await dex.send(await addressOf(factory), factory.interface.encodeFunctionData("createPair", [tokenA, tokenB]));
  const deployment = deploymentOf("uniswap-v2", await addressOf(factory), { feeBps: 30 });
  const empty = uniswapV2.decodeCreated(logs[0] as SentTransaction["logs"][number], deployment) as PoolInfo<"uniswap-v2">;
  const nobody = { ...empty, pool: asAddress(`0x${"77".repeat(20)}`) };
  const read = await uniswapV2.read(await dex.readerAt(), deployment, [empty, nobody, { ...empty, pool: tokenA }]);
  expect(read).toEqual([[empty.pool, "0", "0", 3_000, 3_000]]);
  const state = uniswapV2.created();
  uniswapV2.applyRow(state, read[0] as StateRowOf<"uniswap-v2">);
  expect(uniswapV2.isLive(state)).toBe(false);
  expect(uniswapV2.quoteExactIn(empty, state, { amountIn: 1n, ...towards(true) })).toBe(0n);
});
