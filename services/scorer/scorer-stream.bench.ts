import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bus } from "#libs/actor/bus.ts";
import { startLocalBroker } from "#libs/actor/local-broker.ts";
import { runActor } from "#libs/actor/run.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { type Bench, held, type Measurement, timeWaiting } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { scorerSpec } from "#services/scorer/main.ts";

const CANDIDATES = 64;
/** Chains whose scorers share the process, as in the local run: their blocks come at once. */
const CHAINS = 8;
const POOLS = 600;
const DEX = "uniswap-v2";

const random = randomFrom(7);
const address = (value: number) => `0x${value.toString(16).padStart(40, "0")}`;
const hash = (value: number) => `0x${value.toString(16).padStart(64, "0")}`;
const WETH = ethereum.wrappedNative;

/** Cycles of three hops that come back from block to block, as those of a real market do. */
const cycles: readonly Candidate[] = Array.from({ length: 4 * CANDIDATES }, (_, index) => {
  const tokens = [WETH, address(1_000 + random.below(200)), address(2_000 + random.below(200)), WETH];
  const amountIn = 10n ** 18n + BigInt(random.below(1e9)) * 10n ** 9n;
  return {
    cycleId: (index + 1).toString(16).padStart(16, "0"),
    token: WETH,
    amountIn: `${amountIn}`,
    amountOut: `${amountIn + 10n ** 16n}`,
    grossProfit: `${10n ** 16n + BigInt(random.below(1e9)) * 10n ** 6n}`,
    gasEstimate: 250_000 + random.below(100_000),
    hops: [0, 1, 2].map((place) => ({
      dex: DEX,
      family: "uniswap-v2" as const,
      pool: address(10_000 + random.below(POOLS)),
      call: { form: "v2" as const, zeroForOne: place % 2 === 0 },
      tokenIn: tokens[place] as string,
      tokenOut: tokens[place + 1] as string,
      amountIn: `${amountIn}`,
      amountOut: `${amountIn}`,
    })),
    priceImpact: 0.01 * random.unit(),
  };
});

/** A chain's streams, block by block, and its scorer. */
class Chain {
  readonly config: ChainConfig;
  readonly #bus: Bus;
  #number = 0;

  constructor(bus: Bus, index: number) {
    this.#bus = bus;
    this.config = { ...ethereum, key: `bench${index}`, dexes: [] };
  }

  #at() {
    const number = this.#number;
    return { v: 1, chainId: 1, blockNumber: number, blockHash: hash(number), observedAtMs: Date.now(), causeId: null, epoch: 0 } as const;
  }

  async #say<Key extends "blockObserved" | "cycleFound" | "poolChanged" | "arbitrageObserved">(key: Key, body: BodyOf<Key>): Promise<void> {
    const messageId = `${key}:${this.config.key}:${this.#number}`;
    await this.#bus.publish(key, { chain: this.config.key, dex: DEX }, body, { messageId, trace: null });
  }

  /** The block, with what the fetchers and the analyst say of it. */
  async block(): Promise<void> {
    this.#number++;
    const at = this.#at();
    await this.#say("blockObserved", {
      kind: "block-observed",
      ...at,
      parentHash: hash(at.blockNumber - 1),
      timestamp: at.blockNumber,
      baseFeePerGas: "5000000000",
      gasUsed: 15_000_000,
      gasLimit: 30_000_000,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [],
    });
  }

  /** The answer of its search. */
  async found(): Promise<void> {
    const at = this.#at();
    const first = random.below(cycles.length);
    const candidates = Array.from({ length: CANDIDATES }, (_, index) => cycles[(first + index) % cycles.length] as Candidate);
    const body: BodyOf<"cycleFound"> = {
      kind: "cycle-found",
      ...at,
      timestamp: at.blockNumber,
      baseFeePerGas: "5000000000",
      dexes: [DEX],
      lateDexes: [],
      cyclesFound: 900,
      candidates,
    };
    await this.#say("cycleFound", body);
  }
}

export const bench: Bench = {
  title: "scorer-stream",
  about:
    `Messages of ${CANDIDATES} candidates of three hops, through a real broker on this machine, from \`cycle.found\` as it is handed over to \`opportunity.scored\` as it comes back, with rows, ` +
    `scores and the order of the installed model; ${MEMORY_BLOCKS} blocks of history before. Broker, publisher, scorers and reader share the machine.`,
  async run({ quick }) {
    const directory = mkdtempSync(join(tmpdir(), "hyperspeed-bench-"));
    const broker = await startLocalBroker({ directory: join(directory, "nats") });
    const bus = await Bus.connect({ servers: [broker.url], name: "bench" });
    const log = createLogger("bench", "warn");
    const chains = Array.from({ length: CHAINS }, (_, index) => new Chain(bus, index));
    const stops: (() => Promise<void>)[] = [];
    try {
      await bus.ensureStreams(chains.map(({ config }) => config.key));
      const waiting = new Map<string, (body: Uint8Array) => void>();
      for (const { config } of chains) {
        const running = runActor(scorerSpec({ chain: config, section: { mode: "live", scorer: { ranking: "model" } } }), {
          bus,
          log,
          version: "bench",
        });
        running.done.catch((cause: Error) => log.error({ cause: cause.message }, "scorer failed"));
        stops.push(() => running.drain());
        const follower = await bus.follow({
          stream: "DECISIONS",
          chain: config.key,
          keys: ["opportunityScored"],
          tokens: { chain: config.key },
          startSequence: 1,
          onDelivery: ({ message }) => waiting.get(config.key)?.(message.data),
        });
        stops.push(() => follower.stop());
      }
      let bytes = 0;
      /** A block of the chain through its scorer. */
      const round = async (chain: Chain): Promise<void> => {
        await chain.block();
        const answer = new Promise<void>((resolve) => {
          waiting.set(chain.config.key, (payload) => {
            bytes = payload.length;
            resolve();
          });
        });
        await chain.found();
        await answer;
      };
      const warmUp = quick ? 3 : MEMORY_BLOCKS + 20;
      for (let block = 0; block < warmUp; block++) await Promise.all(chains.map(round));
      const first = chains[0] as Chain;
      await first.block();
      const single = await timeWaiting(
        "one message of 64 candidates",
        {
          rounds: quick ? 3 : 1_000,
          after: () => first.block(),
          perRound: { count: CANDIDATES, unit: "candidates" },
          facts: () => ({ "bytes of the answer": bytes }),
        },
        async () => {
          const answer = new Promise<void>((resolve) => waiting.set(first.config.key, () => resolve()));
          await first.found();
          await answer;
        },
      );
      const together = await timeWaiting(
        `${CHAINS} chains at once, block and candidates`,
        { rounds: quick ? 2 : 200, perRound: { count: CHAINS * CANDIDATES, unit: "candidates" } },
        () => Promise.all(chains.map(round)).then(() => {}),
      );
      const last = await bus.lastOf("opportunityScored", { chain: first.config.key });
      invariant(last?.body.ranking === "champion", `ranked by ${last?.body.ranking}`);
      invariant(encode("opportunityScored", last.body).length > 10_000, "rows and scores are in the message");
      return [held(single, { msMostP99: 5 }), held(together, { perSecondLeast: 150_000 })] satisfies Measurement[];
    } finally {
      for (const stop of stops.reverse()) await stop();
      await bus.close();
      await broker.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
