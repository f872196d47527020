import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import type { FamilyId, PoolInfo, Question, RowOf, Said } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { probeTokens, type TokenVerdict } from "#libs/dex/token-quality.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { pairView } from "#libs/prices/pair.ts";
import { Prices, powerOfTen } from "#libs/prices/prices.ts";
import type { Address } from "#libs/units/brand.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import type { Holdings, Refusal } from "#services/fetcher/actor.ts";

type Row = RowOf<FamilyId>;

export interface AdmissionRules {
  readonly minTvlUsd: number;
  readonly minTvlNative: number;
}

export interface Judgement {
  readonly admitted: readonly PoolInfo[];
  /** States of the admitted pools at the block. */
  readonly rows: readonly Row[];
  readonly refused: readonly Refusal[];
}

interface Held {
  readonly info: PoolInfo;
  readonly row: Row;
  readonly state: object;
}

/** A followed pool leaves below this share of what a new one needs, so that one at the border does not come and go. */
const LEAVES_BELOW = 0.5;
/** What a quote is asked about: this share of what the pool holds of the token that comes in. */
const ASKED_SHARE = 1_000n;
/** Pools judged together: their questions are on the way at the same time. */
const CHUNK = 50;
const WEI = 1e18;

/** Decides which pools are followed: those with enough in them, of tokens that behave, whose quotes the chain agrees with. Asks in that order: the cheapest first. */
export class Admission {
  readonly #client: Rpc;
  readonly #chain: ChainConfig;
  readonly #deployment: DexDeployment;
  readonly #family: AnyFamily;
  readonly #rules: AdmissionRules;
  readonly #prices: Prices;
  readonly #edges = new Map<string, number>();
  #hasPrices = false;
  readonly #tokens = new Map<Address, TokenVerdict>();

