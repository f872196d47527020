import { createServer } from "node:http";
import type { Bus } from "#libs/actor/bus.ts";
import { listen } from "#libs/actor/listen.ts";
import type { RunningActor } from "#libs/actor/run.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { registry } from "#libs/telemetry/metrics.ts";
import { UserError } from "#libs/units/invariant.ts";

export interface ProcessServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * `/healthz`: the event loop turns (never depends on NATS: a restart would not mend that). `/readyz`: connected, every actor caught up, none draining.
 * `/metrics`: Prometheus text.
 */
export async function serveProcess(options: {
  readonly host: string;
  readonly port: number;
  readonly bus: Bus;
  readonly actors: readonly RunningActor[];
}): Promise<ProcessServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    if (path === "/healthz") return answer(200, { status: "ok" });
    if (path === "/readyz") {
      const actors = Object.fromEntries(options.actors.map((actor) => [actor.instance, actor.state()]));
      const ready = options.bus.connected && Object.values(actors).every((state) => state === "ready");
      return answer(ready ? 200 : 503, { ready, connected: options.bus.connected, actors });
    }
    if (path === "/metrics") {
      registry.metrics().then(
        (text) => {
          response.writeHead(200, { "content-type": registry.contentType });
          response.end(text);
        },
        (cause: Error) => answer(500, { error: cause.message }),
      );
      return;
    }
    answer(404, { error: "unknown path", known: ["/healthz", "/readyz", "/metrics"] });
  });
  const { url } = await listen(server, {
    host: options.host,
    port: options.port,
    what: "health and metrics server",
    setting: "http.port in the configuration, or --metrics-port",
  });
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Waits until the actors end or the process is told to stop (SIGTERM, SIGINT), then drains them in the order given: producers first, so that
 * what they said last is still dealt with. Resolves to the exit code.
 */
export async function untilStopped(actors: readonly RunningActor[], log: Logger, stopRequested?: Promise<unknown>): Promise<number> {
  const signals = ["SIGTERM", "SIGINT"] as const;
  let onSignal: () => void = () => {};
  const signalled = new Promise<void>((resolve) => {
    onSignal = () => resolve();
  });
  for (const signal of signals) process.on(signal, onSignal);
  try {
    await Promise.race([signalled, ...(stopRequested === undefined ? [] : [stopRequested]), ...actors.map((actor) => actor.done)]);
    return 0;
  } catch (cause) {
    // What the user can put right is theirs to read, without a stack.
    if (cause instanceof UserError) throw cause;
    log.fatal({ cause: (cause as Error).message, stack: (cause as Error).stack }, "an actor failed: ending the process");
    return 1;
  } finally {
    for (const actor of actors) await actor.drain();
    for (const signal of signals) process.off(signal, onSignal);
  }
}
