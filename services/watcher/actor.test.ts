import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { Publish } from "#libs/actor/actor.ts";
import { calls, drive, published } from "#libs/actor/testing.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Config, type Header, initialState, type Request, remember, type State, watcher } from "#services/watcher/actor.ts";

const config: Config = { chain: "local", chainId: 31337, rememberedBlocks: 64 };

const hashOf = (name: string) => `0x${Buffer.from(name).toString("hex").padStart(64, "0")}`;
const GENESIS: Header = headerOf("genesis", null);

function headerOf(name: string, parent: Header | null): Header {
  const number = parent === null ? 0 : parent.number + 1;
  const parentHash = parent?.hash ?? hashOf("");
  return { number, hash: hashOf(name), parentHash, timestamp: 12 * number, baseFeePerGas: "7", gasUsed: 1, gasLimit: 2 };
}

/** Blocks one on another: `chainOf(GENESIS, "a", "b")` is a on genesis, b on a. */
function chainOf(from: Header, ...names: readonly string[]): Header[] {
  const blocks: Header[] = [];
  for (const name of names) blocks.push(headerOf(name, blocks.at(-1) ?? from));
  return blocks;
}

/** A node that knows these blocks, and a watcher that asks it. */
function watch(known: readonly Header[], options: Partial<Config> = {}, state: State = initialState) {
  const used = { ...config, ...options };
  const core = drive(watcher, used, state);
  const blocks = new Map([GENESIS, ...known].map((header) => [header.hash, header]));
  const asked: Request[] = [];
  const node = {
    core,
    asked,
    add: (header: Header) => blocks.set(header.hash, header),
    said: () => published(core.all),
    announce(header: Header, atMs = 0) {
      asked.push(...calls(core.give({ type: "reply", reply: { kind: "head-announced", header, atMs } })));
    },
    /** Answers what was asked: the way back to a block that the watcher knows. */
    answer() {
      const request = asked.shift();
      if (request === undefined) return;
      const walked = [request.tip];
      while (request.known.length > 0 && !request.known.includes((walked[0] as Header).parentHash)) {
        const parent = blocks.get((walked[0] as Header).parentHash);
        if (parent === undefined || walked.length >= used.rememberedBlocks) break;
        walked.unshift(parent);
      }
      const { parentHash } = walked[0] as Header;
      const ancestor = request.known.includes(parentHash) ? parentHash : null;
      const branch = walked.map((header) => ({ header, logs: [] }));
      asked.push(...calls(core.give({ type: "reply", reply: { kind: "branch-fetched", ancestor, blocks: branch, atMs: request.atMs } })));
    },
    lose() {
      if (asked.shift() !== undefined) asked.push(...calls(core.give({ type: "reply", reply: { kind: "branch-lost" } })));
    },
    /** Announced, asked for and answered. */
    see(...headers: readonly Header[]) {
      for (const header of headers) {
        node.announce(header);
        node.answer();
      }
    },
  };
  return node;
}

const observed = (said: readonly Publish[]) => said.flatMap(({ body }) => (body.kind === "block-observed" ? [body] : []));
const reorged = (said: readonly Publish[]) => said.flatMap(({ body }) => (body.kind === "block-reorged" ? [body] : []));
const names = (headers: readonly { readonly blockHash: string }[]) =>
  headers.map(({ blockHash }) => Buffer.from(blockHash.slice(2), "hex").toString().replaceAll("\0", ""));

