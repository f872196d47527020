/**
 * The bundle relay of the local chain: JSON-RPC over HTTP on the loopback interface, with the methods, parameters and signatures of the Flashbots relay.
 *
 * Source: docs.flashbots.net (JSON-RPC endpoints) and recorded request and answer pairs of that relay.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AbiCoder, keccak256, toUtf8Bytes, verifyMessage } from "ethers";
import { toHex } from "#libs/evm/hex.ts";
import type { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress, asHash } from "#libs/units/brand.ts";
import type { Builder } from "./builder.ts";
import { BUNDLE_BLOCKS_AHEAD_MAX } from "./builder.ts";
import { type BundleParameters, checkExecutable, noncesOf, parseBundle, priorityFeePerGas, simulate } from "./bundle.ts";
import { CHAIN_ID } from "./genesis.ts";

/** Twice the largest bundle as hex, and its envelope. */
const BODY_BYTES_MAX = 1_000_000;

/** JSON-RPC 2.0, and -32000 for what a server refuses for reasons of its own. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMETERS = -32_602;
const REFUSED = -32_000;

/** What the relay's one builder is called in statistics: a BLS key's shape, not a key. */
const BUILDER_PUBKEY = `0x${"b0bb1e".repeat(16)}`;

class RelayError extends Error {
  readonly rpcCode: number;
  readonly httpStatus: number;
  constructor(rpcCode: number, message: string, httpStatus = 200) {
    super(message);
    this.rpcCode = rpcCode;
    this.httpStatus = httpStatus;
  }
}

