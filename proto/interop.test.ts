import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { encode } from "#proto/codec.ts";
import type { BodyOf } from "#proto/subjects.ts";

// Debian's package belongs to Debian's interpreter, which need not be the first on PATH.
const python = ["/usr/bin/python3", "python3"].find((candidate) => spawnSync(candidate, ["-c", "import msgpack"]).status === 0);
if (python === undefined)
  console.log("no python3 with msgpack, so its decoder is not tried: apt-get install -y --no-install-recommends python3-msgpack");

const hash = (digit: string) => `0x${digit.repeat(64)}`;
const address = (digit: string) => `0x${digit.repeat(40)}`;

test.skipIf(python === undefined)("Python's msgpack reads what we write, to the last digit", () => {
  const body: BodyOf<"poolChanged"> = {
    kind: "pool-changed",
    v: 1,
    chainId: 8453,
    blockNumber: 4_294_967_297,
    blockHash: hash("a"),
    observedAtMs: 1_790_000_000_123,
    causeId: null,
    dex: "uniswap-v3",
    epoch: 1,
    reason: "block",
    causeSequence: 2 ** 40,
    states: {
      family: "uniswap-v3",
      rows: [
        [
          address("b"),
          (2n ** 160n - 1n).toString(),
          -887_272,
          (2n ** 128n - 1n).toString(),
          500,
          500,
          [[-60, (-(2n ** 127n)).toString(), (2n ** 127n).toString()]],
        ],
      ],
    },
    removed: [address("c")],
  };
  const program = "import sys, json, msgpack; print(json.dumps(msgpack.unpackb(sys.stdin.buffer.read())))";
  const { stdout, stderr } = spawnSync(python as string, ["-c", program], { input: encode("poolChanged", body) });
  expect(stderr.toString()).toBe("");
  expect(JSON.parse(stdout.toString())).toEqual(body);
});
