/** Hosts the scorers of some chains, as `hyperspeed run scorer` does, and says what processor time it took: a process of scorer-stream.bench.ts. */
import { once } from "node:events";
import { Bus } from "#libs/actor/bus.ts";
import { type RunningActor, runActor } from "#libs/actor/run.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { warmUpCodec } from "#proto/codec.ts";
import { scorerSpec } from "#services/scorer/main.ts";

export type Told =
  | { readonly tell: "start"; readonly url: string; readonly chains: readonly ChainConfig[] }
  | { readonly tell: "cpu" }
  | { readonly tell: "stop" };

export interface Said {
  /** Microseconds of processor time so far. */
  readonly cpuUs: number;
}

const log = createLogger("bench", "warn");
const tell = () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system } satisfies Said);
};
const [start] = (await once(process, "message")) as [Extract<Told, { tell: "start" }>];
warmUpCodec();
const bus = await Bus.connect({ servers: [start.url], name: "bench host" });
const ready: Promise<void>[] = [];
const actors = start.chains.map((chain): RunningActor => {
  const { promise, resolve } = Promise.withResolvers<void>();
  ready.push(promise);
  const spec = { ...scorerSpec({ chain, section: { mode: "live", scorer: { ranking: "model" } } }), onReady: resolve };
  const running = runActor(spec, { bus, log, version: "bench" });
  running.done.catch((cause: Error) => {
    log.error({ cause: cause.message }, "scorer failed");
    process.exit(1);
  });
  return running;
});
await Promise.all(ready);
process.on("message", (told: Told) => {
  if (told.tell === "cpu") return tell();
  void Promise.all(actors.map((actor) => actor.drain()))
    .then(() => bus.close())
    .then(() => {
      tell();
      process.disconnect();
    });
});
tell();
