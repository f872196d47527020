import { checkChainId, type HeadOptions, originOf, type Rpc, RpcClient } from "#libs/evm/rpc.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

/** Endpoints are listed in order of preference: so long after leaving one the better ones are tried again. */
const PREFER_AGAIN_MS = 30_000;
/** Between losing an endpoint's heads and asking the next for them, so that a dead network is not asked in a tight loop. */
const HEADS_PAUSE_MS = 250;

/**
 * Several endpoints of one chain as one: the first that answers is asked, until it fails. A fault moves on to the next and asks it the same; only when all have
 * failed is it the caller's. A refusal (`RpcError`) is an answer and moves nothing.
 */
export class Endpoints implements Rpc {
  readonly #clients: readonly RpcClient[];
  #current = 0;
  #leftFirstAtMs = 0;

  constructor(urls: readonly string[], chain: string) {
    if (urls.length === 0) throw new UserError(`chain ${chain} has no RPC endpoint`, "give at least one in chains.<key>.rpc");
    this.#clients = urls.map((url) => new RpcClient(url, chain));
  }

  /** The endpoint that is asked now. */
  get url(): string {
    return (this.#clients[this.#current] as RpcClient).url;
  }

  async send<Result>(method: string, params: readonly unknown[] = []): Promise<Result> {
    if (this.#current !== 0 && performance.now() - this.#leftFirstAtMs > PREFER_AGAIN_MS) this.#current = 0;
    for (let tried = 1; ; tried++) {
      const asked = this.#current;
      try {
        return await (this.#clients[asked] as RpcClient).send<Result>(method, params);
      } catch (cause) {
        if (!(cause instanceof RetryableError) || tried >= this.#clients.length) throw cause;
        this.#leave(asked);
      }
    }
  }

  /** Moves on, unless another call has done so meanwhile. */
  #leave(index: number): void {
    if (this.#current !== index) return;
    if (index === 0) this.#leftFirstAtMs = performance.now();
    this.#current = (index + 1) % this.#clients.length;
  }

  /** Heads of one endpoint at a time: those of two that disagree would look like reorganisations. */
  followHeads(onHead: (header: unknown) => void, options: HeadOptions): () => void {
    if (this.#clients.length === 1) return (this.#clients[0] as RpcClient).followHeads(onHead, options);
    let stop: () => void = () => {};
    let timer: NodeJS.Timeout | undefined;
    const follow = () => {
      const index = this.#current;
      stop = (this.#clients[index] as RpcClient).followHeads(onHead, {
        ...options,
        onFault: (cause) => {
          options.onFault(cause);
          stop();
          this.#leave(index);
          timer = setTimeout(follow, HEADS_PAUSE_MS);
        },
      });
    };
    follow();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }

  /** Throws `UserError` when an endpoint serves another chain or none can be reached. Those that cannot be reached while another can are told to `onFault`. */
  async check(chain: { readonly key: string; readonly chainId: number }, onFault: (cause: Error) => void): Promise<void> {
    const faults: Error[] = [];
    for (const client of this.#clients) {
      try {
        await checkChainId(client, chain);
      } catch (cause) {
        if (!(cause instanceof RetryableError)) throw cause;
        faults.push(cause);
      }
    }
    if (faults.length === this.#clients.length) {
      const origins = this.#clients.map(({ url }) => originOf(url)).join(", ");
      const problem =
        faults.length === 1
          ? (faults[0] as Error).message
          : `none of ${origins} answers; the last said: ${(faults.at(-1) as Error).message}`;
      throw new UserError(
        `chain ${chain.key}: ${problem}`,
        "start the node or correct the RPC URL (--rpc, or chains.<key>.rpc in the configuration)",
        { cause: faults[0] },
      );
    }
    for (const fault of faults) onFault(fault);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
