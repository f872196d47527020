import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { type Bench, held, type Measurement, timeWaiting } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import { decode, encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { subjectOf } from "#proto/subjects.ts";
import type { Said, Told } from "#services/scorer/scorer-stream.bench-host.ts";

const CANDIDATES = 64;
/** Chains whose scorers share the machine. */
const CHAINS = 8;
/** Processes that host them: one for each core. */
const HOSTS = 2;
/** Blocks of a chain in a round of all: one after the other, each as soon as the one before has its ranking. */
const BLOCKS = 10;
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

interface Prepared {
  readonly number: number;
  readonly block: Uint8Array;
  readonly found: Uint8Array;
}

/** A chain's streams, block by block. */
class Chain {
  readonly config: ChainConfig;
  readonly #bus: Bus;
  #number = 0;
  /** Of the ranking that is waited for. */
  #answered: (payload: Uint8Array) => void = () => {};

  constructor(bus: Bus, index: number) {
    this.#bus = bus;
    this.config = { ...ethereum, key: `bench${index}`, dexes: [] };
  }

  /** The next block and the answer of its search, as their publishers would encode them. */
  prepare(): Prepared {
    const number = ++this.#number;
    return { number, block: encode("blockObserved", this.#block(number)), found: encode("cycleFound", this.#found(number)) };
  }

  /** Resolves to the ranking: what was encoded is published, and counts as late as it was. */
  async through({ number, block, found }: Prepared): Promise<Uint8Array> {
    const { key } = this.config;
    const answer = this.#answer();
    await this.#bus.publishEncoded("blockObserved", { chain: key }, block, { messageId: `block:${key}:${number}`, trace: null });
    await this.#bus.publishEncoded("cycleFound", { chain: key }, found, { messageId: `found:${key}:${number}`, trace: null });
    return answer;
  }

  async block(): Promise<void> {
    const number = ++this.#number;
    const { key } = this.config;
    await this.#bus.publish("blockObserved", { chain: key }, this.#block(number), { messageId: `block:${key}:${number}`, trace: null });
  }

  /** The answer of the last block's search, from the body on; resolves to its ranking. */
  async found(): Promise<Uint8Array> {
    const { key } = this.config;
    const answer = this.#answer();
    await this.#bus.publish("cycleFound", { chain: key }, this.#found(this.#number), {
      messageId: `found:${key}:${this.#number}`,
      trace: null,
    });
    return answer;
  }

  async follow(): Promise<() => Promise<void>> {
    const { key } = this.config;
    const follower = await this.#bus.follow({
      stream: "DECISIONS",
      chain: key,
      keys: ["opportunityScored"],
      tokens: { chain: key },
      startSequence: 1,
      onDelivery: ({ message }) => this.#answered(message.data),
    });
    return () => follower.stop();
  }

  #answer(): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  #at(number: number) {
    return { v: 1, chainId: 1, blockNumber: number, blockHash: hash(number), observedAtMs: Date.now(), causeId: null, epoch: 0 } as const;
  }

  #block(number: number): BodyOf<"blockObserved"> {
    return {
      kind: "block-observed",
      ...this.#at(number),
      parentHash: hash(number - 1),
      timestamp: number,
      baseFeePerGas: "5000000000",
      gasUsed: 15_000_000,
      gasLimit: 30_000_000,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [],
    };
  }

  #found(number: number): BodyOf<"cycleFound"> {
    const first = random.below(cycles.length);
    return {
      kind: "cycle-found",
      ...this.#at(number),
      timestamp: number,
      baseFeePerGas: "5000000000",
      dexes: [DEX],
      lateDexes: [],
      cyclesFound: 900,
      candidates: Array.from({ length: CANDIDATES }, (_, index) => cycles[(first + index) % cycles.length] as Candidate),
    };
  }
}

