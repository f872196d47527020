import { id } from "ethers";
import { expect, test } from "vitest";
import { CREATED, MOVED, SELECTORS } from "#libs/dex/curve-stableswap/abi.ts";

test("selectors and topics are the hashes of their signatures", () => {
  for (const [signature, selector] of Object.entries(SELECTORS)) expect(id(signature).slice(0, 10), signature).toBe(selector);
  for (const [signature, topic] of Object.entries({ ...CREATED, ...MOVED })) expect(id(signature), signature).toBe(topic);
});
