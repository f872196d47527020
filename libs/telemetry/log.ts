import { type Logger, pino } from "pino";

/**
 * Structured logs on standard error, level from HS_LOG_LEVEL (default info). Standard output stays free for what a user or program asked for.
 * Paths that could hold a secret are cut out whatever is passed in.
 */
export function createLogger(name: string, level: string = process.env.HS_LOG_LEVEL ?? "info"): Logger {
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      redact: { paths: ["password", "privateKey", "*.password", "*.privateKey", "rpc"], remove: true },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}

export type { Logger };