export interface Relay {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startRelay(options: { rpc: RpcClient; builder: Builder; port: number }): Promise<Relay> {
  const methods = relayMethods(options.rpc, options.builder);
  const server = createServer((request, response) => void answer(request, response, methods));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Method = (parameters: Readonly<Record<string, unknown>>) => Promise<unknown>;

async function answer(request: IncomingMessage, response: ServerResponse, methods: Readonly<Record<string, Method>>): Promise<void> {
  let id: unknown = null;
  const reply = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
  };
  try {
    if (request.method !== "POST") throw new RelayError(INVALID_REQUEST, "only POST is supported", 405);
    const body = await readBody(request);
    requireSignature(request.headers["x-flashbots-signature"], body);
    const call = parseCall(body);
    id = call.id;
    const method = Object.hasOwn(methods, call.method) ? methods[call.method] : undefined;
    if (method === undefined) throw new RelayError(METHOD_NOT_FOUND, `the method ${call.method} does not exist/is not available`);
    reply(200, { result: await method(call.parameters) });
  } catch (error) {
    if (error instanceof RelayError) reply(error.httpStatus, { error: { code: error.rpcCode, message: error.message } });
    else reply(500, { error: { code: REFUSED, message: error instanceof Error ? error.message : "internal error" } });
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new RelayError(INVALID_REQUEST, `a request has at most ${BODY_BYTES_MAX} bytes`, 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The header is `address:signature`; the signature is EIP-191 over the hex text of keccak256(body). Who signs is of no consequence, only that they did. */
export function signerOf(header: string, body: string): Address | undefined {
  const [claimed = "", signature = ""] = header.split(":");
  try {
    const signer = asAddress(verifyMessage(keccak256(toUtf8Bytes(body)), signature));
    return signer === asAddress(claimed) ? signer : undefined;
  } catch {
    return undefined;
  }
}

function requireSignature(header: string | string[] | undefined, body: string): void {
  if (typeof header !== "string") throw new RelayError(INVALID_REQUEST, "missing X-Flashbots-Signature header", 401);
  if (signerOf(header, body) === undefined) throw new RelayError(INVALID_REQUEST, "error validating signer address", 401);
}

function parseCall(body: string): { id: unknown; method: string; parameters: Readonly<Record<string, unknown>> } {
  let call: { id?: unknown; method?: unknown; params?: unknown };
  try {
    call = JSON.parse(body) as typeof call;
  } catch {
    throw new RelayError(PARSE_ERROR, "the body is not JSON", 400);
  }
  if (typeof call !== "object" || call === null || typeof call.method !== "string")
    throw new RelayError(INVALID_REQUEST, "not a JSON-RPC request", 400);
  const parameters = Array.isArray(call.params) ? call.params[0] : undefined;
  if (typeof parameters !== "object" || parameters === null) throw new RelayError(INVALID_PARAMETERS, "params must hold one object");
  return { id: call.id ?? null, method: call.method, parameters: parameters as Readonly<Record<string, unknown>> };
}

function relayMethods(rpc: RpcClient, builder: Builder): Readonly<Record<string, Method>> {
  const requireBundle = (parameters: BundleParameters) => {
    const parsed = parseBundle(parameters, CHAIN_ID);
    if (parsed.ok) return parsed.value;
    throw new RelayError(INVALID_PARAMETERS, parsed.error.message);
  };
  return {
    eth_sendBundle: async (parameters) => {
      const bundle = requireBundle(parameters);
      const head = builder.head.number;
      if (bundle.blockNumber <= head) throw new RelayError(REFUSED, `block ${bundle.blockNumber} is in the past: the head is ${head}`);
      if (bundle.blockNumber > head + BUNDLE_BLOCKS_AHEAD_MAX) {
        throw new RelayError(REFUSED, `block ${bundle.blockNumber} is more than ${BUNDLE_BLOCKS_AHEAD_MAX} blocks ahead`);
      }
      if (bundle.maxTimestamp !== undefined && bundle.maxTimestamp < builder.head.timestamp)
        throw new RelayError(REFUSED, "maxTimestamp is in the past");
      // A nonce that is too high may become right by the time; one that was used never will.
      const nonces = await noncesOf(
        rpc,
        bundle.transactions.map(({ from }) => from),
        "latest",
      );
      for (const { from, parsed, hash } of bundle.transactions) {
        const state = nonces.get(from) ?? 0;
        if (parsed.nonce < state)
          throw new RelayError(REFUSED, `nonce too low: address ${from}, tx: ${parsed.nonce} state: ${state}; txhash ${hash}`);
      }
      builder.addBundle(bundle);
      return { bundleHash: bundle.bundleHash };
    },

    eth_callBundle: async (parameters) => {
      const bundle = requireBundle(parameters);
      const { stateBlockNumber = "latest", timestamp } = parameters;
      if (typeof stateBlockNumber !== "string")
        throw new RelayError(INVALID_PARAMETERS, "stateBlockNumber must be a block tag or a hex quantity");
      const head = builder.head;
      const stateBlock = /^0x[0-9a-f]+$/i.test(stateBlockNumber) ? Number(stateBlockNumber) : head.number;
      if (stateBlock > head.number) throw new RelayError(REFUSED, `unknown state block ${stateBlock}: the head is ${head.number}`);
      if (bundle.blockNumber <= stateBlock)
        throw new RelayError(REFUSED, `block ${bundle.blockNumber} is not after its state block ${stateBlock}`);
      const context = await builder.contextFor(bundle.blockNumber, {
        stateBlock: toHex(stateBlock),
        ...(typeof timestamp === "number" ? { timestamp } : {}),
      });
      const nonces = await noncesOf(
        rpc,
        bundle.transactions.map(({ from }) => from),
        context.stateBlock,
      );
      const failure = checkExecutable(bundle.transactions, nonces, context.baseFeePerGas);
      if (failure !== undefined) throw new RelayError(REFUSED, `err: ${failure.message}`);
      const simulation = await simulate(rpc, bundle.transactions, context);
      if (!simulation.ok) throw new RelayError(REFUSED, `err: ${simulation.error.message}`);

      const { transactions, gasUsed, coinbaseDiff } = simulation.value;
      const gasFees = transactions.reduce((sum, result) => sum + result.priorityFee, 0n);
      return {
        bundleGasPrice: (gasUsed === 0n ? 0n : coinbaseDiff / gasUsed).toString(),
        bundleHash: bundle.bundleHash,
        coinbaseDiff: coinbaseDiff.toString(),
        ethSentToCoinbase: (coinbaseDiff - gasFees).toString(),
        gasFees: gasFees.toString(),
        results: transactions.map((result, index) => {
          const { parsed, from } = bundle.transactions[index] ?? {};
          return {
            coinbaseDiff: result.coinbaseDiff.toString(),
            ethSentToCoinbase: (result.coinbaseDiff - result.priorityFee).toString(),
            fromAddress: from,
            gasFees: result.priorityFee.toString(),
            gasPrice: (parsed === undefined ? 0n : (priorityFeePerGas(parsed, context.baseFeePerGas) ?? 0n)).toString(),
            gasUsed: Number(result.gasUsed),
            toAddress: parsed?.to ?? null,
            txHash: result.hash,
            ...(result.ok ? { value: result.returnData } : { error: "execution reverted", revert: revertReason(result.returnData) }),
          };
        }),
        stateBlockNumber: stateBlock,
        totalGasUsed: Number(gasUsed),
      };
    },

    flashbots_getBundleStatsV2: async ({ bundleHash, blockNumber }) => {
      if (typeof bundleHash !== "string" || typeof blockNumber !== "string")
        throw new RelayError(INVALID_PARAMETERS, "bundleHash and blockNumber are needed");
      const record = /^0x[0-9a-f]{64}$/i.test(bundleHash) ? builder.bundleRecord(asHash(bundleHash), Number(blockNumber)) : undefined;
      if (record === undefined) return { isSimulated: false };
      const entry = (at: Date | undefined): object[] => (at === undefined ? [] : [{ pubkey: BUILDER_PUBKEY, timestamp: at.toISOString() }]);
      return {
        isHighPriority: true,
        isSimulated: record.simulatedAt !== undefined,
        ...(record.simulatedAt === undefined ? {} : { simulatedAt: record.simulatedAt.toISOString() }),
        receivedAt: record.receivedAt.toISOString(),
        consideredByBuildersAt: entry(record.consideredAt),
        sealedByBuildersAt: entry(record.sealedAt),
      };
    },
  };
}

const ERROR_STRING = "0x08c379a0";

/** The message of `Error(string)`, else the bare return data. */
function revertReason(returnData: string): string {
  if (!returnData.startsWith(ERROR_STRING)) return returnData;
  try {
    return String(AbiCoder.defaultAbiCoder().decode(["string"], `0x${returnData.slice(10)}`)[0]);
  } catch {
    return returnData;
  }
}
