import type { Actor, Effect, Input, Publish } from "#libs/actor/actor.ts";
import type { Bus, Delivery } from "#libs/actor/bus.ts";
import { decodeOnce } from "#libs/actor/decode-once.ts";
import { acquireLease, type Lease } from "#libs/actor/lease.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { type ActiveSpan, startSpan, type TraceContext } from "#libs/telemetry/trace.ts";
import { InvariantError, RetryableError } from "#libs/units/invariant.ts";
import { type ActorName, type AnyBody, type BodyOf, type StreamKey, type SubjectKey, subjectOf } from "#proto/subjects.ts";

const HEARTBEAT_EVERY_MS = 1_000;
/** A call that fails for a passing reason is repeated for about 8 s, then the process ends and its supervisor starts it again from the streams. */
const CALL_BACKOFF_MS = [50, 150, 500, 1_000, 2_000, 4_000] as const;
/** Work in flight gets so long to finish when draining. Below the pods' grace period, above what a call is repeated for. */
const DRAIN_MS = 15_000;
/** The queue holds deliveries until the core gets to them. More than this waiting means the core cannot keep up: say so once a minute. */
const QUEUE_WARN = 10_000;

/** Part of a stream that an actor reads: in order, without acknowledgements. */
export interface Follow {
  readonly stream: StreamKey;
  /** Null for a stream that all chains share. */
  readonly chain: string | null;
  readonly keys: readonly SubjectKey[];
  readonly tokens: Readonly<Record<string, string>>;
  /** First stream sequence to receive. */
  readonly startSequence: number;
}

export interface BootContext {
  readonly bus: Bus;
  readonly log: Logger;
  /** 0 where the actor takes no lease. */
  readonly leaseEpoch: number;
  readonly signal: AbortSignal;
}

/** What an actor is wired with: its core, where its state comes from, and its ports to the world outside the bus. */
export interface ActorSpec<State, Config, Keys extends SubjectKey, Request extends { readonly call: string }, Reply> {
  readonly actor: Actor<State, Config, Keys, Request, Reply>;
  readonly config: Config;
  readonly chain: string | null;
  /** Unique among instances that may run beside each other for good; a lower-case subject token. */
  readonly instance: string;
  /** Only one instance of the name is active at a time; its subjects are written by it alone (fenced). */
  readonly lease?: string;
  /** Rebuilds the state from the streams and the outside, and says where to go on. */
  boot(context: BootContext): Promise<{ readonly state: State; readonly inputs: readonly Follow[] }>;
  /** Answers the core's calls. Throws `RetryableError` for what may pass. */
  call?(request: Request, signal: AbortSignal): Promise<Reply>;
  /** Feeds what the outside says on its own account (new heads). Returns how to stop it. */
  source?(emit: (reply: Reply) => void, log: Logger): Promise<() => Promise<void>>;
  /** Called once, when the actor has caught up with what lay in its streams. */
  onReady?(): void;
  close?(): Promise<void>;
}

export type ActorState = "starting" | "ready" | "draining" | "stopped";

export interface RunningActor {
  readonly name: ActorName;
  readonly instance: string;
  state(): ActorState;
  /** Inputs handled so far, and whether there is nothing to do: no input waits or is being handled, no call is under way. Timers may be set. */
  progress(): { readonly handled: number; readonly idle: boolean };
  /** Takes no new work, finishes what it has, releases its lease. */
  drain(): Promise<void>;
  /** Settles when the actor has stopped: rejects if it failed. */
  readonly done: Promise<void>;
}

interface Queued<Keys extends SubjectKey, Reply> {
  readonly input: Input<Keys, Reply>;
  readonly trace: TraceContext | null;
  /** Of a timer's input: which setting of the timer it is from. */
  readonly setting?: number;
}

function kindOf(input: { type: "message"; body: AnyBody } | { type: "reply"; reply: unknown } | { type: "timer"; name: string }): string {
  if (input.type === "message") return input.body.kind;
  if (input.type === "timer") return `timer-${input.name}`;
  return `reply-${(input.reply as { kind?: string }).kind ?? "reply"}`;
}

