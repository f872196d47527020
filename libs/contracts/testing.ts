/** A throw-away anvil for tests, and the published protocols to deploy on it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Contract, ContractFactory, type InterfaceAbi, JsonRpcProvider, type JsonRpcSigner, type TransactionReceipt } from "ethers";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { artifact, type Hex } from "./artifact.ts";

const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));

export interface TestChain {
  readonly url: string;
  readonly provider: JsonRpcProvider;
  readonly signer: JsonRpcSigner;
  stop(): Promise<void>;
}

const RECEIPT_TRIES = 100;
const RECEIPT_MS = 5;

/**
 * Waits a moment for a receipt. Ethers' `wait` asks once and then listens for the next block: a transaction that is mined in between, on a chain that mines only
 * when asked to, is waited for for ever.
 */
class TestProvider extends JsonRpcProvider {
  override async getTransactionReceipt(hash: string): Promise<TransactionReceipt | null> {
    for (let tries = 0; ; tries++) {
      const receipt = await super.getTransactionReceipt(hash);
      if (receipt !== null || tries === RECEIPT_TRIES) return receipt;
      await new Promise((resolve) => setTimeout(resolve, RECEIPT_MS));
    }
  }
}

/** Starts anvil on a free port and waits until it listens. Always `stop()` it: it is ended by its own process id, with SIGTERM. */
export async function startTestChain(args: readonly string[] = []): Promise<TestChain> {
  const platform = `anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const anvil: ChildProcess = spawn(path.join(MODULES, "@foundry-rs", platform, "bin", "anvil"), ["--port", "0", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  invariant(anvil.stdout !== null, "anvil without output");
  const exited = once(anvil, "exit");
  const { stdout } = anvil;
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    // Stays for good: anvil logs every request, and stops when nobody empties the pipe.
    stdout.on("data", (chunk: Buffer) => {
      if (text.length < 100_000) text += chunk.toString();
      const listening = /Listening on (\S+)\n/.exec(text);
      if (listening !== null) resolve(`http://${listening[1]}`);
    });
    stdout.once("end", () => reject(new Error(`anvil ended before it listened: ${text}`)));
  });
  const provider = new TestProvider(url, undefined, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20, batchMaxCount: 1 });
  return {
    url,
    provider,
    signer: await provider.getSigner(0),
    async stop() {
      provider.destroy();
      anvil.kill("SIGTERM");
      await exited;
    },
  };
}

interface PublishedArtifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
}

/** Deploys a truffle- or hardhat-style artifact out of `node_modules`. */
export async function deployPublished(signer: JsonRpcSigner, file: string, args: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = JSON.parse(readFileSync(path.join(MODULES, file), "utf8")) as PublishedArtifact;
  return deployed(abi, bytecode, signer, args);
}

/** Balancer publishes ABI and creation code in files of their own. */
export async function deployBalancer(signer: JsonRpcSigner, task: string, name: string, args: readonly unknown[]): Promise<Contract> {
  const folder = path.join(MODULES, "@balancer-labs/v2-deployments/dist/tasks", task);
  const abi = JSON.parse(readFileSync(path.join(folder, "abi", `${name}.json`), "utf8")) as InterfaceAbi;
  const { creationCode } = JSON.parse(readFileSync(path.join(folder, "bytecode", `${name}.json`), "utf8")) as { creationCode: string };
  return deployed(abi, creationCode, signer, args);
}

export async function deployOurs(signer: JsonRpcSigner, name: string, args: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = artifact(name);
  return deployed(JSON.stringify(abi), bytecode, signer, args);
}

const DOUBLES = "Doubles.sol";
let doubles: Record<string, { readonly abi: InterfaceAbi; readonly evm: { readonly bytecode: { readonly object: string } } }> | undefined;

/** Compiles and deploys a contract of test/Doubles.sol, which nothing but tests may use and which therefore has no artifact. */
export async function deployDouble(signer: JsonRpcSigner, name: string, args: readonly unknown[]): Promise<Contract> {
  if (doubles === undefined) {
    const solc = createRequire(import.meta.url)("solc") as { compile(input: string): string };
    const input = {
      language: "Solidity",
      sources: { [DOUBLES]: { content: readFileSync(new URL(`test/${DOUBLES}`, import.meta.url), "utf8") } },
      settings: { evmVersion: "cancun", optimizer: { enabled: true }, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } },
    };
    doubles = (JSON.parse(solc.compile(JSON.stringify(input))) as { contracts: Record<string, typeof doubles> }).contracts[DOUBLES];
  }
  const double = doubles?.[name];
  invariant(double !== undefined, `no contract ${name} in ${DOUBLES}`);
  return deployed(double.abi, `0x${double.evm.bytecode.object}`, signer, args);
}

/** Creation code of a published artifact, for contracts that only another contract can deploy. */
export function publishedCode(file: string): string {
  return (JSON.parse(readFileSync(path.join(MODULES, file), "utf8")) as PublishedArtifact).bytecode;
}

async function deployed(abi: InterfaceAbi, bytecode: string, signer: JsonRpcSigner, args: readonly unknown[]): Promise<Contract> {
  const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  await contract.waitForDeployment();
  return new Contract(await contract.getAddress(), abi, signer);
}

export async function addressOf(contract: Contract): Promise<Address> {
  return asAddress(await contract.getAddress());
}

/** A method of an untyped contract. */
export function method(contract: Contract, name: string) {
  return contract.getFunction(name);
}

/** `eth_call` of creation code at the head, as the lens needs it. */
export function callCreation(provider: JsonRpcProvider, gas?: bigint): (data: Hex) => Promise<string> {
  return (data) => provider.send("eth_call", [{ data, ...(gas === undefined ? {} : { gas: `0x${gas.toString(16)}` }) }, "latest"]);
}
