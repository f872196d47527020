/** A throw-away anvil for tests, and the published protocols to deploy on it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Contract, ContractFactory, type InterfaceAbi, JsonRpcProvider, type JsonRpcSigner } from "ethers";
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
  const provider = new JsonRpcProvider(url, undefined, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20, batchMaxCount: 1 });
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
