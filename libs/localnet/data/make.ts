/**
 * Makes `ethereum-auction-7400681.json.gz` from the recorded batch auction it is named after.
 *
 *   node libs/localnet/data/make.ts 7400681_prod_mainnet.json
 *
 * The argument is `data/real_auctions/7400681_prod_mainnet.json` of github.com/cowprotocol/solver-template-py at commit 8d3aa48 (MIT). Same input, same
 * bytes out. What is kept and what is dropped is in README.md beside this file.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { getCreate2Address, keccak256, solidityPacked } from "ethers";
import { invariant, UserError } from "#libs/units/invariant.ts";
import { type RecordedMarket, type V2Venue, WEIGHTED_POOLS_KEPT } from "../market.ts";

interface AuctionToken {
  readonly decimals: number;
  readonly alias: string | null;
  readonly external_price: number | null;
}

interface AuctionAmm {
  readonly kind: "ConstantProduct" | "WeightedProduct" | "Stable" | "Concentrated";
  readonly fee: string;
  /** Amounts by token; by token `{ balance, weight }` for weighted pools. Absent for concentrated ones. */
  readonly reserves?: Readonly<Record<string, string | { readonly balance: string; readonly weight: string }>>;
  readonly pool?: {
    readonly tokens: readonly { readonly id: string }[];
    readonly state: {
      readonly sqrt_price: string;
      readonly liquidity: string;
      readonly tick: string;
      readonly liquidity_net: Readonly<Record<string, string>>;
    };
  };
}

interface Auction {
  readonly tokens: Readonly<Record<string, AuctionToken>>;
  readonly amms: Readonly<Record<string, AuctionAmm>>;
  readonly metadata: { readonly auction_id: number; readonly gas_price: number | string; readonly native_token: string };
}

/** Factory and init code hash of the two largest constant-product venues of Ethereum: a pair's address says which of them made it. */
const V2_FACTORIES: readonly { venue: V2Venue; factory: string; initCodeHash: string }[] = [
  {
    venue: "uniswap-v2",
    factory: "0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f",
    initCodeHash: "0x96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f",
  },
  {
    venue: "sushiswap",
    factory: "0xC0AEe478e3658e2610c5F7A4A2E1777cE9e4f2Ac",
    initCodeHash: "0xe18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303",
  },
];

function venueOf(pair: string, token0: string, token1: string): V2Venue {
  const salt = keccak256(solidityPacked(["address", "address"], [token0, token1]));
  const made = V2_FACTORIES.find(({ factory, initCodeHash }) => getCreate2Address(factory, salt, initCodeHash).toLowerCase() === pair);
  return made?.venue ?? "other";
}

/** A decimal fraction as an integer of the given scale: `scaled("0.003", 4)` is 30. The recorded strings may carry float noise in their last digits. */
const scaled = (fraction: string, digits: number): number => Math.round(Number(fraction) * 10 ** digits);

/** A decimal fraction with 18 digits, exactly as written. */
function wad(fraction: string): string {
  const [whole = "0", decimals = ""] = fraction.split(".");
  invariant(decimals.length <= 18, `more than 18 decimals: ${fraction}`);
  return BigInt(whole + decimals.padEnd(18, "0")).toString();
}

