/** Slipstream's own contracts for the tests, compiled out of a published package, which stays where npm put it. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Contract, ContractFactory, type InterfaceAbi, type JsonRpcSigner } from "ethers";
import { invariant } from "#libs/units/invariant.ts";

const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const CACHE = path.join(MODULES, ".cache/slipstream-contracts");
const CORE = "sphere-mezo-solidity-files/domains/aerodrome-slipstream/contracts/core";

/**
 * Everything that the factory and its pools ask of the rest of the protocol: a voter, its registry, the gauge and its factory in one. It lets anyone act as
 * the gauge, which takes over positions that are staked.
 */
const PROTOCOL = `
contract Protocol {

    bool public alive;
    function factoryRegistry() external view returns (address) { return address(this); }
    function factoriesToPoolFactory(address) external view returns (address, address) { return (address(this), address(this)); }
    function gauges(address) external view returns (address) { return alive ? address(this) : address(0); }
    function isAlive(address) external view returns (bool) { return alive; }
    function getPool(address, address, int24) external pure returns (address) { return address(0); }
    function setAlive(bool alive_) external { alive = alive_; }
    function execute(address target, bytes calldata data) external {
        (bool ok, bytes memory answer) = target.call(data);
        require(ok, string(answer));
    }
}`;

const SOURCE = `// SPDX-License-Identifier: GPL-2.0-or-later
pragma solidity =0.7.6;
import "${CORE}/CLFactory.sol";
import "${CORE}/fees/CustomSwapFeeModule.sol";
import "${CORE}/fees/DynamicSwapFeeModule.sol";
${PROTOCOL}
`;

export type SlipstreamContract = "CLFactory" | "CLPool" | "CustomSwapFeeModule" | "DynamicSwapFeeModule" | "Protocol";

interface Compiled {
  readonly abi: InterfaceAbi;
  readonly evm: { readonly bytecode: { readonly object: string } };
}
type Contracts = Record<SlipstreamContract, Compiled>;

interface Solc {
  version(): string;
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
}

/** The compiler takes seconds, so what it gives is kept until the text above changes. */
function compiled(): Contracts {
  const settings = {
    optimizer: { enabled: true, runs: 200 },
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  };
  const { version } = JSON.parse(readFileSync(path.join(MODULES, "sphere-mezo-solidity-files/package.json"), "utf8")) as {
    version: string;
  };
  const key = createHash("sha256")
    .update(JSON.stringify([version, settings, SOURCE]))
    .digest("hex")
    .slice(0, 16);
  const cached = path.join(CACHE, `${key}.json`);
  if (existsSync(cached)) return JSON.parse(readFileSync(cached, "utf8")) as Contracts;
  const solc = createRequire(import.meta.url)("solc07") as Solc;
  const input = { language: "Solidity", sources: { "Test.sol": { content: SOURCE } }, settings };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (file) => ({ contents: readFileSync(path.join(MODULES, file), "utf8") }) }),
  ) as { errors?: { severity: string; formattedMessage: string }[]; contracts: Record<string, Record<string, Compiled>> };
  const failures = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (failures.length > 0) throw new Error(failures.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const all = Object.assign({}, ...Object.values(output.contracts)) as Record<string, Compiled>;
  const wanted: SlipstreamContract[] = ["CLFactory", "CLPool", "CustomSwapFeeModule", "DynamicSwapFeeModule", "Protocol"];
  const contracts = Object.fromEntries(
    wanted.map((name) => {
      const contract = all[name];
      invariant(contract !== undefined, `no contract ${name}`);
      return [name, contract];
    }),
  ) as Contracts;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(cached, JSON.stringify(contracts));
  return contracts;
}

export async function deploySlipstream(signer: JsonRpcSigner, name: SlipstreamContract, args: readonly unknown[]): Promise<Contract> {
  const { abi, evm } = compiled()[name];
  const contract = await new ContractFactory(abi, evm.bytecode.object, signer).deploy(...args);
  await contract.waitForDeployment();
  return new Contract(await contract.getAddress(), abi, signer);
}
