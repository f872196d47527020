import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Announcement, ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { scanLogs } from "#libs/evm/log-scan.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import type { Address } from "#libs/units/brand.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import { addressIn, type Position } from "#services/fetcher/actor.ts";

/** What the factory's events of a stretch of blocks announce, oldest first. */
async function announcements(
  client: Rpc,
  deployment: DexDeployment,
  blocks: { readonly from: number; readonly to: number },
  onProgress?: (scannedTo: number) => void,
): Promise<Announcement[]> {
  const family = familyOf(deployment.family);
  const logs = await scanLogs(
    client,
    { address: deployment.factory, topics: [family.topics(deployment).created], fromBlock: blocks.from, toBlock: blocks.to },
    onProgress,
  );
  return logs.map((log) => family.decodeCreated(log, deployment));
}

/** How far a factory's list has been read. */
export interface Listing {
  read: number;
}

/** Of a list that a reorganisation may have shortened, so many are read again. */
const LISTED_AGAIN = 8;

/** The facts of announced pools: from the announcement where it says all, else from the chain. The list counts as read once all facts are known. */
export async function known(
  reader: ChainReader,
  deployment: DexDeployment,
  announced: readonly Announcement[],
  listing: Listing,
): Promise<PoolInfo[]> {
  const family = familyOf(deployment.family);
  const whole = announced.filter((each) => each !== null && typeof each !== "string");
  const addresses = new Set(announced.filter((each) => typeof each === "string"));
  let { read } = listing;
  // An event without an address: whatever the factory has come to list.
  if (announced.includes(null)) {
    const from = Math.max(0, read - LISTED_AGAIN);
    const listed = (await family.enumerate?.(reader, deployment, from)) ?? [];
    for (const pool of listed) addresses.add(pool);
    read = from + listed.length;
  }
  for (const { pool } of whole) addresses.delete(pool);
  const described = addresses.size === 0 ? [] : await family.describe(reader, deployment, [...addresses]);
  listing.read = read;
  return [...new Map([...whole, ...described.filter((info) => info !== null)].map((info) => [info.pool, info])).values()];
}

/** Runs a question about one block. Throws `RetryableError` with code `state-unreadable` for a block that the node knows no longer, or whose state it has let go of. */
export async function readable<Answer>(deployment: DexDeployment, blockHash: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof RpcError)
      throw new RetryableError("state-unreadable", `${deployment.id} at ${blockHash}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** A node that is behind for a moment has the block after the second pause. */
const UNREADABLE_ATTEMPTS = 3;
const UNREADABLE_PAUSE_MS = 2_000;

/** Null for a block that stays unreadable for some seconds: what can wait for another block is no reason to stop following. */
export async function unlessUnreadable<Answer>(
  deployment: DexDeployment,
  { blockHash }: Pick<Position, "blockHash">,
  ask: () => Promise<Answer>,
  pauseMs = UNREADABLE_PAUSE_MS,
): Promise<Answer | null> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readable(deployment, blockHash, ask);
    } catch (cause) {
      if (!(cause instanceof RetryableError) || cause.code !== "state-unreadable") throw cause;
      if (attempt === UNREADABLE_ATTEMPTS) return null;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** A block as the stream has it, and the id of the message that says so. */
export interface Observed {
  readonly at: Position;
  readonly causeId: string;
}

/** Newer blocks that are tried before the fault is the caller's: a search that takes long needs one. */
const MOST_MOVES = 3;

/**
 * What a factory announced up to a block, and what `read` makes of it at that block: the one asked for, or the newest of the stream where the node has none of
 * its state any more. Full nodes keep the states of 128 blocks, and the search for pools, or the time that this process was down, may well be longer.
 */
export async function readAt<Answer>(
  client: Rpc,
  deployment: DexDeployment,
  options: {
    /** Announcements are looked for from this block on. */
    readonly from: number;
    /** Blocks that may since have been replaced: they are looked through again. */
    readonly overlap: number;
    readonly observed: Observed;
    /** The newest block of the stream. */
    readonly newest: () => Promise<Observed | null>;
    readonly onProgress?: (scannedTo: number) => void;
  },
  read: (announced: readonly Announcement[], at: Position) => Promise<Answer>,
): Promise<{ readonly announced: readonly Announcement[]; readonly answer: Answer; readonly observed: Observed }> {
  const found = new Map<Address | null, Announcement>();
  let { from, observed } = options;
  for (let moves = 0; ; moves++) {
    const { at } = observed;
    for (const each of await announcements(client, deployment, { from, to: at.blockNumber }, options.onProgress))
      found.set(addressIn(each), each);
    const announced = [...found.values()];
    try {
      return { announced, answer: await readable(deployment, at.blockHash, () => read(announced, at)), observed };
    } catch (cause) {
      if (!(cause instanceof RetryableError) || cause.code !== "state-unreadable" || moves === MOST_MOVES) throw cause;
      const newest = await options.newest();
      if (newest === null || newest.at.sequence <= at.sequence) throw cause;
      from = Math.max(from, at.blockNumber - options.overlap);
      observed = newest;
    }
  }
}

/** At the newest block, and at another one where that took longer than the node keeps its state. What the first attempt has learnt makes the next one shorter. */
export async function atHead<Answer>(
  deployment: DexDeployment,
  head: () => Promise<Observed>,
  ask: (at: Position) => Promise<Answer>,
  pauseMs?: number,
): Promise<Answer> {
  for (let moves = 0; ; moves++) {
    const { at } = await head();
    if (moves === MOST_MOVES) return readable(deployment, at.blockHash, () => ask(at));
    const answer = await unlessUnreadable(deployment, at, () => ask(at), pauseMs);
    if (answer !== null) return answer;
  }
}

/** A provider answers for some 10,000 blocks at a time; a list of 500 pools takes three calls. */
const BLOCKS_A_SCAN = 10_000;
const MOST_SCANS = 200;

/** Whether the factory's own list is asked rather than the events since its deployment: where it has one, and the events are far more blocks than it has pools. */
export function listsQuicker(deployment: DexDeployment, head: number): boolean {
  return familyOf(deployment.family).enumerate !== undefined && (head - deployment.deployBlock) / BLOCKS_A_SCAN > MOST_SCANS;
}
