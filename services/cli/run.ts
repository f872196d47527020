import { Bus } from "#libs/actor/bus.ts";
import { collectBetweenBlocks } from "#libs/actor/collect.ts";
import { serveProcess, untilStopped } from "#libs/actor/host.ts";
import { runActor } from "#libs/actor/run.ts";
import type { SystemConfig } from "#libs/chains/system-config.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { collectProcessMetrics } from "#libs/telemetry/metrics.ts";
import { startTracing } from "#libs/telemetry/trace.ts";
import { warmUpCodec } from "#proto/codec.ts";
import type { ActorName } from "#proto/subjects.ts";
import { hostActors } from "#services/cli/hosting.ts";
import { VERSION } from "#services/cli/version.ts";

/** On a first install the broker may take its time; the pods' startup probes allow more. */
const BROKER_PATIENCE_MS = 30_000;

export interface RunOptions {
  readonly config: SystemConfig;
  readonly actors: readonly ActorName[];
  readonly chains: readonly string[];
  readonly dex?: string | undefined;
}

/** Hosts actors in this process until they end or it is told to stop. Resolves to the exit code. */
export async function runActors(options: RunOptions): Promise<number> {
  const { config } = options;
  const log = createLogger("hyperspeed");
  const flushTraces = await startTracing(VERSION);
  collectProcessMetrics(VERSION);
  warmUpCodec();
  const hosted = await hostActors({ ...options, version: VERSION });
  const bus = await Bus.connect({
    servers: config.nats.servers,
    name: `hyperspeed ${options.actors.join(",")}`,
    credentialsFile: config.nats.credentialsFile,
    patienceMs: BROKER_PATIENCE_MS,
  });
  try {
    await bus.ensureStreams(Object.keys(config.chains));
    const gateway = await hosted.gateway?.listen();
    if (gateway !== undefined) log.info({ url: gateway.url }, "gateway listens");
    const actors = hosted.specs.map((spec) => runActor(spec, { bus, log, version: VERSION }));
    const server = await serveProcess({ host: config.http?.host ?? "127.0.0.1", port: config.http?.port ?? 0, bus, actors });
    const stopCollecting = collectBetweenBlocks(actors);
    log.info({ url: server.url, actors: actors.map(({ instance }) => instance) }, "hosting");
    try {
      return await untilStopped(actors, log);
    } finally {
      stopCollecting();
      await server.close();
    }
  } finally {
    await bus.close();
    await flushTraces();
  }
}
