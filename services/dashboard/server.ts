import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import express, { type Request, type Response } from "express";
import helmet from "helmet";
import { listen } from "#libs/actor/listen.ts";
import { UserError } from "#libs/units/invariant.ts";
import { DIST_DIRECTORY } from "./build.ts";

export interface DashboardServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where the browser finds the gateway: an http(s) address, or `/` where a proxy serves both under one. */
  readonly apiUrl: string;
  readonly distDirectory?: string;
}

export interface DashboardServer {
  /** Throws `UserError` when the port is taken or the page is not built. */
  listen(): Promise<{ url: string; port: number }>;
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 1_000;

/** What the page may connect to: its own server and the gateway, over HTTP and WebSocket. */
function connectSources(apiUrl: string): string[] {
  if (apiUrl.startsWith("/")) return ["'self'"];
  const { origin } = new URL(apiUrl);
  return ["'self'", origin, origin.replace(/^http/, "ws")];
}

function checkedApiUrl(apiUrl: string): string {
  if (/^\/(?!\/)/.test(apiUrl) || (URL.canParse(apiUrl) && /^https?:$/.test(new URL(apiUrl).protocol))) return apiUrl;
  throw new UserError(`dashboard.apiUrl is no http address: ${apiUrl}`, "give the gateway's address, as http://127.0.0.1:3001");
}

/** Serves the built page and tells it where the gateway is. Holds no state and no secret. */
export function createDashboardServer(options: DashboardServerOptions): DashboardServer {
  const distDirectory = options.distDirectory ?? DIST_DIRECTORY;
  const apiUrl = checkedApiUrl(options.apiUrl);
  const app = express();
  app.disable("x-powered-by");
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          "default-src": ["'none'"],
          "script-src": ["'self'"],
          "style-src": ["'self'"],
          "img-src": ["'self'"],
          "connect-src": connectSources(apiUrl),
          "base-uri": ["'none'"],
          "form-action": ["'none'"],
          "frame-ancestors": ["'none'"],
        },
      },
    }),
  );
  app.get("/config.json", (_: Request, response: Response) => {
    response.set("Cache-Control", "no-store").json({ apiUrl });
  });
  app.use(
    express.static(distDirectory, {
      setHeaders: (response, path) => {
        // Names under assets/ carry the hash of their content.
        const isHashed = path.startsWith(join(distDirectory, "assets"));
        response.setHeader("Cache-Control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
      },
    }),
  );
  app.use((request: Request, response: Response) => {
    response.status(404).json({ error: `no ${request.path} here` });
  });
  const server = createServer(app);

  return {
    async listen() {
      if (!existsSync(join(distDirectory, "index.html"))) {
        throw new UserError(
          `the dashboard is not built: ${distDirectory} has no index.html`,
          "build it: npx vite build services/dashboard",
        );
      }
      return listen(server, {
        host: options.host,
        port: options.port,
        what: "dashboard",
        setting: "dashboard.port in the configuration, or --dashboard-port",
      });
    },
    close: async () => {
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS).unref();
      });
    },
  };
}
