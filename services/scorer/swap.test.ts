import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { saveModel } from "#libs/actor/models.ts";
import { runActor } from "#libs/actor/run.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { cycle, World } from "#libs/history/testing.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import { syntheticMarket, trained } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS } from "#libs/ml/train.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { scorerSpec } from "#services/scorer/main.ts";

const directory = mkdtempSync(join(tmpdir(), "hs-swap-"));
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  broker = await startLocalBroker({ directory });
  bus = await Bus.connect({ servers: [broker.url], name: "swap.test" });
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

const E15 = 10n ** 15n;
const chain = "local";

test("a model that is promoted while blocks come takes over between two rankings: none is lost, none is made twice, none goes without", {
  timeout: 120_000,
}, async () => {
  await bus.ensureStreams([chain]);
  const market = syntheticMarket(9_000, 3);
  const small = { rounds: { landing: 8, profit: 8, spread: 8 }, net: { ...DEFAULT_OPTIONS.net, epochs: 1 } };
  const published = await publishModel(await trained(market, small), market, {
    root: directory,
    name: "new",
    parent: null,
    origin: "invented",
  });
  if (!published.ok) throw new Error("no parity");
  await saveModel(bus, chain, published.value.folder);
  const [OWN, NEW] = [ownModel().version, basename(published.value.folder)];

  const running = runActor(
    scorerSpec({ chain: { ...ethereum, key: chain, dexes: [] }, section: { mode: "live", scorer: { ranking: "model" } } }),
    {
      bus,
      log: createLogger("fatal"),
      version: "test",
    },
  );
  const world = new World();
  let sent = 0;
  const send = async () => {
    for (; sent < world.messages.length; sent++) {
      const { key, body, meta } = world.messages[sent] as (typeof world.messages)[number];
      await bus.publish(key, { chain, by: "operator" }, body as never, { messageId: meta.id, trace: null });
    }
  };
  const rankings = async () => {
    const all: BodyOf<"opportunityScored">[] = [];
    for await (const message of bus.read("DECISIONS", chain, 1, ["opportunityScored"]))
      all.push(message?.body as BodyOf<"opportunityScored">);
    return all;
  };
  try {
    const endMs = Date.now() + 90_000;
    const until = async (what: () => Promise<boolean> | boolean) => {
      while (!(await what())) {
        expect(Date.now()).toBeLessThan(endMs);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await until(() => running.state() === "ready");
    // Blocks as fast as they go in, until both models have ranked some.
    let number = 0;
    const block = async () => {
      number++;
      world.block({ number });
      world.found({ number }, [cycle(1, [0x10, 0x11], 16n * E15), cycle(2, [0x12, 0x13], 12n * E15)]);
      await send();
    };
    for (let place = 0; place < 30; place++) await block();
    world.promoted({ number }, NEW, OWN);
    await until(async () => {
      for (let place = 0; place < 10; place++) await block();
      return (await rankings()).at(-1)?.champion === NEW;
    });
    for (let place = 0; place < 30; place++) await block();
    await until(async () => (await rankings()).length >= number);
    const all = await rankings();
    expect(all.map(({ blockNumber }) => blockNumber)).toEqual(Array.from({ length: number }, (_, index) => index + 1));
    const first = all.findIndex(({ champion }) => champion === NEW);
    expect(first).toBeGreaterThan(29);
    for (const [place, { champion, challenger, ranking, unfit, opportunities, rejected }] of all.entries()) {
      // Until the new one is there the one before goes on deciding; from then on that one scores beside it.
      expect({ champion, challenger }).toEqual(place < first ? { champion: OWN, challenger: null } : { champion: NEW, challenger: OWN });
      expect(opportunities.length + rejected.length).toBe(2);
      // A block whose own message is overtaken by the next has no rows, and passes nothing: that is the only reason here.
      expect(unfit === null ? ranking : unfit).toMatch(unfit === null ? /^champion$/ : /^no-features$/);
    }
    expect(all.filter(({ unfit }) => unfit === null).length).toBeGreaterThan(number / 2);
  } finally {
    await running.drain();
  }
});