describe("a chain that only grows", () => {
  const [a, b, c, d] = chainOf(GENESIS, "a", "b", "c", "d") as [Header, Header, Header, Header];

  test("each head becomes one block, in order", () => {
    const node = watch([a, b, c]);
    node.see(GENESIS, a, b, c);
    expect(names(observed(node.said()))).toEqual(["genesis", "a", "b", "c"]);
    expect(node.said().map(({ messageId }) => messageId)).toEqual([GENESIS, a, b, c].map(({ hash }) => `block:local:${hash}:0`));
    expect(observed(node.said())[1]).toMatchObject({
      blockNumber: 1,
      parentHash: GENESIS.hash,
      timestamp: 12,
      baseFeePerGas: "7",
      epoch: 0,
    });
  });

  test("the first head seen is where the story begins", () => {
    const node = watch([a, b, c]);
    node.see(c);
    expect(names(observed(node.said()))).toEqual(["c"]);
  });

  test("heads that were skipped are filled in", () => {
    const node = watch([a, b, c, d]);
    node.see(a, d);
    expect(names(observed(node.said()))).toEqual(["a", "b", "c", "d"]);
    expect(reorged(node.said())).toEqual([]);
  });

  test("a head announced while another is fetched is fetched after it, the newest only", () => {
    const node = watch([a, b, c, d]);
    node.see(a);
    node.announce(b, 1);
    node.announce(c, 2);
    node.announce(d, 3);
    expect(node.asked.map(({ tip }) => tip.hash)).toEqual([b.hash]);
    node.answer();
    expect(node.asked.map(({ tip }) => tip.hash)).toEqual([d.hash]);
    node.answer();
    expect(names(observed(node.said()))).toEqual(["a", "b", "c", "d"]);
    expect(observed(node.said()).map(({ observedAtMs }) => observedAtMs)).toEqual([0, 1, 3, 3]);
  });

  test("the same head twice is said once", () => {
    const node = watch([a, b]);
    node.see(a, b, b, a);
    node.announce(b);
    expect(node.asked).toEqual([]);
    expect(names(observed(node.said()))).toEqual(["a", "b"]);
  });

  test("a head announced again while it is fetched is said once", () => {
    const node = watch([a, b]);
    node.see(a);
    node.announce(b);
    node.announce(b);
    node.answer();
    expect(node.asked).toEqual([]);
    expect(names(observed(node.said()))).toEqual(["a", "b"]);
  });

  test("a tip that vanished is given up, and the next head goes on from the last block said", () => {
    const node = watch([a, b, c]);
    node.see(a);
    node.announce(b);
    node.lose();
    expect(node.core.state.fetching).toBe(false);
    node.see(c);
    expect(names(observed(node.said()))).toEqual(["a", "b", "c"]);
  });

  test("a tip that vanished while another head waited leads to that one", () => {
    const node = watch([a, b, c]);
    node.see(a);
    node.announce(b);
    node.announce(c);
    node.lose();
    expect(node.asked.map(({ tip }) => tip.hash)).toEqual([c.hash]);
    node.answer();
    expect(names(observed(node.said()))).toEqual(["a", "b", "c"]);
  });
});

describe("a reorganisation", () => {
  const trunk = chainOf(GENESIS, "1", "2", "3", "4", "5", "6");

  test.prop([fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 })])(
    "of any depth is said once, with its ancestor, then the new branch",
    (depth, length) => {
      const ancestor = trunk[trunk.length - depth - 1] ?? GENESIS;
      const branch = chainOf(ancestor, ...Array.from({ length }, (_, index) => `new-${index}`));
      const node = watch([...trunk, ...branch]);
      node.see(GENESIS, ...trunk);
      const before = node.said().length;
      node.see(branch.at(-1) as Header);
      const after = node.said().slice(before);
      expect(after.map(({ body }) => body.kind)).toEqual(["block-reorged", ...branch.map(() => "block-observed")]);
      expect(reorged(after)[0]).toMatchObject({
        blockNumber: ancestor.number,
        blockHash: ancestor.hash,
        epoch: 1,
        dropped: trunk.slice(-depth).map(({ number, hash }) => [number, hash]),
      });
      expect(observed(after).map(({ blockHash, epoch }) => [blockHash, epoch])).toEqual(branch.map(({ hash }) => [hash, 1]));
      expect(node.core.all).toContainEqual({ type: "count", metric: "reorgDepth", labels: {}, value: depth });
    },
  );

  test("back to a branch that was left makes the same blocks new facts", () => {
    const left = headerOf("left", trunk[0] as Header);
    const right = headerOf("right", trunk[0] as Header);
    const node = watch([...trunk, left, right]);
    node.see(GENESIS, trunk[0] as Header, left, right, left);
    expect(names(observed(node.said()))).toEqual(["genesis", "1", "left", "right", "left"]);
    expect(reorged(node.said()).map(({ epoch, dropped }) => [epoch, dropped])).toEqual([
      [1, [[left.number, left.hash]]],
      [2, [[right.number, right.hash]]],
    ]);
    const ids = node.said().map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("below everything remembered is a gap: the new blocks are said, without a reorganisation", () => {
    const other = chainOf(GENESIS, "x1", "x2", "x3", "x4", "x5", "x6", "x7");
    const node = watch([...trunk, ...other], { rememberedBlocks: 3 });
    node.see(...trunk, other.at(-1) as Header);
    expect(reorged(node.said())).toEqual([]);
    expect(names(observed(node.said()).slice(-3))).toEqual(["x5", "x6", "x7"]);
    expect(node.core.state.published.map(({ hash }) => hash)).toEqual(other.slice(-3).map(({ hash }) => hash));
  });
});