/** A process that hosts the scorers of some chains. */
class Host {
  readonly #process: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#ended = once(process, "exit").then(([code]) => {
      throw new Error(`a host of scorers ended with ${code}`);
    });
    // Once it has been told to, it may.
    this.#ended.catch(() => {});
  }

  static async start(told: Extract<Told, { tell: "start" }>): Promise<Host> {
    const host = new Host(
      fork(new URL("./scorer-stream.bench-host.ts", import.meta.url), { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    );
    await host.#ask(told);
    return host;
  }

  /** Microseconds of processor time so far. */
  async cpu(): Promise<number> {
    return (await this.#ask({ tell: "cpu" })).cpuUs;
  }

  async stop(): Promise<void> {
    await this.#ask({ tell: "stop" });
  }

  async #ask(told: Told): Promise<Said> {
    const said = once(this.#process, "message");
    this.#process.send(told);
    const [answer] = (await Promise.race([said, this.#ended])) as [Said];
    return answer;
  }
}

/** Microseconds of processor time that the broker has taken; NaN where the system does not say. */
function brokerCpu({ pid }: LocalBroker): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    // utime and stime, clock ticks of a hundredth of a second.
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return Number.NaN;
  }
}

export const bench: Bench = {
  title: "scorer-stream",
  about:
    `Messages of ${CANDIDATES} candidates of three hops, through a real broker on this machine, from \`cycle.found\` as it is handed over to \`opportunity.scored\` as it comes back, with rows, ` +
    `scores and the order of the installed model; ${MEMORY_BLOCKS} blocks of history before. ${CHAINS} scorers in ${HOSTS} processes; who publishes and reads is a third. One message alone: the body is encoded in the time taken. ` +
    "All chains: each its next block as soon as the one before is ranked; what is published was encoded before.",
  async run({ quick }) {
    const directory = mkdtempSync(join(tmpdir(), "hyperspeed-bench-"));
    const broker = await startLocalBroker({ directory: join(directory, "nats") });
    const bus = await Bus.connect({ servers: [broker.url], name: "bench" });
    const chains = Array.from({ length: CHAINS }, (_, index) => new Chain(bus, index));
    const stops: (() => Promise<void>)[] = [];
    try {
      await bus.ensureStreams(chains.map(({ config }) => config.key));
      const hosts = await Promise.all(
        Array.from({ length: HOSTS }, (_, index) => {
          const own = chains.filter((_, chain) => chain % HOSTS === index).map(({ config }) => config);
          return Host.start({ tell: "start", url: broker.url, chains: own });
        }),
      );
      stops.push(...hosts.map((host) => () => host.stop()));
      for (const chain of chains) stops.push(await chain.follow());

      const round = (prepared: readonly (readonly Prepared[])[]) =>
        Promise.all(
          chains.map(async (chain, index) => {
            for (const block of prepared[index] as readonly Prepared[]) await chain.through(block);
          }),
        );
      const prepare = (blocks: number) => chains.map((chain) => Array.from({ length: blocks }, () => chain.prepare()));
      for (let warm = 0; warm < (quick ? 1 : (2 * MEMORY_BLOCKS) / BLOCKS); warm++) await round(prepare(quick ? 3 : BLOCKS));

      const first = chains[0] as Chain;
      let answer = new Uint8Array(0);
      await first.block();
      const single = await timeWaiting(
        `one message of ${CANDIDATES} candidates`,
        {
          rounds: quick ? 3 : 1_000,
          after: () => first.block(),
          perRound: { count: CANDIDATES, unit: "candidates" },
          facts: () => ({ "bytes of the answer": answer.length }),
        },
        async () => {
          answer = new Uint8Array(await first.found());
        },
      );

      const blocks = quick ? 1 : BLOCKS;
      const rounds = quick ? 2 : 60;
      /** Microseconds that the scorers, the broker and this process took in the rounds, without what it took to prepare them. */
      const spent = { scorers: 0, broker: 0, publisher: 0 };
      const clock = async () => ({
        scorers: (await Promise.all(hosts.map((host) => host.cpu()))).reduce((sum, each) => sum + each, 0),
        broker: brokerCpu(broker),
        publisher: sumOf(process.cpuUsage()),
      });
      let prepared = prepare(blocks);
      let before = await clock();
      const together = await timeWaiting(
        `${CHAINS} chains, ${blocks} blocks of each`,
        {
          rounds,
          perRound: { count: CHAINS * blocks * CANDIDATES, unit: "candidates" },
          facts: () => {
            const candidates = rounds * CHAINS * blocks * CANDIDATES;
            const us = (whole: number) => Math.round((whole / candidates) * 10) / 10;
            return {
              "µs of processor a candidate: scorers": us(spent.scorers),
              broker: us(spent.broker),
              "publisher and reader": us(spent.publisher),
            };
          },
          after: async () => {
            const now = await clock();
            for (const who of ["scorers", "broker", "publisher"] as const) spent[who] += now[who] - before[who];
            prepared = prepare(blocks);
            before = await clock();
          },
        },
        () => round(prepared),
      );
      const last = decode(subjectOf("opportunityScored", { chain: first.config.key }), answer);
      invariant(last.ok && last.value.body.kind === "opportunity-scored", "a ranking");
      invariant(last.value.body.ranking === "champion", `ranked by ${last.value.body.ranking}`);
      invariant(answer.length > 10_000, "rows and scores are in the message");
      return [held(single, { msMostP99: 5 }), held(together, { perSecondLeast: 150_000 })] satisfies Measurement[];
    } finally {
      for (const stop of stops.reverse()) await stop();
      await bus.close();
      await broker.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const sumOf = ({ user, system }: NodeJS.CpuUsage): number => user + system;