/** Runs one actor: feeds its core one input at a time, and does what the core decides. At least once in, stored once out. */
export function runActor<State, Config, Keys extends SubjectKey, Request extends { readonly call: string }, Reply>(
  spec: ActorSpec<State, Config, Keys, Request, Reply>,
  environment: { readonly bus: Bus; readonly log: Logger; readonly version: string },
): RunningActor {
  const { bus } = environment;
  const name = spec.actor.name;
  const log = environment.log.child({ actor: spec.instance });
  const labels = { actor: name, chain: spec.chain ?? "" };
  const abort = new AbortController();
  const queue: Queued<Keys, Reply>[] = [];
  const timers = new Map<string, NodeJS.Timeout>();
  /** How often each timer was set: what fired before the last setting is void, though it may wait in the queue. */
  const timerSettings = new Map<string, number>();
  const inputs: { stop(): Promise<void> }[] = [];
  const lastSequences = new Map<string, number>();
  const startedAtMs = Date.now();
  let state: ActorState = "starting";
  let wake: (() => void) | null = null;
  let callsInFlight = 0;
  let handled = 0;
  let handling = false;
  let headBlock: number | null = null;
  let consumed = 0;
  let published = 0;
  let buried = 0;
  let warnedAtMs = 0;
  let lease: Lease | null = null;
  let pendingAtStart = 0;
  let failure: { readonly cause: unknown } | null = null;
  let stopSource: () => Promise<void> = async () => {};

  /** What goes wrong beside the main loop ends the actor at its next turn. */
  function fail(cause: unknown): void {
    failure ??= { cause };
    wake?.();
  }

  function enqueue(item: Queued<Keys, Reply>): void {
    queue.push(item);
    if (queue.length > QUEUE_WARN && Date.now() - warnedAtMs > 60_000) {
      warnedAtMs = Date.now();
      log.warn({ waiting: queue.length }, "input queue is long: the actor does not keep up");
    }
    wake?.();
  }

  function setReady(): void {
    if (state !== "starting") return;
    state = "ready";
    metrics.ready.set(labels, 1);
    spec.onReady?.();
    log.info({ headBlock, startMs: Date.now() - startedAtMs }, "ready");
  }

  function caughtUpByOne(): void {
    pendingAtStart--;
    if (pendingAtStart <= 0) setReady();
  }

  async function bury(delivery: Delivery, detail: string): Promise<void> {
    buried++;
    const reason = "undecodable";
    metrics.deadLetters.inc({ ...labels, reason });
    log.error({ subject: delivery.meta.subject, sequence: delivery.meta.sequence, reason, detail }, "message buried");
    await bus.publish(
      "messageBuried",
      { actor: name },
      {
        kind: "message-buried",
        v: 1,
        actor: name,
        instance: spec.instance,
        reason,
        detail: detail.slice(0, 2_000),
        subject: delivery.meta.subject,
        stream: delivery.meta.stream,
        sequence: delivery.meta.sequence,
        messageId: delivery.meta.id,
        deliveries: delivery.message.info.deliveryCount,
        atMs: Date.now(),
        payload: delivery.message.data,
      },
      { messageId: `buried:${name}:${delivery.meta.stream}:${delivery.meta.sequence}:${spec.chain ?? ""}`, trace: delivery.trace },
    );
  }

  function onDelivery(delivery: Delivery): void {
    const decoded = decodeOnce(delivery.meta.subject, delivery.message.data);
    if (decoded.ok) {
      enqueue({
        input: { type: "message", key: decoded.value.key, body: decoded.value.body, meta: delivery.meta } as Input<Keys, Reply>,
        trace: delivery.trace,
      });
      return;
    }
    bury(delivery, `${decoded.error.code}: ${decoded.error.detail}`).then(caughtUpByOne, fail);
  }

  async function store(effect: Publish, trace: TraceContext | null): Promise<void> {
    const subject = subjectOf(effect.key, effect.tokens);
    const fenced = spec.lease !== undefined;
    if (fenced && !lastSequences.has(subject))
      lastSequences.set(subject, (await bus.lastOf(effect.key, effect.tokens))?.meta.sequence ?? 0);
    const sequence = await bus.publish(effect.key, effect.tokens, effect.body as BodyOf<SubjectKey>, {
      messageId: effect.messageId,
      trace,
      expectLastSequence: fenced ? lastSequences.get(subject) : undefined,
    });
    // A repeat answers with the sequence of the first one, which may lie before later ones of ours.
    if (fenced) lastSequences.set(subject, Math.max(sequence, lastSequences.get(subject) ?? 0));
    published++;
    metrics.messagesPublished.inc({ ...labels, kind: effect.body.kind });
    if ("observedAtMs" in effect.body) {
      metrics.blockAgeSeconds.observe({ ...labels, kind: effect.body.kind }, Math.max(0, Date.now() - effect.body.observedAtMs) / 1_000);
    }
  }

  function startCall(request: Request, trace: TraceContext | null): void {
    const call = spec.call;
    if (call === undefined) throw new InvariantError(`${name} makes calls but has no port for them`);
    callsInFlight++;
    const span = startSpan(`call ${request.call}`, trace, "client", { "hs.actor": name, "hs.call": request.call });
    const end = metrics.callSeconds.startTimer({ ...labels, call: request.call });
    withRetries(() => call.call(spec, request, abort.signal), abort.signal)
      .then(
        (reply) => {
          span.end();
          enqueue({ input: { type: "reply", reply }, trace: span.context });
        },
        (cause: Error) => {
          span.end(cause);
          if (!abort.signal.aborted) fail(cause);
        },
      )
      .finally(() => {
        end();
        callsInFlight--;
        wake?.();
      });
  }

  function setTimer(name: string, delayMs: number, trace: TraceContext | null): void {
    clearTimeout(timers.get(name));
    const setting = (timerSettings.get(name) ?? 0) + 1;
    timerSettings.set(name, setting);
    const fire = () => {
      timers.delete(name);
      enqueue({ input: { type: "timer", name }, trace, setting });
    };
    timers.set(name, setTimeout(fire, delayMs));
  }

  async function perform(effects: readonly Effect<Request>[], trace: TraceContext | null): Promise<void> {
    const stores: Promise<void>[] = [];
    for (const effect of effects) {
      switch (effect.type) {
        case "publish":
          // The first publish of a fenced subject must know where it stands before the next goes out.
          if (spec.lease !== undefined) await Promise.all(stores.splice(0));
          stores.push(store(effect, trace));
          break;
        case "call":
          await Promise.all(stores.splice(0));
          startCall(effect.request, trace);
          break;
        case "set-timer":
          setTimer(effect.name, effect.delayMs, trace);
          break;
        case "count":
          recordCount(effect.metric, effect.labels, effect.value, spec.chain);
          break;
        case "finished-block":
          headBlock = effect.blockNumber;
          metrics.headBlock.set(labels, effect.blockNumber);
          break;
      }
    }
    await Promise.all(stores);
  }

  async function handle(current: State, item: Queued<Keys, Reply>): Promise<State> {
    const kind = kindOf(item.input);
    const span: ActiveSpan = startSpan(`process ${kind}`, item.trace, "consumer", { "messaging.system.name": "nats", "hs.actor": name });
    try {
      const end = metrics.decideSeconds.startTimer({ ...labels, kind });
      const decision = spec.actor.decide(current, item.input, spec.config);
      end();
      await perform(decision.effects, span.context);
      if (item.input.type === "message") {
        consumed++;
        metrics.messagesConsumed.inc({ ...labels, kind });
        caughtUpByOne();
      }
      span.end();
      return decision.state;
    } catch (cause) {
      span.end(cause as Error);
      throw cause;
    }
  }

  async function heartbeat(): Promise<void> {
    await bus.publish(
      "actorHeartbeat",
      { instance: spec.instance },
      {
        kind: "actor-heartbeat",
        v: 1,
        actor: name,
        instance: spec.instance,
        chain: spec.chain,
        state,
        version: environment.version,
        pid: process.pid,
        startedAtMs,
        atMs: Date.now(),
        intervalMs: HEARTBEAT_EVERY_MS,
        headBlock,
        messagesConsumed: consumed,
        messagesPublished: published,
        deadLetters: buried,
      },
      { messageId: `heartbeat:${spec.instance}:${process.pid}:${Date.now()}`, trace: null },
    );
  }

  async function live(): Promise<void> {
    metrics.ready.set(labels, 0);
    const beat = setInterval(
      () => void heartbeat().catch((cause: Error) => log.warn({ cause: cause.message }, "heartbeat not stored")),
      HEARTBEAT_EVERY_MS,
    );
    try {
      if (spec.lease !== undefined) {
        lease = await acquireLease(bus, {
          name: spec.lease,
          holder: spec.instance,
          onLost: (cause) => fail(new InvariantError(`lease ${spec.lease} lost: ${cause.message}`)),
          signal: abort.signal,
        });
      }
      const boot = await withRetries(() => spec.boot({ bus, log, leaseEpoch: lease?.epoch ?? 0, signal: abort.signal }), abort.signal);
      if (abort.signal.aborted) return;
      for (const input of boot.inputs) {
        const follower = await bus.follow({ ...input, onDelivery });
        pendingAtStart += follower.pendingAtStart;
        inputs.push(follower);
      }
      if (spec.source !== undefined)
        stopSource = await spec.source((reply) => enqueue({ input: { type: "reply", reply }, trace: null }), log);
      if (pendingAtStart <= 0) setReady();

      let current = boot.state;
      for (;;) {
        if (failure !== null) throw failure.cause;
        const item = queue.shift();
        if (item?.input.type === "timer" && item.setting !== timerSettings.get(item.input.name)) continue;
        if (item !== undefined) {
          handling = true;
          current = await handle(current, item);
          handling = false;
          handled++;
          continue;
        }
        if (state === "draining" && callsInFlight === 0) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
    } finally {
      state = "stopped";
      metrics.ready.set(labels, 0);
      clearInterval(beat);
      abort.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      await stopSource();
      await Promise.allSettled(inputs.map((input) => input.stop()));
      await lease?.release();
      await spec.close?.();
      await heartbeat().catch(() => {
        // The last heartbeat is a courtesy: silence says the same three intervals later.
      });
    }
  }

  const done = live();
  done.catch(() => {});
  return {
    name,
    instance: spec.instance,
    state: () => state,
    progress: () => ({ handled, idle: queue.length === 0 && !handling && callsInFlight === 0 }),
    done,
    async drain() {
      if (state === "stopped") return;
      const wasStarting = state === "starting" && inputs.length === 0;
      state = "draining";
      metrics.ready.set(labels, 0);
      if (wasStarting) abort.abort();
      await stopSource();
      await Promise.allSettled(inputs.map((input) => input.stop()));
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      wake?.();
      const late = setTimeout(
        () => fail(new InvariantError(`${spec.instance}: work in flight did not end within ${DRAIN_MS} ms of draining`)),
        DRAIN_MS,
      );
      await done.catch(() => {});
      clearTimeout(late);
    },
  };
}

function recordCount(metric: keyof typeof metrics, labels: Readonly<Record<string, string>>, value: number, chain: string | null): void {
  const target = metrics[metric] as {
    inc?(labels: object, value: number): void;
    set?(labels: object, value: number): void;
    observe?(labels: object, value: number): void;
  };
  const all = { chain: chain ?? "", ...labels };
  if (target.set !== undefined) target.set(all, value);
  else if (target.observe !== undefined) target.observe(all, value);
  else target.inc?.(all, value);
}

async function withRetries<Value>(attempt: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (cause) {
      const delay = CALL_BACKOFF_MS[tries];
      if (!(cause instanceof RetryableError) || delay === undefined || signal.aborted) throw cause;
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}
