import type { GatewayEvent } from "#services/gateway/api.ts";
import { applyEvent, type DashboardState } from "./state.ts";

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "disconnected"; readonly reason: string; readonly retryAtMs: number; readonly sinceMs: number };

export interface FeedSnapshot {
  readonly connection: Connection;
  readonly state: DashboardState | null;
}

const FIRST_RETRY_MS = 500;
/** A gateway that restarts is found again within this. */
const LAST_RETRY_MS = 10_000;
/** Health comes every second: this much silence is a connection that died without saying so. */
const SILENCE_MS = 8_000;

/** Messages folded at once at most: timers of a page in the background may rest for a minute. */
const PENDING_MAX = 500;

/** One WebSocket to the gateway, opened again with growing pauses for as long as the page is there. Changes reach React at most once a frame. */
export class Feed {
  #snapshot: FeedSnapshot = { connection: { kind: "connecting" }, state: null };
  #listeners = new Set<() => void>();
  #pending: GatewayEvent[] = [];
  #frame: ReturnType<typeof setTimeout> | null = null;
  #socket: WebSocket | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #attempt = 0;
  /** Counts starts and stops: what an earlier start still has under way ends there. */
  #life = 0;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): FeedSnapshot => this.#snapshot;

  start(): () => void {
    this.#life += 1;
    void this.#connect();
    return () => {
      this.#life += 1;
      if (this.#retry !== null) clearTimeout(this.#retry);
      if (this.#silence !== null) clearTimeout(this.#silence);
      this.#socket?.close();
      this.#socket = null;
    };
  }

  async #connect(): Promise<void> {
    const life = this.#life;
    let url: URL;
    try {
      // Read again each time: a dashboard that was set up anew may point elsewhere.
      const response = await fetch("/config.json", { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const { apiUrl } = (await response.json()) as { apiUrl: string };
      url = new URL("/ws", new URL(apiUrl, window.location.href));
    } catch {
      if (life === this.#life) this.#disconnected("this page's server does not answer");
      return;
    }
    if (life !== this.#life) return;
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#watchSilence(socket);
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      this.#attempt = 0;
      this.#watchSilence(socket);
      this.#pending.push(JSON.parse(data) as GatewayEvent);
      if (this.#pending.length >= PENDING_MAX) this.#flush();
      // A timer, not a frame: a page in the background gets no frames, and its queue must not grow.
      this.#frame ??= setTimeout(() => this.#flush(), 50);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket === socket)
        this.#disconnected(code === 1013 ? "the gateway found this page too slow" : `no connection to the gateway at ${url.host}`);
    };
  }

  #watchSilence(socket: WebSocket): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#socket !== socket) return;
      socket.close();
      this.#disconnected("the gateway has gone silent");
    }, SILENCE_MS);
  }

  #disconnected(reason: string): void {
    this.#socket = null;
    if (this.#silence !== null) clearTimeout(this.#silence);
    // Half of it random, so that the pages of a restarted gateway do not all come at once.
    const pauseMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt) * (0.5 + Math.random() / 2);
    this.#attempt += 1;
    const sinceMs = this.#snapshot.connection.kind === "disconnected" ? this.#snapshot.connection.sinceMs : Date.now();
    this.#flush();
    this.#publish({ ...this.#snapshot, connection: { kind: "disconnected", reason, retryAtMs: Date.now() + pauseMs, sinceMs } });
    this.#retry = setTimeout(() => void this.#connect(), pauseMs);
  }

  #flush(): void {
    if (this.#frame !== null) clearTimeout(this.#frame);
    this.#frame = null;
    const events = this.#pending.splice(0);
    if (events.length === 0) return;
    const nowMs = Date.now();
    const state = events.reduce<DashboardState | null>((current, event) => applyEvent(current, event, nowMs), this.#snapshot.state);
    this.#publish({ connection: this.#socket === null ? this.#snapshot.connection : { kind: "live" }, state });
  }

  #publish(snapshot: FeedSnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}
