import { fc, test } from "@fast-check/vitest";
import { AbiCoder, id } from "ethers";
import { expect } from "vitest";
import { balanceChanges, executedEvent, type ReceiptLog } from "#libs/ledger/settlement.ts";

const address = (index: number) => `0x${index.toString(16).padStart(40, "0")}`;
const topic = (text: string) => `0x${text.slice(2).padStart(64, "0")}`;
const words = (...values: readonly bigint[]) =>
  AbiCoder.defaultAbiCoder().encode(
    values.map(() => "uint256"),
    values,
  );

const HOLDER = address(1);
const OTHER = address(2);
const TOKEN = address(100);
const WETH = address(101);

const transfer = (token: string, from: string, to: string, amount: bigint): ReceiptLog => ({
  address: token,
  topics: [id("Transfer(address,address,uint256)"), topic(from), topic(to)],
  data: words(amount),
});
const withdrawal = (token: string, holder: string, amount: bigint): ReceiptLog => ({
  address: token,
  topics: [id("Withdrawal(address,uint256)"), topic(holder)],
  data: words(amount),
});

test("what came in less what went out, by token", () => {
  const logs = [transfer(TOKEN, OTHER, HOLDER, 70n), transfer(TOKEN, HOLDER, OTHER, 30n), transfer(WETH, HOLDER, OTHER, 5n)];
  expect(balanceChanges(logs, HOLDER)).toEqual(
    new Map([
      [TOKEN, 40n],
      [WETH, -5n],
    ]),
  );
});

test("transfers between others, to oneself, and tokens that came out even change nothing", () => {
  const logs = [
    transfer(TOKEN, OTHER, address(3), 9n),
    transfer(TOKEN, HOLDER, HOLDER, 9n),
    transfer(WETH, HOLDER, OTHER, 9n),
    transfer(WETH, OTHER, HOLDER, 9n),
  ];
  expect(balanceChanges(logs, HOLDER)).toEqual(new Map());
});

test("coins that the holder unwrapped are gone, without a Transfer", () => {
  const logs = [transfer(WETH, OTHER, HOLDER, 100n), withdrawal(WETH, HOLDER, 30n), withdrawal(WETH, OTHER, 1_000n)];
  expect(balanceChanges(logs, HOLDER)).toEqual(new Map([[WETH, 70n]]));
});

test("a token is the same in either case of its address", () => {
  const [lower, upper] = [`0x${"ab".repeat(20)}`, `0x${"AB".repeat(20)}`];
  const logs = [transfer(lower, OTHER, HOLDER, 1n), transfer(upper, OTHER, HOLDER, 2n)];
  expect(balanceChanges(logs, HOLDER)).toEqual(new Map([[lower, 3n]]));
});

test("the transfer of a single piece (ERC-721) is no amount", () => {
  const piece = { address: TOKEN, topics: [id("Transfer(address,address,uint256)"), topic(OTHER), topic(HOLDER), words(5n)], data: "0x" };
  expect(balanceChanges([piece], HOLDER)).toEqual(new Map());
});

const movement = fc.record({
  token: fc.integer({ min: 100, max: 103 }).map(address),
  from: fc.integer({ min: 1, max: 4 }).map(address),
  to: fc.integer({ min: 1, max: 4 }).map(address),
  amount: fc.bigInt(0n, 2n ** 255n),
});

test.prop([fc.array(movement, { maxLength: 30 })])(
  "equals a ledger of balances kept beside the logs, and nothing is made from nothing",
  (movements) => {
    const balances = new Map<string, bigint>();
    for (const { token, from, to, amount } of movements) {
      balances.set(`${token} ${from}`, (balances.get(`${token} ${from}`) ?? 0n) - amount);
      balances.set(`${token} ${to}`, (balances.get(`${token} ${to}`) ?? 0n) + amount);
    }
    const logs = movements.map(({ token, from, to, amount }) => transfer(token, from, to, amount));
    const sums = new Map<string, bigint>();
    for (const holder of [1, 2, 3, 4].map(address)) {
      const changes = balanceChanges(logs, holder);
      for (const token of [100, 101, 102, 103].map(address)) {
        expect(changes.get(token) ?? 0n).toBe(balances.get(`${token} ${holder}`) ?? 0n);
        sums.set(token, (sums.get(token) ?? 0n) + (changes.get(token) ?? 0n));
      }
    }
    expect([...sums.values()].every((sum) => sum === 0n)).toBe(true);
  },
);

test("our contract's own account of a trade is read from its event, and only from its own", () => {
  const executionId = `0x${"12".repeat(32)}`;
  const contract = `0x${"cd".repeat(20)}`;
  const event = (emitter: string): ReceiptLog => ({
    address: emitter,
    topics: [id("Executed(bytes32,address,uint256,uint256)"), executionId, topic(WETH)],
    data: words(500n, 7n),
  });
  expect(executedEvent([transfer(WETH, OTHER, contract, 1n), event(contract.toUpperCase().replace("0X", "0x"))], contract)).toEqual({
    executionId,
    token: WETH,
    profit: 500n,
    builderPayment: 7n,
  });
  expect(executedEvent([event(OTHER)], contract)).toBeNull();
  expect(executedEvent([], contract)).toBeNull();
});
