import { type EndpointConfig, type EndpointInput, hostOf, sharedBudget } from "#libs/evm/budget.ts";
import { type Clock, monotonic } from "#libs/evm/clock.ts";
import { blocksBehind, type Head, HeadQuorum, toleratedLag } from "#libs/evm/head-quorum.ts";
import { PRIORITY, type Purpose } from "#libs/evm/purpose.ts";
import {
  type Call,
  checkChainId,
  type HeadOptions,
  NO_SUCH_BLOCK,
  originOf,
  RateLimitedError,
  type Rpc,
  RpcClient,
  RpcError,
  type SendOptions,
} from "#libs/evm/rpc.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

/** Between losing an endpoint's heads and asking the next for them, so that a dead network is not asked in a tight loop. */
const HEADS_PAUSE_MS = 250;
/** How often the endpoints that nobody follows are asked for their height: some 6,000 requests a day each. */
const COMPARE_HEADS_MS = 15_000;
/** Of all reads at most so many are asked twice: about as many as are slower than the 95th percentile, and again as many for a bad hour. */
const HEDGED_SHARE = 0.1;
const HEDGES_IN_A_ROW = 10;
/** Below it a second request costs more than it gains. */
const HEDGE_AFTER_MS_MIN = 5;
/** When every endpoint limits its rate: so often all are asked again after the pause that they want. */
const LIMITED_ROUNDS = 3;
const LIMITED_WAIT_MS = 10_000;

/** Reads whose second answer changes nothing. Others, whatever their name, are asked once. */
const IDEMPOTENT = /^(eth_(get|call$|estimateGas$|chainId$|blockNumber$|feeHistory$|gasPrice$|maxPriorityFeePerGas$)|net_version$|web3_)/;
/** What is asked of a block by its hash: null means that this endpoint does not have the block yet, or any more. */
const NULL_IS_NO_BLOCK = new Set(["eth_getBlockByHash", "eth_getBlockReceipts"]);
/** An endpoint that lacks the block: its answer stands when the others lack it too. */
class Behind extends Error {
  readonly answer: RpcError | null;
  constructor(answer: RpcError | null) {
    super("the endpoint does not have that block");
    this.answer = answer;
  }
}

export interface EndpointsOptions {
  /** What requests are for where a call does not say: see `for`. */
  readonly purpose?: Purpose;
  /** Endpoints that must agree on a head before it counts. Default 1: heads of one endpoint at a time. */
  readonly quorum?: number | undefined;
  readonly clock?: Clock;
}

/**
 * Several endpoints of one chain as one. Listed in order of preference: the first is asked whose score is at least half of the best, and which is not left alone
 * because it failed, lags, disagrees or has no rate left. A fault moves on to the next and asks it the same; only when all have failed is it the caller's. A
 * refusal (`RpcError`) is an answer and moves nothing, except that an endpoint does not have a block. A read that takes longer than 95 % of those before is
 * asked of a second endpoint too; the first good answer wins.
 */
export class Endpoints implements Rpc {
  readonly #chain: string;
  readonly #clients: readonly RpcClient[];
  readonly #purpose: Purpose;
  readonly #quorum: number;
  readonly #clock: Clock;
  #hedges = HEDGES_IN_A_ROW;

