import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec } from "#libs/actor/run.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { RpcError } from "#libs/evm/rpc.ts";
import {
  type Answered,
  analyst,
  type Config,
  initialState,
  type Keys,
  type Reply,
  type Request,
  type State,
} from "#services/analyst/actor.ts";
import { readDecimals, readFeeds, readReceipts, readTokens } from "#services/analyst/chain-port.ts";
import { type AnalystSettings, analystConfig, pricesOptions } from "#services/analyst/config.ts";
import { AnalystMarket } from "#services/analyst/market.ts";

export interface AnalystWiring extends AnalystSettings {
  readonly rpc: ConstructorParameters<typeof Endpoints>[0];
}

const later = (left: Answered, right: Answered): Answered =>
  left !== null && (right === null || left.epoch > right.epoch || (left.epoch === right.epoch && left.blockNumber > right.blockNumber))
    ? left
    : right;

export function analystSpec(settings: AnalystWiring): ActorSpec<State, Config, Keys, Request, Reply> {
  const { chain } = settings;
  const config = analystConfig(settings);
  const tokens = { chain: config.chain };
  const client = new Endpoints(settings.rpc, config.chain, { purpose: "analysis" });
  let bus: Bus | null = null;
  return {
    actor: analyst,
    config,
    chain: config.chain,
    instance: `analyst-${config.chain}`,
    lease: `analyst.${config.chain}`,
    async boot(context) {
      bus = context.bus;
      const end = await bus.lastSequence("MARKET", config.chain);
      const snapshots = await Promise.all(config.dexes.map((dex) => context.bus.lastOf("poolSnapshotted", { chain: config.chain, dex })));
      // From the oldest of the snapshots on everything is replayed; with none yet, from here.
      const startSequence = Math.min(
        end + 1,
        ...snapshots.flatMap((snapshot) => (snapshot === null ? [] : [Math.min(snapshot.meta.sequence, snapshot.body.causeSequence + 1)])),
      );
      const positionOf = (last: { readonly body: { readonly epoch: number; readonly blockNumber: number } } | null): Answered =>
        last === null ? null : { epoch: last.body.epoch, blockNumber: last.body.blockNumber };
      const [all, moved, arbitrages] = [
        positionOf(await bus.lastOf("priceChanged", { ...tokens, scope: "all" })),
        positionOf(await bus.lastOf("priceChanged", { ...tokens, scope: "moved" })),
        positionOf(await bus.lastOf("arbitrageObserved", tokens)),
      ];
      const market = new AnalystMarket(
        pricesOptions(chain),
        config.dexes,
        new Map(chain.tokens.map(({ address, decimals }) => [address, decimals])),
      );
      return {
        state: initialState(config, market, { prices: later(all, moved), arbitrages }),
        inputs: [
          {
            stream: "MARKET",
            chain: config.chain,
            keys: ["blockObserved", "blockReorged", "poolChanged", "poolDiscovered", "poolSnapshotted"],
            tokens,
            startSequence,
          },
        ],
      };
    },
    async call(request): Promise<Reply> {
      if (request.call === "load-snapshot")
        return { kind: "snapshot-loaded", dex: request.dex, snapshot: await loadSnapshot(bus as Bus, config.chain, request.object) };
      if (request.call === "read-receipts") {
        const receipts = await readReceipts(client, request.blockHash, request.transactions);
        return { kind: "receipts-read", branch: request.branch, receipts };
      }
      const reader = readerAt(client, { multicall3: chain.multicall3, blockHash: request.blockHash });
      try {
        if (request.call === "read-decimals") return { kind: "decimals-read", decimals: await readDecimals(reader, request.tokens) };
        if (request.call === "read-feeds")
          return { kind: "feeds-read", blockNumber: request.blockNumber, answers: await readFeeds(reader, request.feeds) };
        return { kind: "pools-identified", branch: request.branch, tokens: await readTokens(reader, request.pools) };
      } catch (cause) {
        // The node knows the block no longer, or refuses: nothing is known of it, and the next block asks anew.
        if (!(cause instanceof RpcError)) throw cause;
        if (request.call === "read-decimals") return { kind: "decimals-read", decimals: new Map() };
        if (request.call === "read-feeds") return { kind: "feeds-read", blockNumber: request.blockNumber, answers: new Map() };
        return { kind: "pools-identified", branch: request.branch, tokens: new Map() };
      }
    },
    close: async () => client.close(),
  };
}
