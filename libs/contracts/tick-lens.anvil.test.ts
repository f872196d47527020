import { Contract, getCreateAddress } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { addressOf, callCreation, deployPublished, method, startTestChain, type TestChain } from "./testing.ts";
import {
  decodeTickLensAnswer,
  decodeTickLensResult,
  encodeTickLensCall,
  readTicks,
  tickStateProblem,
  type V3PoolTicks,
} from "./tick-lens.ts";

const CORE = "@uniswap/v3-core/artifacts/contracts";
const PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts";
const POOL_ABI = [
  "function initialize(uint160 sqrtPriceX96)",
  "function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16 index, uint16 cardinality, uint16, uint8, bool)",
  "function liquidity() view returns (uint128)",
  "function fee() view returns (uint24)",
  "function tickSpacing() view returns (int24)",
  "function token0() view returns (address)",
  "function token1() view returns (address)",
  "function tickBitmap(int16) view returns (uint256)",
  "function ticks(int24) view returns (uint128 liquidityGross, int128 liquidityNet, uint256, uint256, int56, uint160, uint32, bool)",
];
const Q96 = 1n << 96n;

const INTEGRAL_CORE = "@cryptoalgebra/integral-core/artifacts/contracts";
const INTEGRAL_PERIPHERY = "@cryptoalgebra/integral-periphery/artifacts/contracts";

let chain: TestChain;
let factory: Contract;
let positions: Contract;
let token0: Address;
let token1: Address;
let uninitialised: Address;
const pools: Address[] = [];
const spacings = [10, 60, 200, 1];