export function select(auction: Auction): RecordedMarket {
  const nativeToken = auction.metadata.native_token.toLowerCase();
  const prices = new Map(Object.entries(auction.tokens).map(([address, token]) => [address.toLowerCase(), token.external_price]));
  const used = new Set<string>([nativeToken]);
  const use = (tokens: readonly string[]): void => {
    for (const token of tokens) used.add(token);
  };

  const constantProduct: RecordedMarket["constantProduct"][number][] = [];
  const concentrated: RecordedMarket["concentrated"][number][] = [];
  const weighted: (RecordedMarket["weighted"][number] & { valueInNative: number })[] = [];
  for (const [rawAddress, amm] of Object.entries(auction.amms)) {
    const address = rawAddress.toLowerCase();
    if (amm.kind === "Concentrated") {
      invariant(amm.pool, `${address}: concentrated without a state`);
      const [token0 = "", token1 = ""] = amm.pool.tokens.map((token) => token.id.toLowerCase()).sort();
      const { sqrt_price, liquidity, tick, liquidity_net } = amm.pool.state;
      const ticks = Object.entries(liquidity_net).map(([index, net]): [number, string] => [Number(index), net]);
      ticks.sort(([a], [b]) => a - b);
      use([token0, token1]);
      const feePips = scaled(amm.fee, 6);
      concentrated.push({ address, token0, token1, feePips, sqrtPriceX96: sqrt_price, liquidity, tick: Number(tick), ticks });
    } else if (amm.kind === "ConstantProduct") {
      const reserves = Object.entries(amm.reserves ?? {}).map(([token, amount]) => ({
        token: token.toLowerCase(),
        amount: String(amount),
      }));
      const [side0, side1] = reserves.sort((a, b) => (a.token < b.token ? -1 : 1));
      invariant(side0 && side1 && reserves.length === 2, `${address}: a pair has two tokens`);
      use([side0.token, side1.token]);
      const pair = { address, venue: venueOf(address, side0.token, side1.token), feeBps: scaled(amm.fee, 4) };
      constantProduct.push({ ...pair, token0: side0.token, token1: side1.token, reserve0: side0.amount, reserve1: side1.amount });
    } else if (amm.kind === "WeightedProduct") {
      let valueInNative = 0;
      const tokens = Object.entries(amm.reserves ?? {}).map(([rawToken, entry]) => {
        invariant(typeof entry === "object", `${address}: a weighted reserve has a weight`);
        const token = rawToken.toLowerCase();
        valueInNative += (prices.get(token) ?? 0) * Number(entry.balance);
        return { token, balance: entry.balance, weightWad: wad(entry.weight) };
      });
      tokens.sort((a, b) => (a.token < b.token ? -1 : 1));
      weighted.push({ address, swapFeePips: scaled(amm.fee, 6), tokens, valueInNative });
    }
  }
  weighted.sort((a, b) => b.valueInNative - a.valueInNative);
  const largest = weighted.slice(0, WEIGHTED_POOLS_KEPT).map(({ valueInNative: _, ...pool }) => pool);
  for (const pool of largest) use(pool.tokens.map(({ token }) => token));

  const byAddress = (a: { address: string }, b: { address: string }): number => (a.address < b.address ? -1 : 1);
  const tokens = [...used].sort().map((address) => {
    const token = auction.tokens[address];
    invariant(token, `token ${address} has no entry`);
    return { address, symbol: token.alias, decimals: token.decimals, priceInNative: token.external_price };
  });
  return {
    origin: "cowprotocol/solver-template-py@8d3aa48 data/real_auctions/7400681_prod_mainnet.json (MIT)",
    auctionId: auction.metadata.auction_id,
    gasPriceWei: BigInt(auction.metadata.gas_price).toString(),
    nativeToken,
    tokens,
    constantProduct: constantProduct.sort(byAddress),
    concentrated: concentrated.sort(byAddress),
    weighted: largest.sort(byAddress),
  };
}

if (import.meta.main) {
  const input = process.argv[2];
  if (input === undefined) throw new UserError("no input file", "node libs/localnet/data/make.ts 7400681_prod_mainnet.json");
  const market = select(JSON.parse(readFileSync(input, "utf8")) as Auction);
  const output = new URL("ethereum-auction-7400681.json.gz", import.meta.url);
  writeFileSync(output, gzipSync(JSON.stringify(market), { level: 9 }));
  const venues = Map.groupBy(market.constantProduct, (pool) => `${pool.venue} ${pool.feeBps} bps`);
  for (const [venue, pools] of venues) console.log(`${venue}: ${pools.length} pairs`);
  console.log(`concentrated: ${market.concentrated.length}, weighted: ${market.weighted.length}, tokens: ${market.tokens.length}`);
}
