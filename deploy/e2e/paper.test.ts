import { afterAll, beforeAll, expect, test } from "vitest";
import { System } from "./system.ts";

let system: System;
beforeAll(async () => {
  system = await System.start({ seed: 5, blockTimeMs: 1_000, mode: "paper" });
});
afterAll(() => system.stop());

test("paper mode does everything but sending, on a chain that does not have our contract", async () => {
  system.spawnAll();
  await system.untilReady();
  await system.localnet.startTrading();
  await system.blocks(10);
  await system.settle();

  const count = async (kind: Parameters<System["bodies"]>[1]) => (await system.bodies("MONEY", kind)).length;
  const [planned, simulated, expired, failed] = [
    await count("execution-planned"),
    await count("execution-simulated"),
    await count("execution-expired"),
    await count("execution-failed"),
  ];
  expect(simulated).toBeGreaterThanOrEqual(3);
  expect(expired + failed).toBe(planned);
  expect(failed).toBe(0);
  expect(expired).toBe(simulated);
  expect(await count("execution-submitted")).toBe(0);
  for (const { transactionHash } of await system.bodies("MONEY", "execution-simulated")) expect(transactionHash).toBeNull();
  expect(Number(await system.client.send<string>("eth_getTransactionCount", [system.wallet, "latest"]))).toBe(0);
  expect(system.died).toEqual([]);
});
