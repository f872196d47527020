import type { SystemConfig } from "#libs/chains/system-config.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { ensureDashboardBuilt } from "#services/dashboard/build.ts";
import { createDashboardServer } from "#services/dashboard/server.ts";

const DEFAULT_PORT = 3000;

/** Serves the dashboard until the process is told to stop. It needs neither broker nor chain. */
export async function runDashboard(config: SystemConfig): Promise<number> {
  const log = createLogger("hyperspeed");
  await ensureDashboardBuilt();
  const { host = "127.0.0.1", port = DEFAULT_PORT, apiUrl = "http://127.0.0.1:3001" } = config.dashboard ?? {};
  const server = createDashboardServer({ host, port, apiUrl });
  const { url } = await server.listen();
  log.info({ url, apiUrl }, "dashboard listens");
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await server.close();
  return 0;
}
