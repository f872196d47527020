/** All pools of the chain with their exact states, brought from block to block by its logs: what anyone could know who runs a node. */

import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import type { Announcement, ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { toHex } from "#libs/evm/hex.ts";
import { logRow, type RawLog } from "#libs/evm/log-scan.ts";
import type { RpcClient } from "#libs/evm/rpc.ts";
import { Market } from "#libs/graph/market.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { Head } from "./builder.ts";

interface Followed {
  readonly deployment: DexDeployment;
  readonly family: AnyFamily;
  readonly created: ReadonlySet<string>;
  readonly state: ReadonlySet<string>;
  /** Of the factory's own list, where events do not name the pool. */
  listed: number;
}

export class PoolWatch {
  readonly market = new Market();
  readonly #rpc: RpcClient;
  readonly #chain: Pick<ChainConfig, "dexes" | "multicall3">;
  readonly #dexes: readonly Followed[];
  /** The last block that has been taken up. */
  #through = 0;

  constructor(rpc: RpcClient, chain: Pick<ChainConfig, "dexes" | "multicall3">) {
    this.#rpc = rpc;
    this.#chain = chain;
    this.#dexes = chain.dexes.map((deployment): Followed => {
      const family = familyOf(deployment.family);
      const { created, state } = family.topics(deployment);
      return { deployment, family, created: new Set(created), state: new Set(state), listed: 0 };
    });
  }

  /**
   * Takes up the blocks up to the head, of the branch that it has followed, and makes the states those of a swap in the next block, at `nextTimestamp` (seconds). Returns the
   * pools that have changed; the first time all.
   */
  async follow(head: Head, nextTimestamp: number): Promise<readonly string[]> {
    const reader = readerAt(this.#rpc, { multicall3: this.#chain.multicall3, blockHash: head.hash });
    const changed = new Set<string>();
    const isFirst = this.#through === 0;
    const logs = await this.#logs(this.#through + 1, head.number, isFirst);
    this.#through = head.number;
    for (const dex of this.#dexes) {
      const { deployment, family } = dex;
      const announced = logs.flatMap((log) =>
        log[0] === deployment.factory && dex.created.has(log[1][0] ?? "") ? [family.decodeCreated(log, deployment)] : [],
      );
      const fresh = (await known(reader, dex, announced)).filter(({ pool }) => this.market.pool(pool) === undefined);
      if (!isFirst)
        for (const log of logs) {
          if (!dex.state.has(log[1][0] ?? "")) continue;
          const pool = this.market.pool(family.poolOf(log, deployment) ?? "");
          if (pool === undefined || pool.dex !== deployment.id) continue;
          // The state is the market's own; the row that carries it again renews the curve.
          const undo = family.applyLog(pool.info, pool.state, log);
          this.market.apply(family.toChangeRow(pool.info, pool.state, undo));
          changed.add(pool.info.pool);
        }
      for (const info of fresh) this.market.add(deployment.id, deployment.family, info);
      for (const row of fresh.length === 0 ? [] : await family.read(reader, deployment, fresh)) {
        this.market.apply(row);
        changed.add(row[0]);
      }
      for (const row of await this.#moving(dex, reader, nextTimestamp)) {
        const pool = this.market.pool(row[0]);
        if (pool === undefined || JSON.stringify(family.toChangeRow(pool.info, pool.state, row)) === JSON.stringify(row)) continue;
        this.market.apply(row);
        changed.add(row[0]);
      }
    }
    return [...changed];
  }

  /** What moves without a log of its own. */
  async #moving({ deployment, family }: Followed, reader: ChainReader, timestamp: number) {
    const { refresh } = family;
    if (refresh === undefined) return [];
    const pools = [...this.market.pools()].filter(({ dex }) => dex === deployment.id);
    const moving = pools.filter(({ info, state }) => refresh.needed(info, state)).map(({ info }) => info);
    return moving.length === 0 ? [] : refresh.read(reader, deployment, moving, timestamp);
  }

  /** At first only those of factories: states are read then. */
  async #logs(from: number, to: number, ofFactories: boolean): Promise<LogRow[]> {
    if (from > to) return [];
    const topics = this.#dexes.flatMap(({ created, state }) => (ofFactories ? [...created] : [...created, ...state]));
    const filter = { fromBlock: toHex(from), toBlock: toHex(to), topics: [[...new Set(topics)]] };
    const logs = await this.#rpc.send<RawLog[]>("eth_getLogs", [
      ofFactories ? { ...filter, address: this.#dexes.map(({ deployment }) => deployment.factory) } : filter,
    ]);
    return logs.map(logRow);
  }
}

/** The facts of announced pools: from the announcement where it says all, else from the chain. */
async function known(reader: ChainReader, dex: Followed, announced: readonly Announcement[]): Promise<PoolInfo[]> {
  const { deployment, family } = dex;
  const whole = announced.filter((each) => each !== null && typeof each !== "string");
  const addresses = announced.filter((each) => typeof each === "string");
  if (announced.includes(null)) {
    const listed = (await family.enumerate?.(reader, deployment, dex.listed)) ?? [];
    dex.listed += listed.length;
    addresses.push(...listed);
  }
  const described = addresses.length === 0 ? [] : await family.describe(reader, deployment, addresses);
  return [...whole, ...described.filter((info) => info !== null)];
}