  constructor(endpoints: readonly EndpointInput[], chain: string, options: EndpointsOptions = {}) {
    if (endpoints.length === 0) throw new UserError(`chain ${chain} has no RPC endpoint`, "give at least one in chains.<key>.rpc");
    this.#chain = chain;
    this.#purpose = options.purpose ?? "other";
    this.#clock = options.clock ?? monotonic;
    this.#quorum = options.quorum ?? 1;
    if (this.#quorum > endpoints.length || (this.#quorum > 1 && 2 * this.#quorum <= endpoints.length))
      throw new UserError(
        `chain ${chain}: ${this.#quorum} of ${endpoints.length} endpoints is no quorum`,
        "chains.<key>.rpcQuorum is 1, or more than half of the endpoints and at most all",
      );
    this.#clients = named(endpoints).map(
      (endpoint) => new RpcClient(endpoint, chain, { purpose: this.#purpose, budget: sharedBudget(chain, endpoint, this.#clock) }),
    );
  }

  get maxLogRange(): number {
    return Math.max(...this.#clients.map(({ maxLogRange }) => maxLogRange));
  }

  /** The same endpoints, asked for another purpose. Closing it is the original's business. */
  for(purpose: Purpose): Rpc {
    return {
      send: (method, params = []) => this.#send(method, params, purpose),
      batch: (calls) => this.#batch(calls, purpose),
      followHeads: (onHead, options) => this.followHeads(onHead, options),
      maxLogRange: this.maxLogRange,
      close: async () => {},
    };
  }

  send<Result>(method: string, params: readonly unknown[] = []): Promise<Result> {
    return this.#send(method, params, this.#purpose);
  }

  /** Only reads: where an endpoint fails in the middle, another is asked for all of them again. */
  batch<Result>(calls: readonly Call[]): Promise<Result[]> {
    return this.#batch(calls, this.#purpose);
  }

  #batch<Result>(calls: readonly Call[], purpose: Purpose): Promise<Result[]> {
    return this.#overAll(this.#order("batch"), (client) => checked("batch", client.batch<Result>(calls, { purpose })));
  }

  #send<Result>(method: string, params: readonly unknown[], purpose: Purpose): Promise<Result> {
    const [only] = this.#clients;
    if (only !== undefined && this.#clients.length === 1 && method !== "eth_getLogs")
      return this.#overAll(this.#clients, (client) => client.send<Result>(method, params, { purpose }));
    const able = method === "eth_getLogs" ? this.#ableToFilter(params[0]) : this.#clients;
    if (able.length === 0)
      return Promise.reject(
        new RpcError(method, { code: -32_005, message: `no endpoint takes a range of so many blocks (maxLogRange ${this.maxLogRange})` }),
      );
    const order = this.#order(method, able);
    // What can wait is not worth paying for twice.
    const hedgeable = order.length > 1 && PRIORITY[purpose] < PRIORITY.discovery && IDEMPOTENT.test(method);
    const ask = (client: RpcClient, options: SendOptions) => checked<Result>(method, client.send<Result>(method, params, options));
    return this.#overAll(order, (client, next) => {
      const hedgeAfterMs = hedgeable && next !== undefined ? client.budget.health.p95(method) : null;
      if (hedgeAfterMs === null || next === undefined) return ask(client, { purpose });
      this.#hedges = Math.min(HEDGES_IN_A_ROW, this.#hedges + HEDGED_SHARE);
      return this.#hedged<Result>(
        Math.max(HEDGE_AFTER_MS_MIN, hedgeAfterMs),
        (signal) => ask(client, { purpose, signal }),
        (signal) => {
          const second = next.trySend<Result>(method, params, { purpose, signal });
          return second === undefined ? undefined : checked(method, second);
        },
      );
    });
  }

  /** Asks one after the other until one answers. */
  async #overAll<Result>(
    order: readonly RpcClient[],
    ask: (client: RpcClient, next: RpcClient | undefined) => Promise<Result>,
  ): Promise<Result> {
    for (let round = 1; ; round++) {
      let behind: Behind | null = null;
      let fault: RetryableError | null = null;
      for (const [index, client] of order.entries()) {
        client.budget.health.asked(this.#clock.now());
        try {
          return await ask(client, order[index + 1]);
        } catch (cause) {
          if (cause instanceof Behind) behind ??= cause;
          else if (!(cause instanceof RetryableError)) throw cause;
          else if (!(fault instanceof RateLimitedError)) fault = cause;
        }
      }
      if (behind !== null) {
        if (behind.answer !== null) throw behind.answer;
        return null as Result;
      }
      // The pause is kept by the endpoint's admission: asking again waits there for its turn.
      const waitMs = Math.min(...order.map(({ budget }) => budget.admission.pausedUntilMs)) - this.#clock.now();
      if (!(fault instanceof RateLimitedError) || round === LIMITED_ROUNDS || waitMs > LIMITED_WAIT_MS) throw fault;
    }
  }

  /** The first good answer of two: the second is asked when the first takes long. Rejects when both have failed, with what the first said. */
  #hedged<Result>(
    afterMs: number,
    first: (signal: AbortSignal) => Promise<Result>,
    second: (signal: AbortSignal) => Promise<Result> | undefined,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const aborts = [new AbortController(), new AbortController()] as const;
      let open = 1;
      let hedging = false;
      let settled = false;
      let failure: unknown = null;
      const finish = (winner: 0 | 1, settle: () => void) => {
        settled = true;
        cancel();
        aborts[1 - winner]?.abort();
        settle();
      };
      const watch = (answer: Promise<Result>, index: 0 | 1) => {
        answer.then(
          (result) => {
            if (settled) return;
            if (hedging) metrics.rpcHedges.inc({ chain: this.#chain, winner: index === 0 ? "first" : "second" });
            finish(index, () => resolve(result));
          },
          (cause: unknown) => {
            if (settled) return;
            open--;
            // A refusal of the first is an answer. One of the second may be its own lack: it stands when the first has nothing better to say.
            const isAnswer = !(cause instanceof RetryableError) && !(cause instanceof Behind);
            if (failure === null || isAnswer) failure = cause;
            if (open === 0 || (isAnswer && index === 0)) finish(index, () => reject(failure));
          },
        );
      };
      const cancel = this.#clock.after(afterMs, () => {
        if (this.#hedges < 1) return;
        const answer = second(aborts[1].signal);
        if (answer === undefined) return;
        this.#hedges--;
        hedging = true;
        open++;
        watch(answer, 1);
      });
      watch(first(aborts[0].signal), 0);
    });
  }

  /** Those whose limit the block range is within. None: a refusal like the endpoints' own, without asking. */
  #ableToFilter(filter: unknown): readonly RpcClient[] {
    const { fromBlock, toBlock } = (filter ?? {}) as { fromBlock?: string; toBlock?: string };
    const range = Number(toBlock) - Number(fromBlock) + 1;
    return this.#clients.filter(({ maxLogRange }) => !(range > maxLogRange));
  }

  /** Who is asked first, second, … */
  #order(
    method: string,
    clients: readonly RpcClient[] = this.#clients,
    hasRoom = ({ budget }: RpcClient) => budget.admission.hasRoom(1, budget.unitsOf(method)),
  ): readonly RpcClient[] {
    if (clients.length === 1) return clients;
    const nowMs = this.#clock.now();
    const ranked = clients.map((client) => {
      const { health } = client.budget;
      const score = health.score(nowMs, method);
      const tier = health.resting(nowMs) ? 4 : !health.current ? 3 : hasRoom(client) ? 0 : 2;
      return { client, score, tier };
    });
    const best = Math.max(...ranked.filter(({ tier }) => tier === 0).map(({ score }) => score));
    for (const each of ranked) if (each.tier === 0 && each.score < best / 2) each.tier = 1;
    // Sorting is stable: the good ones stay in their listed order.
    ranked.sort((left, right) => left.tier - right.tier || (left.tier === 0 ? 0 : right.score - left.score));
    return ranked.map(({ client }) => client);
  }

  followHeads(onHead: (header: unknown) => void, options: HeadOptions): () => void {
    const [only] = this.#clients;
    if (only !== undefined && this.#clients.length === 1) return only.followHeads(onHead, options);
    return this.#quorum === 1 ? this.#followOne(onHead, options) : this.#followAll(onHead, options);
  }

  /** Heads of one endpoint at a time: those of two that disagree would look like reorganisations. The others are asked for their height now and then. */
  #followOne(onHead: (header: unknown) => void, options: HeadOptions): () => void {
    const tolerated = toleratedLag(4 * options.pollMs);
    const heights = new Array<number | null>(this.#clients.length).fill(null);
    let stop: () => void = () => {};
    let cancel: () => void = () => {};
    let followed: RpcClient;
    const follow = () => {
      followed = this.#toFollow();
      const index = this.#clients.indexOf(followed);
      stop = followed.followHeads(
        (header) => {
          heights[index] = Number((header as { number: string }).number);
          onHead(header);
        },
        {
          ...options,
          onFault: (cause) => {
            options.onFault(cause);
            // What cannot announce heads is as good as gone for those who want them; faults count already.
            if (!(cause instanceof RetryableError)) followed.budget.health.failed(this.#clock.now());
            stop();
            cancel = this.#clock.after(HEADS_PAUSE_MS, follow);
          },
        },
      );
    };
    const compare = async () => {
      await Promise.all(
        this.#clients.map(async (client, index) => {
          if (client === followed) return;
          client.budget.health.asked(this.#clock.now());
          const height = await client.send<string>("eth_blockNumber", [], { purpose: "heads" }).catch(() => null);
          heights[index] = height === null ? null : Number(height);
        }),
      );
      this.#tell(blocksBehind(heights), tolerated);
      const best = this.#toFollow();
      if (best === followed || stopped) return;
      const { health } = followed.budget;
      if (health.lagging)
        options.onFault(
          new RetryableError("rpc-lagging", `${followed.budget.name} is ${health.behindBlocks} blocks behind ${best.budget.name}`),
        );
      cancel();
      stop();
      follow();
    };
    let stopped = false;
    let cancelCompare: () => void = () => {};
    const again = () => {
      cancelCompare = this.#clock.after(COMPARE_HEADS_MS, () => {
        void compare().finally(() => {
          if (!stopped) again();
        });
      });
    };
    follow();
    again();
    return () => {
      stopped = true;
      cancelCompare();
      cancel();
      stop();
    };
  }

  /** A rate that is used up for the moment is no reason to leave an endpoint whose heads are followed; a pause that it wants is. */
  #toFollow(): RpcClient {
    const nowMs = this.#clock.now();
    return this.#order("eth_getBlockByNumber", this.#clients, ({ budget }) => nowMs >= budget.admission.pausedUntilMs)[0] as RpcClient;
  }

  /** Heads of all endpoints: one counts when the quorum has announced it. */
  #followAll(onHead: (header: unknown) => void, options: HeadOptions): () => void {
    const tolerated = toleratedLag(4 * options.pollMs);
    const quorum = new HeadQuorum<Head & { readonly header: unknown }>(this.#quorum, this.#clients.length);
    const stops = this.#clients.map((client, index) =>
      client.followHeads((header) => {
        const { number, hash, parentHash } = header as { number: string; hash: string; parentHash: string };
        const nowMs = this.#clock.now();
        const counts = quorum.saw(index, { number: Number(number), hash, parentHash, header }, nowMs);
        this.#tell(quorum.blocksBehind(), tolerated);
        for (const [each, { budget }] of this.#clients.entries()) {
          const disagrees = quorum.disagrees(each, nowMs);
          if (disagrees && !budget.health.disagreeing)
            options.onFault(new RetryableError("rpc-disagrees", `${budget.name} disagrees with ${this.#quorum} endpoints about the head`));
          budget.health.disagreeing = disagrees;
        }
        if (counts !== null) onHead(counts.header);
      }, options),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }

  #tell(behind: readonly number[], tolerated: number): void {
    for (const [index, { budget }] of this.#clients.entries()) {
      budget.health.behindBlocks = behind[index] as number;
      budget.health.lagging = budget.health.behindBlocks > tolerated;
    }
  }

  /** Throws `UserError` when an endpoint serves another chain or none can be reached. Those that cannot be reached while another can are told to `onFault`. */
  async check(chain: { readonly key: string; readonly chainId: number }, onFault: (cause: Error) => void): Promise<void> {
    const faults: Error[] = [];
    for (const client of this.#clients) {
      try {
        await checkChainId(client, chain);
      } catch (cause) {
        if (!(cause instanceof RetryableError)) throw cause;
        faults.push(cause);
      }
    }
    if (faults.length === this.#clients.length) {
      const origins = this.#clients.map(({ url }) => originOf(url)).join(", ");
      const problem =
        faults.length === 1
          ? (faults[0] as Error).message
          : `none of ${origins} answers; the last said: ${(faults.at(-1) as Error).message}`;
      throw new UserError(
        `chain ${chain.key}: ${problem}`,
        "start the node or correct the RPC URL (--rpc, or chains.<key>.rpc in the configuration)",
        { cause: faults[0] },
      );
    }
    for (const fault of faults) onFault(fault);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** Two keys at one provider are two endpoints of one host: the second is `host#2`. */
function named(endpoints: readonly EndpointInput[]): EndpointConfig[] {
  const taken = new Map<string, number>();
  return endpoints.map((endpoint) => {
    const config = typeof endpoint === "string" ? { url: endpoint } : endpoint;
    const name = config.name ?? hostOf(config.url);
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return { ...config, name: count === 1 ? name : `${name}#${count}` };
  });
}

/** An answer that only says that this endpoint does not have the block is none as long as another may have it. */
async function checked<Result>(method: string, answer: Promise<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await answer;
  } catch (cause) {
    if (cause instanceof RpcError && NO_SUCH_BLOCK.test(cause.message)) throw new Behind(cause);
    throw cause;
  }
  if (result === null && NULL_IS_NO_BLOCK.has(method)) throw new Behind(null);
  return result;
}