  constructor(client: Rpc, chain: ChainConfig, deployment: DexDeployment, rules: AdmissionRules) {
    this.#client = client;
    this.#chain = chain;
    this.#deployment = deployment;
    this.#family = familyOf(deployment.family);
    this.#rules = rules;
    this.#prices = new Prices({
      native: chain.wrappedNative,
      stables: chain.tokens.filter(({ stable }) => stable === true).map(({ address, decimals }) => ({ token: address, decimals })),
      // One thousandth of a coin: less than that moves no price that matters for a threshold.
      minDepth: WEI / 1_000,
      halfTrustUsd: 10_000,
      halfTrustNative: 5,
    });
  }

  /** Has the prices of these pools' tokens known before any of them is judged. */
  async learn(infos: readonly PoolInfo[], at: { readonly blockHash: string }): Promise<void> {
    this.#learn(this.#curvesOf(await this.#read(infos, at, [])));
  }

  /** At one block. Throws what the node throws when it does not know the block, or takes no state overrides. */
  async judge(infos: readonly PoolInfo[], at: { readonly blockHash: string }): Promise<Judgement> {
    const refused: Refusal[] = [];
    const held = await this.#read(infos, at, refused);
    this.#learn(this.#curvesOf(held));
    const large = held.filter(({ info, state }) => {
      const enough = this.#tvlShare(info, this.#family.holdings(info, state)) >= 1;
      if (!enough) refused.push({ pool: info.pool, code: "small", detail: "holds too little" });
      return enough;
    });
    const admitted: Held[] = [];
    for (let start = 0; start < large.length; start += CHUNK) {
      const sound = await this.#withSoundTokens(large.slice(start, start + CHUNK), at, refused);
      const said = await this.disagreeing(sound, { blockHash: at.blockHash });
      for (const each of sound) {
        const refusal = said.get(each.info.pool);
        if (refusal === undefined) admitted.push(each);
        else refused.push(refusal);
      }
    }
    return { admitted: admitted.map(({ info }) => info), rows: admitted.map(({ row }) => row), refused };
  }

  /** Those of the pools that hold less than a followed pool must, at the prices that they say: after a restart there are no others. */
  small(holdings: readonly Holdings[]): Address[] {
    this.#learn(holdings);
    return holdings.filter(({ info, amounts }) => this.#tvlShare(info, amounts) < LEAVES_BELOW).map(({ info }) => info.pool);
  }

  /** Why the chain does not agree with our quotes of these pools, by pool: none for those that it agrees with. */
  async disagreeing(
    pools: readonly Held[],
    { blockHash, timestamp }: { readonly blockHash: string; readonly timestamp?: number },
  ): Promise<Map<Address, Refusal>> {
    const questions = pools.flatMap((each) => this.#questions(each));
    const { multicall3 } = this.#chain;
    const at = { blockHash, multicall3, ...(timestamp === undefined ? {} : { timestamp }) };
    const said = await this.#family.ask(this.#client, at, this.#deployment, questions);
    const refusals = new Map<Address, Refusal>();
    for (const [index, { info, ours, amountIn, indexIn, indexOut }] of questions.entries()) {
      const { amountOut, reason } = said[index] as Said;
      // One that differs says more than one that could not be asked.
      if (amountOut === ours || refusals.get(info.pool)?.code === "quote") continue;
      const swap = `${amountIn} of ${info.tokens[indexIn]} for ${info.tokens[indexOut]}`;
      refusals.set(
        info.pool,
        amountOut === null
          ? { pool: info.pool, code: "unverified", detail: `${swap}: ${reason}` }
          : {
              pool: info.pool,
              code: "quote",
              detail: `${swap}: we say ${ours}, the pool ${amountOut}${reason === null ? "" : ` (${reason})`}`,
            },
      );
    }
    return refusals;
  }

  /** Which of these states are not the chain's at the block, or quote what the pools do not pay. */
  async check(
    pools: readonly PoolInfo[],
    rows: readonly Row[],
    at: { readonly blockHash: string; readonly timestamp: number },
  ): Promise<Refusal[]> {
    const { refresh } = this.#family;
    const held = new Map(rows.map((row) => [row[0], row]));
    const missing: Refusal[] = [];
    const read = await this.#read(pools, at, missing);
    // Paused, emptied: what we take for one that cannot be traded is none that we would trade.
    const gone = missing.filter(({ pool }) => {
      const [row, state] = [held.get(pool), this.#family.created()];
      if (row !== undefined) this.#family.applyRow(state, row);
      return this.#family.isLive(state);
    });
    const stirring = read.filter(({ info, state }) => refresh?.needed(info, state));
    if (refresh !== undefined && stirring.length > 0) {
      const infos = stirring.map(({ info }) => info);
      for (const row of await refresh.read(this.#reader(at), this.#deployment, infos, at.timestamp))
        this.#family.applyRow(read.find(({ info }) => info.pool === row[0])?.state ?? {}, row);
    }
    const differing = read.flatMap(({ info, state }): Refusal[] => {
      const [ours, chains] = [JSON.stringify(held.get(info.pool)), JSON.stringify(this.#family.toRow(info, state))];
      return ours === chains
        ? []
        : [{ pool: info.pool, code: "state", detail: `we hold ${ours}, the chain has ${chains}`.slice(0, 2_000) }];
    });
    const known = new Set(differing.map(({ pool }) => pool));
    const rest = read.filter(({ info }) => !known.has(info.pool));
    const said = [
      ...(await this.disagreeing(
        rest.filter((each) => stirring.includes(each)),
        at,
      )),
      ...(await this.disagreeing(
        rest.filter((each) => !stirring.includes(each)),
        { blockHash: at.blockHash },
      )),
    ].map(([, refusal]) => refusal);
    return [...gone.map((each) => ({ ...each, code: "gone" })), ...differing, ...said.filter(({ code }) => code !== "unverified")];
  }

  #reader(at: { readonly blockHash: string }) {
    return readerAt(this.#client, { multicall3: this.#chain.multicall3, blockHash: at.blockHash });
  }

  async #read(infos: readonly PoolInfo[], at: { readonly blockHash: string }, refused: Refusal[]): Promise<Held[]> {
    const rows = new Map((await this.#family.read(this.#reader(at), this.#deployment, infos)).map((row) => [row[0], row]));
    return infos.flatMap((info): Held[] => {
      const row = rows.get(info.pool);
      const state = this.#family.created();
      if (row !== undefined) this.#family.applyRow(state, row);
      if (row !== undefined && this.#family.isLive(state)) return [{ info, row, state }];
      refused.push({ pool: info.pool, code: "not-live", detail: "has no price or no liquidity" });
      return [];
    });
  }

  #curvesOf(held: readonly Held[]): Pick<Holdings, "info" | "curve">[] {
    return held.map(({ info, state }) => ({ info, curve: this.#family.curve(info, state) }));
  }

  /** Prices come from the pools of this DEX alone: enough to tell dust from depth, and known before anybody has said a price. */
  #learn(pools: readonly Pick<Holdings, "info" | "curve">[]): void {
    const { graph } = this.#prices;
    for (const { info, curve } of pools) {
      if (curve === null) continue;
      for (const [indexA, tokenA] of info.tokens.entries())
        for (const [indexB, tokenB] of info.tokens.entries()) {
          if (indexB <= indexA) continue;
          const key = `${info.pool}/${indexA}/${indexB}`;
          const edge = this.#edges.get(key) ?? graph.addEdge(graph.tokenId(tokenA), graph.tokenId(tokenB));
          this.#edges.set(key, edge);
          const { rate, depthA, depthB } = pairView(curve, indexA, indexB);
          graph.setEdge(edge, rate, depthA, depthB);
        }
    }
    if (this.#hasPrices) graph.update();
    else graph.rebuild();
    this.#hasPrices = true;
    this.#prices.refresh();
  }

  /** What the pool holds, as a share of what it needs: tokens without a price count for nothing. */
  #tvlShare({ tokens }: PoolInfo, amounts: readonly bigint[]): number {
    const { graph, usdPerNative } = this.#prices;
    const wei = tokens.reduce((sum, token, index) => {
      const id = graph.idOf(token);
      return id === undefined ? sum : sum + Number(amounts[index] ?? 0n) * graph.priceOf(id);
    }, 0);
    const native = wei / powerOfTen(18);
    const { minTvlUsd, minTvlNative } = this.#rules;
    const [tvl, needed] = usdPerNative > 0 ? [native * usdPerNative, minTvlUsd] : [native, minTvlNative];
    return needed === 0 ? Number.POSITIVE_INFINITY : tvl / needed;
  }

  async #withSoundTokens(pools: readonly Held[], at: { readonly blockHash: string }, refused: Refusal[]): Promise<Held[]> {
    // Who holds most of it: a position to one side of the price leaves a pool without one of its tokens.
    const unknown = new Map<Address, { readonly holder: Address; readonly amount: bigint }>();
    for (const { info, state } of pools) {
      const amounts = this.#family.holdings(info, state);
      for (const [index, token] of info.tokens.entries()) {
        const amount = amounts[index] ?? 0n;
        if (this.#tokens.has(token) || amount < (unknown.get(token)?.amount ?? 0n)) continue;
        unknown.set(token, { holder: this.#family.custodian?.(this.#deployment) ?? info.pool, amount });
      }
    }
    const verdicts = new Map(this.#tokens);
    if (unknown.size > 0) {
      const block = await this.#client.send<{ timestamp: string } | null>("eth_getBlockByHash", [at.blockHash, false]);
      if (block === null) throw new RetryableError("state-unreadable", `${this.#deployment.id}: no block ${at.blockHash}`);
      const holdings = [...unknown].map(([token, { holder }]) => ({ token, holder }));
      const said = await probeTokens(this.#client, { blockHash: at.blockHash, timestamp: Number(block.timestamp) }, holdings);
      for (const [index, { token }] of holdings.entries()) {
        const verdict = said[index] as TokenVerdict;
        verdicts.set(token, verdict);
        // Where nobody has any it was not asked.
        if (verdict.ok || verdict.code !== "no-balance") this.#tokens.set(token, verdict);
      }
    }
    return pools.filter(({ info }) => {
      for (const token of info.tokens) {
        const verdict = verdicts.get(token);
        if (verdict === undefined || verdict.ok) continue;
        refused.push({ pool: info.pool, code: `token-${verdict.code}`, detail: `${token}: ${verdict.detail}` });
        return false;
      }
      return true;
    });
  }

  /** Each token in once, for the next one: a dozen directions of a pool of four tokens rest on the same numbers. */
  #questions({ info, row, state }: Held): Question[] {
    const amounts = this.#family.holdings(info, state);
    return info.tokens.flatMap((_, indexIn): Question[] => {
      const indexOut = (indexIn + 1) % info.tokens.length;
      const amountIn = (amounts[indexIn] ?? 0n) / ASKED_SHARE;
      if (amountIn === 0n) return [];
      const swap = { amountIn, indexIn, indexOut };
      return [{ info, row, ...swap, ours: this.#family.quoteExactIn(info, state, swap) }];
    });
  }
}