type Step =
  | { readonly do: "mine"; readonly back: number }
  | { readonly do: "announce"; readonly pick: number }
  | { readonly do: "answer" | "lose" };

/** A tree that grows, mostly at its head; announcements of any of its blocks, in any order, while answers come late or not at all. */
const story = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("mine" as const), back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(4)) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("announce" as const), pick: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  ),
  { maxLength: 60 },
);

function live(steps: readonly Step[], options: Partial<Config> = {}) {
  const node = watch([], options);
  const tree: Header[] = [GENESIS];
  node.see(GENESIS);
  let head = GENESIS;
  for (const step of steps) {
    if (step.do === "mine") {
      let parent = head;
      for (let back = step.back; back > 0; back--) parent = tree.find(({ hash }) => hash === parent.parentHash) ?? parent;
      head = headerOf(`block ${tree.length}`, parent);
      tree.push(head);
      node.add(head);
      node.announce(head);
    } else if (step.do === "announce") {
      head = tree[step.pick % tree.length] as Header;
      node.announce(head);
    } else node[step.do]();
  }
  while (node.asked.length > 0) node.answer();
  return { node, head, tree };
}

describe("whatever the chain does", () => {
  test.prop([story])(
    "the stream is a chain: each block on its parent, each reorganisation back to a block that it drops all after",
    (steps) => {
      const { node, head } = live(steps);
      const chain: { readonly number: number; readonly hash: string }[] = [];
      let epoch = 0;
      for (const { body, messageId } of node.said() as { body: BodyOf<"blockObserved"> | BodyOf<"blockReorged">; messageId: string }[]) {
        if (body.kind === "block-reorged") {
          const at = chain.findIndex(({ hash }) => hash === body.blockHash);
          expect(at).toBeGreaterThanOrEqual(0);
          expect(body.dropped).toEqual(chain.splice(at + 1).map(({ number, hash }) => [number, hash]));
          expect(body.epoch).toBe(++epoch);
          continue;
        }
        if (chain.length > 0) expect(body.parentHash).toBe(chain.at(-1)?.hash);
        chain.push({ number: body.blockNumber, hash: body.blockHash });
        expect(messageId).toContain(body.blockHash);
        expect(body.epoch).toBe(epoch);
      }
      // The last head announced is the chain's, unless it was given up as lost or the chain only went back to an ancestor.
      if (!steps.some((step) => step.do === "lose")) expect(chain.map(({ hash }) => hash)).toContain(head.hash);
      const ids = node.said().map(({ messageId }) => messageId);
      expect(new Set(ids).size, "each fact has an id of its own").toBe(ids.length);
    },
  );

  test.prop([story])("what a restarted watcher remembers from the stream is what it knew", (steps) => {
    const { node } = live(steps);
    let rebuilt = initialState;
    for (const { body } of node.said()) rebuilt = remember(rebuilt, body as BodyOf<"blockObserved">, config);
    expect(rebuilt).toEqual({ ...node.core.state, fetching: false, waiting: null });
  });

  test.prop([story, story])("a restarted watcher goes on with what one that was never stopped says", (before, after) => {
    const { node, tree } = live(before);
    let rebuilt = initialState;
    for (const { body } of node.said()) rebuilt = remember(rebuilt, body as BodyOf<"blockObserved">, config);
    const restarted = watch(tree, {}, rebuilt);
    const saidBefore = node.said().length;
    let head = tree.at(-1) as Header;
    for (const step of after) {
      if (step.do !== "mine") continue;
      head = headerOf(`later ${head.number} ${step.back}`, step.back === 0 ? head : (tree[step.back % tree.length] as Header));
      for (const each of [node, restarted]) {
        each.add(head);
        each.see(head);
      }
    }
    expect(restarted.said()).toEqual(node.said().slice(saidBefore));
  });

  test.prop([story])("its memory is bounded", (steps) => {
    const { node } = live(steps, { rememberedBlocks: 5 });
    expect(node.core.state.published.length).toBeLessThanOrEqual(5);
    expect(node.asked.length).toBe(0);
    for (const request of calls(node.core.all)) expect(request.known.length).toBeLessThanOrEqual(5);
  });
});
