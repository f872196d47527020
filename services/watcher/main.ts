import type { ActorSpec } from "#libs/actor/run.ts";
import { SWAP_TOPICS } from "#libs/arbitrages/swap-events.ts";
import { followedTopics } from "#libs/dex/registry.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { type Config, initialState, type Reply, type Request, remember, type State, watcher } from "#services/watcher/actor.ts";
import { fetchBranch, type LogSource, parseHeader } from "#services/watcher/chain-port.ts";
import { type WatcherSettings, watcherConfig } from "#services/watcher/config.ts";

/** Stream messages to look back over for the last published blocks: a block has one of the watcher's and one per DEX. */
const LOOK_BACK = 4_096;

export function watcherSpec(settings: WatcherSettings): ActorSpec<State, Config, never, Request, Reply> {
  const config = watcherConfig(settings);
  const client = new Endpoints(settings.rpc, settings.chain.key, { purpose: "logs", quorum: settings.rpcQuorum });
  // Of swaps in pools that nobody here follows, too: the analyst looks for arbitrages of others in them.
  const topics = [...new Set([...followedTopics(settings.chain.dexes), ...SWAP_TOPICS])];
  let onLost: (reason: string) => void = () => {};
  let logs: LogSource = { byHash: true };
  return {
    actor: watcher,
    config,
    chain: config.chain,
    instance: `watcher-${config.chain}`,
    async boot({ bus, log }) {
      // Now and then a block that was replaced while it was read; every time, a node that refuses what we ask: then nothing goes on.
      onLost = (reason) => log.warn({ reason }, "a head could not be read, waiting for the next");
      logs = {
        byHash: true,
        onByNumber: (reason) =>
          log.warn({ reason }, "the endpoint gives no logs by block hash: asking by number, compared with the header"),
      };
      await client.check(settings.chain, (cause) => log.warn({ cause: cause.message }, "endpoint does not answer"));
      let state = initialState;
      const start = Math.max(1, (await bus.lastSequence("MARKET", config.chain)) - LOOK_BACK);
      for await (const message of bus.read("MARKET", config.chain, start, ["blockObserved", "blockReorged"])) {
        if (message?.key === "blockObserved" || message?.key === "blockReorged")
          state = remember(state, message.body as Parameters<typeof remember>[1], config);
      }
      return { state, inputs: [] };
    },
    call: (request) => fetchBranch(client, request, { topics, maxBlocks: config.rememberedBlocks, onLost, logs }),
    async source(emit, log) {
      const stop = client.followHeads((raw) => emit({ kind: "head-announced", header: parseHeader(raw), atMs: Date.now() }), {
        pollMs: Math.max(100, settings.chain.blockTimeMs / 4),
        onFault: (cause) => log.warn({ cause: cause.message }, "heads lost, connecting again"),
      });
      return async () => stop();
    },
    close: () => client.close(),
  };
}
