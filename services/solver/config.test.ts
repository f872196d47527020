import { expect, test } from "vitest";
import { base } from "#libs/chains/base.ts";
import { chainOf } from "#libs/chains/index.ts";
import { type ChainSection, parseSystemConfig } from "#libs/chains/system-config.ts";
import { UserError } from "#libs/units/invariant.ts";
import { solverConfig } from "#services/solver/config.ts";

const [USDC, DAI] = [`0x${"5".repeat(40)}`, `0x${"d".repeat(40)}`] as const;
const searchOf = (startTokens?: readonly { readonly token: string; readonly maxAmountIn: string }[]) => {
  const section = { rpc: ["http://127.0.0.1:8545"], ...(startTokens === undefined ? {} : { solver: { startTokens } }) };
  const { chains } = parseSystemConfig({ nats: { servers: ["nats://127.0.0.1:4222"] }, chains: { base: section } }, "test", {});
  const parsed = chains.base as ChainSection;
  return solverConfig({ chain: chainOf("base", parsed), ...(parsed.solver === undefined ? {} : { solver: parsed.solver }) }).search;
};

test("cycles begin in the wrapped native coin alone where nothing else is said", () => {
  expect(searchOf()).toMatchObject({ startToken: base.wrappedNative, otherStarts: [], maxAmountsIn: {} });
});

test("and then in the tokens that are named, in their order, with no more than the lender has", () => {
  const search = searchOf([
    { token: USDC, maxAmountIn: "5000000000000" },
    { token: DAI, maxAmountIn: "9000000000000000000000000" },
  ]);
  expect(search.otherStarts).toEqual([USDC, DAI]);
  expect(search.maxAmountsIn).toEqual({ [USDC]: 5_000_000_000_000n, [DAI]: 9_000_000_000_000_000_000_000_000n });
});

test("the native coin itself, a token twice, and amounts that are none are refused", () => {
  expect(() => searchOf([{ token: base.wrappedNative, maxAmountIn: "1" }])).toThrow(UserError);
  expect(() => searchOf([USDC, USDC].map((token) => ({ token, maxAmountIn: "1" })))).toThrow("named twice");
  for (const maxAmountIn of ["-1", "1e18", ""]) expect(() => searchOf([{ token: USDC, maxAmountIn }])).toThrow("startTokens");
});
