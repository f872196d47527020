import { describe, expect, test } from "vitest";
import { decodeExecute } from "#libs/contracts/plan.ts";
import type { Reply, Request } from "#services/executor/actor.ts";
import { practise, UNREACHABLE_NONCE } from "#services/executor/practice.ts";
import { config, hashOf, WETH } from "#services/executor/testing.ts";

type Simulate = Extract<Request, { call: "simulate" }>;

const head = { blockNumber: 100, blockHash: hashOf("head"), observedAtMs: 5_000, epoch: 0, timestamp: 1_200 };
const still = () => 0;

async function practised(mode: "paper" | "simulate" | "live", replyTo: (request: Simulate) => Reply, now = still) {
  const asked: Simulate[] = [];
  const attempts = await practise(
    { ...config, mode },
    head,
    (request) => {
      asked.push(request);
      return Promise.resolve(replyTo(request));
    },
    now,
  );
  return { asked, attempts };
}
const refused = ({ planned }: Simulate): Reply => ({
  kind: "simulated",
  executionId: planned.executionId,
  ok: false,
  detail: "no such pool",
});

describe("practice", () => {
  test.each(["paper", "simulate", "live"] as const)(
    "in %s mode asks for nothing but simulations, each of a plan of its own",
    async (mode) => {
      const { asked, attempts } = await practised(mode, refused);
      expect(attempts).toBeGreaterThan(3);
      expect(asked.map(({ call }) => call)).toEqual(new Array(attempts).fill("simulate"));
      expect(new Set(asked.map(({ planned }) => planned.executionId)).size).toBe(attempts);
    },
  );

  test("makes plans for the next block, with the wallet's own contract and tokens", async () => {
    const [first] = (await practised("live", refused)).asked;
    expect(first?.planned).toMatchObject({ targetBlock: 101, blockHash: head.blockHash, contract: config.contract, mode: "live" });
    expect(first?.timestamp).toBe(1_212);
    expect(decodeExecute(first?.planned.calldata ?? "")).toMatchObject({ loanToken: WETH, validUntilBlock: 101n });
  });

  test("signs nothing that could ever be mined: the nonce is beyond what a wallet uses", async () => {
    const { asked } = await practised("live", refused);
    expect(new Set(asked.map(({ planned }) => planned.nonce))).toEqual(new Set([UNREACHABLE_NONCE]));
    expect(UNREACHABLE_NONCE).toBeGreaterThan(2 ** 52);
  });

  test("goes on after a simulation that succeeds, and still sends nothing", async () => {
    const { asked, attempts } = await practised("live", ({ planned: { executionId } }) => ({
      kind: "simulated",
      executionId,
      ok: true,
      gasUsed: 1,
      transactionHash: hashOf("signed"),
    }));
    expect(asked.length).toBe(attempts);
  });

  test("ends after a second on a distant node", async () => {
    let ms = 0;
    const { attempts } = await practised("live", refused, () => {
      ms += 300;
      return ms;
    });
    expect(attempts).toBe(3);
  });

  test("fails as the simulation fails", async () => {
    const failing = practised("live", () => {
      throw new Error("no node");
    });
    await expect(failing).rejects.toThrow("no node");
  });
});
