/** Real contracts for the tests: compiled out of published packages, which stay where npm put them. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { invariant } from "#libs/units/invariant.ts";

const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const CACHE = path.join(MODULES, ".cache/solidly-contracts");
const AERODROME = "sphere-mezo-solidity-files/domains/aerodrome/contracts";

export interface Compiled {
  readonly abi: object[];
  readonly bytecode: string;
}

interface Solc {
  version(): string;
  compile(input: string, callbacks: { import(path: string): { contents: string } | { error: string } }): string;
}

interface SolcOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: Record<string, Record<string, { abi: object[]; evm: { bytecode: { object: string } } }>>;
}

/** A contract of this file, which imports what it likes out of node_modules. The compiler takes seconds, so what it gives is kept until the sources change. */
function compile(file: string, text: string, name: string): Compiled {
  const solc = createRequire(import.meta.url)("solc") as Solc;
  const settings = {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { [name]: ["abi", "evm.bytecode.object"] } },
  };
  const key = createHash("sha256")
    .update(JSON.stringify([solc.version(), settings, file, text]))
    .digest("hex")
    .slice(0, 16);
  const cached = path.join(CACHE, `${name}-${key}.json`);
  if (existsSync(cached)) return JSON.parse(readFileSync(cached, "utf8")) as Compiled;
  const input = { language: "Solidity", sources: { [file]: { content: text } }, settings };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (imported) => ({ contents: readFileSync(path.join(MODULES, imported), "utf8") }) }),
  ) as SolcOutput;
  const failures = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (failures.length > 0) throw new Error(failures.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const contract = output.contracts?.[file]?.[name];
  invariant(contract, `${file} has no contract ${name}`);
  const compiled = { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(cached, JSON.stringify(compiled));
  return compiled;
}

/** Aerodrome's Pool or PoolFactory. */
export function compileAerodrome(name: "Pool" | "PoolFactory"): Compiled {
  const file = `${AERODROME}/${name === "Pool" ? "Pool.sol" : "factories/PoolFactory.sol"}`;
  return compile(file, readFileSync(path.join(MODULES, file), "utf8"), name);
}

/**
 * The curve of Solidly's own pairs. Trident's StablePool keeps it unchanged but for its scale of 1e12 in place of 1e18, and for leaving sums unchecked where
 * Solidity 0.8 checks them: both are put back in the text of its functions, which is wrapped in a contract that answers many questions at once.
 */
export function compileSolidlyCurve(): Compiled {
  const file = "@sushiswap/trident/contracts/pool/stable/StablePool.sol";
  const text = readFileSync(path.join(MODULES, file), "utf8");
  const functions = ["_k", "_f", "_d", "_get_y", "_getAmountOut"].map((name) => {
    const [found] = new RegExp(`\\n    function ${name}\\([^]*?\\n    }\\n`).exec(text) ?? [];
    invariant(found?.includes("1e12") === true, `${file} has no function ${name} of that scale`);
    return found.replaceAll("1e12", "1e18").replaceAll("unchecked {", "{");
  });
  return compile(
    "SolidlyCurve.sol",
    `// SPDX-License-Identifier: GPL-3.0-or-later\npragma solidity 0.8.37;\n${wrapped(functions.join(""))}`,
    "SolidlyCurve",
  );
}

/**
 * Words of a question: reserves, units of the tokens, fee in 1e-4, whether token0 comes in, amount in. Words of an answer: whether there is one, and it.
 *
 * The empty `catch` drops nothing: where the curve reverts (a sum past 2^256, a division by nothing) the answer stays 0, 0, which says so, and our curve has to
 * refuse the same question. One revert would else take all the others' answers with it.
 */
const wrapped = (functions: string) => `
contract SolidlyCurve {
  uint256 private constant MAX_FEE = 10000;
  uint256 private decimals0;
  uint256 private decimals1;
  uint256 private swapFee;
  function ask(uint256[7][] calldata questions) external returns (uint256[2][] memory answers) {
    answers = new uint256[2][](questions.length);
    for (uint256 i = 0; i < questions.length; i++)
      try this.one(questions[i]) returns (uint256 amountOut) { answers[i] = [1, amountOut]; } catch {} // refused: [0, 0]
  }
  function one(uint256[7] calldata question) external returns (uint256) {
    (decimals0, decimals1, swapFee) = (question[2], question[3], question[4]);
    return _getAmountOut(question[6], question[0], question[1], question[5] == 1);
  }
  ${functions}
}`;
