import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import {
  age,
  approximateCoins,
  compactUnits,
  count,
  exactDecimal,
  exactUnits,
  shareOfOne,
  shortDecimal,
  shortUnits,
  signed,
  signedPercent,
} from "./format.ts";

const amounts = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });

property.prop([amounts, fc.integer({ min: 0, max: 24 })])("an exact amount reads back as the number it was", (amount, decimals) => {
  const text = exactUnits(amount.toString(), decimals).replaceAll(",", "").replace("−", "-");
  const [whole = "", fraction = ""] = text.split(".");
  expect(BigInt(whole + fraction.padEnd(decimals, "0"))).toBe(amount);
});

property.prop([amounts, fc.integer({ min: 0, max: 24 }), fc.integer({ min: 1, max: 8 })])(
  "a shortened amount is never further from zero than the exact one",
  (amount, decimals, shown) => {
    const short = shortUnits(amount.toString(), decimals, shown);
    if (short.includes("<")) return;
    const [whole = "", fraction = ""] = short.replace(/[,−]/g, "").split(".");
    const magnitude = amount < 0n ? -amount : amount;
    const read = BigInt(whole + fraction) * 10n ** BigInt(decimals - fraction.length);
    expect(read <= magnitude && magnitude - read < 10n ** BigInt(decimals - fraction.length)).toBe(true);
  },
);

test("amounts that doubles cannot hold keep their last digit", () => {
  expect(exactUnits("9007199254740993000000000000000001", 18)).toBe("9,007,199,254,740,993.000000000000000001");
  expect(exactUnits("-1500000", 6)).toBe("−1.5");
});

test("what is too small to show is not shown as nothing", () => {
  expect(shortUnits("1", 18, 4)).toBe("<0.0001");
  expect(shortUnits("-1", 18, 4)).toBe("−<0.0001");
  expect(shortUnits("0", 18, 4)).toBe("0.0000");
});

test("compact amounts keep about five digits at every size", () => {
  expect(compactUnits("12345678900000000000000", 18)).toBe("12,345");
  expect(compactUnits("1234567890000000000", 18)).toBe("1.2345");
  expect(compactUnits("12345000000000000", 18)).toBe("0.01234");
  expect(compactUnits("1999999", 6)).toBe("1.9999");
});

const decimals = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: 0, max: 30 }))
  .map(([digits, places]) => exactUnits(`${digits}`, places).replaceAll(",", ""));

property.prop([decimals])("a shortened decimal is never above the exact one, and short of it by less than one in 10,000", (text) => {
  const short = Number(shortDecimal(text).replaceAll(",", "").replace("−", "-"));
  const exact = Number(text);
  expect(short).toBeLessThanOrEqual(exact * (1 + 1e-15));
  // The whole part stays whole, however long it is.
  expect(exact - short).toBeLessThan(exact === 0 ? 1 : Math.max(exact * 1.0001e-4, exact >= 1e5 ? 1 : 0));
  expect(exactDecimal(text).replaceAll(",", "")).toBe(text);
});

test("prices keep five digits from thousands to dust", () => {
  expect(
    ["0", "1", "3119.987", "1234567890.9", "0.99996", "0.00032051", "0.000012897999", "0.000000004137"].map((text) => shortDecimal(text)),
  ).toEqual(["0", "1.0000", "3,119.9", "1,234,567,890", "0.99996", "0.00032051", "1.2897e−5", "4.1370e−9"]);
  expect(exactDecimal("1234567.1234567")).toBe("1,234,567.1234567");
});

test("deviations have a sign where something is left, shares of one are cut", () => {
  expect([0.0012, -0.034, 0.00001, -0.00001, 0].map((share) => signedPercent(share))).toEqual([
    "+0.12 %",
    "−3.40 %",
    "0.00 %",
    "0.00 %",
    "0.00 %",
  ]);
  expect([1, 0.998, 0.29, 0].map(shareOfOne)).toEqual(["1.00", "0.99", "0.29", "0.00"]);
});

test("small things", () => {
  expect(signed("1.5", "15")).toBe("+1.5");
  expect(count(1_234_567)).toBe("1,234,567");
  expect([age(400), age(12_000), age(180_000), age(7_200_000)]).toEqual(["0.4 s", "12 s", "3 min", "2 h"]);
  expect(approximateCoins("-1500000000000000000")).toBe(-1.5);
});
