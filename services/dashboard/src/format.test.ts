import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { age, approximateCoins, compactUnits, count, exactUnits, shortUnits, signed } from "./format.ts";

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

test("small things", () => {
  expect(signed("1.5", "15")).toBe("+1.5");
  expect(count(1_234_567)).toBe("1,234,567");
  expect([age(400), age(12_000), age(180_000), age(7_200_000)]).toEqual(["0.4 s", "12 s", "3 min", "2 h"]);
  expect(approximateCoins("-1500000000000000000")).toBe(-1.5);
});