/** Small and seeded, so that a failure can be repeated. */
function* seeded(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

beforeAll(async () => {
  chain = await startTestChain(["--gas-limit", "100000000"]);
  const { signer } = chain;
  const supply = 1n << 120n;
  const weth = await deployPublished(signer, "@uniswap/v2-periphery/build/WETH9.json", []);
  const tokens = [
    await deployPublished(signer, "@uniswap/v2-core/build/ERC20.json", [supply]),
    await deployPublished(signer, "@uniswap/v2-core/build/ERC20.json", [supply]),
  ];
  factory = await deployPublished(signer, `${CORE}/UniswapV3Factory.sol/UniswapV3Factory.json`, []);
  await (await method(factory, "enableFeeAmount")(100, 1)).wait();
  const manager = `${PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json`;
  positions = await deployPublished(signer, manager, [factory, weth, weth]);
  for (const token of tokens) await (await method(token, "approve")(positions, supply)).wait();
  const addresses = await Promise.all(tokens.map(addressOf));
  [token0, token1] = addresses.toSorted() as [Address, Address];

  const fees = [500, 3000, 10000, 100];
  for (const [i, fee] of fees.entries()) {
    await (await method(factory, "createPool")(token0, token1, fee)).wait();
    const pool = asAddress(await method(factory, "getPool")(token0, token1, fee));
    await (await method(new Contract(pool, POOL_ABI, signer), "initialize")((Q96 * BigInt(10 + i)) / 10n)).wait();
    pools.push(pool);
  }
  const random = seeded(7);
  const pick = (most: number) => random.next().value % most;
  const nonce = { value: await signer.getNonce() };
  let last: { wait(): Promise<unknown> } | undefined;
  // One after the other: a node that mines by itself may leave transactions waiting that reach it out of order.
  const mint = async (which: number, tickLower: number, tickUpper: number, amount: bigint) => {
    const [fee, spacing] = [fees[which], spacings[which] ?? 1];
    const params = {
      token0,
      token1,
      fee,
      tickLower: tickLower * spacing,
      tickUpper: tickUpper * spacing,
      amount0Desired: amount,
      amount1Desired: amount,
      amount0Min: 0,
      amount1Min: 0,
      recipient: signer.address,
      deadline: 1n << 60n,
    };
    last = await method(positions, "mint")(params, { nonce: nonce.value++, gasLimit: 900_000 });
  };
  for (const [which, spacing] of spacings.entries()) {
    const most = Math.floor(887272 / spacing);
    await mint(which, -most, most, 1n << 60n); // the very ends of the range
    await mint(which, -256, 256, 1n << 70n); // word borders
    await mint(which, -1, 0, 1n << 50n);
    await mint(which, 255, 257, 1n << 50n);
  }
  for (let i = 0; i < 90; i++) {
    const which = pick(4);
    const lower = pick(1200) - 600;
    await mint(which, lower, lower + 1 + pick(700), BigInt(pick(2 ** 31)) << BigInt(pick(50)));
  }
  await last?.wait();

  await (await method(factory, "enableFeeAmount")(777, 7)).wait();
  await (await method(factory, "createPool")(token0, token1, 777)).wait();
  uninitialised = asAddress(await method(factory, "getPool")(token0, token1, 777));
}, 60_000);

afterAll(() => chain.stop());

/** The reference: the contract's own getters, decoded by ethers. */
async function readByGetters(pool: Address): Promise<V3PoolTicks> {
  const contract = new Contract(pool, POOL_ABI, chain.provider);
  const get = async (name: string, ...args: unknown[]) => method(contract, name)(...args);
  const slot0 = await get("slot0");
  const tickSpacing = Number(await get("tickSpacing"));
  const most = Math.floor(887272 / tickSpacing);
  // Beyond these words no test position has a tick, but for the two ends.
  const words = [...new Set([-most >> 8, ...Array.from({ length: 20 }, (_, i) => i - 10), most >> 8])].filter(
    (word) => word >= -most >> 8 && word <= most >> 8,
  );
  const ticks: V3PoolTicks["ticks"][number][] = [];
  for (const word of words.toSorted((a, b) => a - b)) {
    const bitmap: bigint = await get("tickBitmap", word);
    for (let bit = 0; bit < 256; bit++) {
      if (((bitmap >> BigInt(bit)) & 1n) === 0n) continue;
      const tick = (word * 256 + bit) * tickSpacing;
      const { liquidityNet, liquidityGross } = await get("ticks", tick);
      ticks.push({ tick, liquidityNet, liquidityGross });
    }
  }
  return {
    pool,
    token0: asAddress(await get("token0")),
    token1: asAddress(await get("token1")),
    feePips: Number(await get("fee")),
    tickSpacing,
    sqrtPriceX96: slot0.sqrtPriceX96,
    tick: Number(slot0.tick),
    liquidity: await get("liquidity"),
    slot: { third: Number(slot0.index), fourth: Number(slot0.cardinality), words: 7 },
    ticks,
  };
}

test("equals the pools' own getters, tick by tick", async () => {
  const read = await readTicks(pools, callCreation(chain.provider));
  expect(read).toHaveLength(4);
  for (const [i, pool] of pools.entries()) {
    expect(read[i]).toEqual(await readByGetters(pool));
    expect(read[i]?.ticks.length).toBeGreaterThan(20);
    expect(tickStateProblem(read[i] as V3PoolTicks)).toBeNull();
  }
}, 30_000);

test("reads several pools in one call", async () => {
  const [a, b, c] = pools as [Address, Address, Address];
  const read = decodeTickLensResult(await callCreation(chain.provider)(encodeTickLensCall([c, a, b])));
  expect(read.map((state) => state.pool)).toEqual([c, a, b]);
});

test("pages give the same as one call when a node grants little gas", async () => {
  const whole = await readTicks(pools, callCreation(chain.provider));
  let calls = 0;
  const stingy = callCreation(chain.provider, 1_500_000n);
  const paged = await readTicks(pools, (data) => {
    calls++;
    return stingy(data);
  });
  expect(paged).toEqual(whole);
  expect(calls).toBeGreaterThan(20);
});

test("stops below the size limit of code, and says where to continue", async () => {
  const asked = Array.from({ length: 40 }, (_, i) => pools[i % 3] as Address);
  const hex = await callCreation(chain.provider, 90_000_000n)(encodeTickLensCall(asked));
  expect(hex.length / 2 - 1).toBeLessThanOrEqual(24_576);
  expect(hex.length / 2 - 1).toBeGreaterThan(24_000);
  expect(decodeTickLensAnswer(hex).pools.length).toBeLessThan(40);
  const read = await readTicks(asked, callCreation(chain.provider, 90_000_000n));
  const distinct = await readTicks(pools.slice(0, 3), callCreation(chain.provider));
  expect(read).toEqual(asked.map((_, i) => distinct[i % 3]));
});

test("an address that is no pool, or not initialised, costs the others nothing", async () => {
  const nobody = asAddress(`0x${"77".repeat(20)}`);
  const [pool] = pools as [Address];
  const read = await readTicks([nobody, token0, uninitialised, pool], callCreation(chain.provider));
  for (const [i, address] of [nobody, token0].entries()) {
    expect(read[i]).toMatchObject({
      pool: address,
      token0: `0x${"00".repeat(20)}`,
      tickSpacing: 0,
      feePips: 0,
      sqrtPriceX96: 0n,
      ticks: [],
    });
    expect(tickStateProblem(read[i] as V3PoolTicks)).toBe("not an initialised pool");
  }
  expect(read[2]).toMatchObject({ pool: uninitialised, token0, token1, tickSpacing: 7, feePips: 777, sqrtPriceX96: 0n, ticks: [] });
  expect(read[3]?.ticks.length).toBeGreaterThan(20);
});

test("too little gas for one pool is an error, not an endless loop", async () => {
  for (const gas of [150_000n, 170_000n, 190_000n, 210_000n])
    await expect(readTicks(pools, callCreation(chain.provider, gas))).rejects.toThrow("too little gas");
});

test("Algebra's list of ticks and its table of them say the same, in pages too, and what the pool's getters say", async () => {
  const { signer } = chain;
  const nonce = await signer.getNonce();
  // Factory and deployer each want the other's address.
  const deployerAddress = getCreateAddress({ from: signer.address, nonce: nonce + 1 });
  const algebra = await deployPublished(signer, `${INTEGRAL_CORE}/AlgebraFactory.sol/AlgebraFactory.json`, [deployerAddress]);
  await deployPublished(signer, `${INTEGRAL_CORE}/AlgebraPoolDeployer.sol/AlgebraPoolDeployer.json`, [algebra]);
  const manager = await deployPublished(signer, `${INTEGRAL_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json`, [
    algebra,
    signer.address,
    signer.address,
    deployerAddress,
  ]);
  const approve = ["function approve(address, uint256) returns (bool)"];
  for (const token of [token0, token1]) await (await method(new Contract(token, approve, signer), "approve")(manager, 1n << 120n)).wait();
  const zero = `0x${"00".repeat(20)}`;
  await (await method(manager, "createAndInitializePoolIfNecessary")(token0, token1, zero, (Q96 * 11n) / 10n, "0x")).wait();
  const pool = asAddress(await method(algebra, "poolByPair")(token0, token1));
  const random = seeded(11);
  const expected = new Set<number>();
  for (let i = 0; i < 25; i++) {
    const lower = (random.next().value % 200) - 100;
    const upper = lower + 1 + (random.next().value % 60);
    const [tickLower, tickUpper] = i === 0 ? [-887220, 887220] : [lower * 60, upper * 60];
    expected.add(tickLower);
    expected.add(tickUpper);
    const params = [token0, token1, zero, tickLower, tickUpper, 1n << 60n, 1n << 60n, 0, 0, signer.address, 1n << 60n];
    await (await method(manager, "mint")(params, { gasLimit: 2_000_000 })).wait();
  }

  const [list, table] = [
    await readTicks([pool], callCreation(chain.provider), "globalState-list"),
    await readTicks([pool], callCreation(chain.provider, 30_000_000n), "globalState-every-tick"),
  ];
  expect(list).toEqual(table);
  expect(await readTicks([pool, pool], callCreation(chain.provider, 400_000n), "globalState-list")).toEqual([...list, ...list]);
  const [read] = list as [V3PoolTicks];
  expect(read.ticks.map(({ tick }) => tick)).toEqual([...expected].sort((left, right) => left - right));
  expect(tickStateProblem(read)).toBeNull();
  const getters = new Contract(
    pool,
    [
      "function globalState() view returns (uint160 price, int24 tick, uint16 lastFee, uint8 pluginConfig, uint16, bool)",
      "function fee() view returns (uint16)",
      "function liquidity() view returns (uint128)",
      "function ticks(int24) view returns (uint256 liquidityTotal, int128 liquidityDelta, int24, int24, uint256, uint256)",
    ],
    chain.provider,
  );
  const { price, tick, lastFee, pluginConfig } = await method(getters, "globalState")();
  expect(read).toMatchObject({ pool, token0, token1, tickSpacing: 60, sqrtPriceX96: price, tick: Number(tick) });
  expect(read).toMatchObject({ liquidity: await method(getters, "liquidity")(), feePips: Number(await method(getters, "fee")()) });
  expect(read.slot).toEqual({ third: Number(lastFee), fourth: Number(pluginConfig), words: 6 });
  for (const { tick: at, liquidityNet, liquidityGross } of read.ticks) {
    const { liquidityTotal, liquidityDelta } = await method(getters, "ticks")(at);
    expect([liquidityGross, liquidityNet]).toEqual([liquidityTotal, liquidityDelta]);
  }
  // A pool of another layout is not read for one of this.
  expect((await readTicks([pool], callCreation(chain.provider)))[0]).toMatchObject({ sqrtPriceX96: 0n, ticks: [] });
  expect((await readTicks([pools[0] as Address], callCreation(chain.provider), "globalState-list"))[0]).toMatchObject({ sqrtPriceX96: 0n });
}, 30_000);
