/** A minimal JSON-RPC client for the chain next door: one endpoint, no retries, batches as they are given. */

import { RetryableError } from "#libs/units/invariant.ts";

/** The node answered with an error. Its message is the node's own. */
export class RpcError extends Error {
  override name = "RpcError";
  readonly method: string;
  readonly rpcCode: number;
  readonly data: unknown;
  constructor(method: string, error: { code: number; message: string; data?: unknown }) {
    super(`${method}: ${error.message}`);
    this.method = method;
    this.rpcCode = error.code;
    this.data = error.data;
  }
}

export interface RpcCall {
  readonly method: string;
  readonly params?: readonly unknown[];
}

interface RpcAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { code: number; message: string; data?: unknown };
}

/** Longer than the slowest call there is: mining one block of the market load on a busy machine. */
const RPC_TIMEOUT_MS = 60_000;

export class RpcClient {
  readonly url: string;
  #nextId = 1;

  constructor(url: string) {
    this.url = url;
  }

  /** Throws `RpcError` when the node refuses, `RetryableError` when it cannot be reached. */
  async request<Answer>(method: string, params: readonly unknown[] = []): Promise<Answer> {
    const answer = (await this.#post({ jsonrpc: "2.0", id: this.#nextId++, method, params })) as RpcAnswer;
    if (answer.error) throw new RpcError(method, answer.error);
    return answer.result as Answer;
  }

  /** Answers in the order of the calls, but anvil executes a batch in any order. Throws on the first one that failed. */
  async batch<Answer>(calls: readonly RpcCall[]): Promise<Answer[]> {
    if (calls.length === 0) return [];
    const firstId = this.#nextId;
    this.#nextId += calls.length;
    const body = calls.map(({ method, params = [] }, index) => ({ jsonrpc: "2.0", id: firstId + index, method, params }));
    const answers = new Map(((await this.#post(body)) as RpcAnswer[]).map((answer) => [answer.id, answer]));
    return calls.map(({ method }, index) => {
      const answer = answers.get(firstId + index);
      if (answer === undefined) throw new RetryableError("rpc-unanswered", `${method}: no answer in the batch`);
      if (answer.error) throw new RpcError(method, answer.error);
      return answer.result as Answer;
    });
  }

  async #post(body: unknown): Promise<unknown> {
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(RPC_TIMEOUT_MS),
      });
      return await response.json();
    } catch (cause) {
      throw new RetryableError("rpc-unreachable", `no answer from ${this.url}`, { cause });
    }
  }
}

export const toQuantity = (value: bigint | number): `0x${string}` => `0x${value.toString(16)}`;
