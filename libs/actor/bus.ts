import { readFileSync } from "node:fs";
import {
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamConfig,
} from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { type ObjectStore, Objm, setSha256Backend } from "@nats-io/obj";
import {
  connect,
  credsAuthenticator,
  headers,
  type Msg,
  type NatsConnection,
  nanos,
  RequestError,
  TimeoutError,
} from "@nats-io/transport-node";
import type { Meta } from "#libs/actor/actor.ts";
import { formatTraceparent, parseTraceparent, type TraceContext } from "#libs/telemetry/trace.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";
import { decode, decodeAs, encode, encodeAs } from "#proto/codec.ts";
import { REQUESTS, type ReplyOf, type RequestKey, type RequestOf, requestSubject } from "#proto/requests.ts";
import {
  type AnyBody,
  type BodyOf,
  filterOf,
  LEASE_BUCKET,
  LEASE_TTL_MS,
  modelBucket,
  STREAMS,
  type StreamKey,
  SUBJECTS,
  type SubjectKey,
  snapshotBucket,
  streamName,
  streamSubjects,
  subjectOf,
} from "#proto/subjects.ts";

// The client's own is JavaScript: a quarter of a second for 10 MB, on the thread that keeps the lease. A snapshot of 100,000 pools has 47.
setSha256Backend("native");

/** Per-message TTL, `term` reasons and priority groups are silently ignored by older servers. */
const OLDEST_SERVER = [2, 11] as const;

/** Blocks with all their logs, and the pools of a DEX that were read again, are one message each. */
const LEAST_PAYLOAD = 8_000_000;

/** Error code of the server for a failed expected-last-subject-sequence: another instance has written. */
const WRONG_LAST_SEQUENCE = 10_071;

const STREAM_NOT_FOUND = 10_059;

/** Publishing is repeated with the same id for about 12 s in all: longer than a leader election (measured 4.1 s), far shorter than the duplicate window. */
const PUBLISH_BACKOFF_MS = [20, 50, 100, 250, 500, 1_000, 2_000, 4_000, 4_000] as const;

/** Someone else has written to a subject that this instance owned. */
export class FencedError extends Error {
  override name = "FencedError";
}

export interface StoredMessage<Key extends SubjectKey = SubjectKey> {
  readonly key: Key;
  readonly body: BodyOf<Key>;
  readonly meta: Meta;
}

/** A raw delivery: decoded by the shell, so that what cannot be decoded is dealt with in one place. */
export interface Delivery {
  readonly message: JsMsg;
  readonly meta: Meta;
  readonly trace: TraceContext | null;
}

export interface PublishOptions {
  readonly messageId: string;
  readonly trace: TraceContext | null;
  /** Sequence of the last message of the subject, where nobody else may have written. */
  readonly expectLastSequence?: number | undefined;
}

export interface BusOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly credentialsFile?: string | undefined;
  /** How long to go on trying when no server answers: a deployment's broker may start after its actors. 0 gives up at once. */
  readonly patienceMs?: number;
}

export class Bus {
  /** How it was reached: for a process of this one that connects by itself. */
  readonly options: BusOptions;
  readonly #connection: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;

  private constructor(options: BusOptions, connection: NatsConnection, js: JetStreamClient, jsm: JetStreamManager) {
    this.options = options;
    this.#connection = connection;
    this.#js = js;
    this.#jsm = jsm;
  }

  /** Connects and refuses what cannot carry the system: an unreachable server, one too old, one without JetStream. Throws `UserError`. */
  static async connect(options: BusOptions): Promise<Bus> {
    const where = options.servers.join(", ");
    const connection = await dial(options, where);
    const version = connection.info?.version ?? "0.0.0";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
      await connection.close();
      throw new UserError(
        `the NATS server at ${where} is version ${version}; ${OLDEST_SERVER.join(".")} or newer is needed`,
        "upgrade it, or leave nats.servers out and let the local run bring its own",
      );
    }
    const payload = connection.info?.max_payload ?? 0;
    if (payload < LEAST_PAYLOAD) {
      await connection.close();
      throw new UserError(
        `the NATS server at ${where} takes messages of at most ${payload} bytes`,
        "set max_payload: 8MB in its configuration: a block of a busy chain is one message (deploy/nats/nats.conf)",
      );
    }
    if (connection.info?.jetstream !== true) {
      await connection.close();
      throw new UserError(
        `the NATS server at ${where} runs without JetStream`,
        "start it with -js, or enable jetstream in its configuration",
      );
    }
    return new Bus(options, connection, jetstream(connection), await jetstreamManager(connection));
  }

  /** Creates the streams and buckets of these chains from the table, or brings existing ones up to it. Safe to run by many processes at once. */
  async ensureStreams(chains: readonly string[]): Promise<void> {
    const clustered = this.#connection.info?.cluster !== undefined;
    for (const key of Object.keys(STREAMS) as StreamKey[]) {
      const definition = STREAMS[key];
      for (const chain of definition.scope === "chain" ? chains : [null]) {
        const config: Partial<StreamConfig> & { name: string } = {
          name: streamName(key, chain),
          subjects: streamSubjects(key, chain),
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
          discard: DiscardPolicy.Old,
          max_age: nanos(definition.maxAgeMs),
          max_bytes: definition.maxBytes,
          max_msgs_per_subject: definition.maxPerSubject,
          duplicate_window: nanos(definition.duplicateWindowMs),
          num_replicas: clustered ? definition.replicas : 1,
          allow_direct: true,
        };
        try {
          // An existing stream is updated: adding it again would need its whole bound unreserved once more.
          if (await this.#hasStream(config.name)) await this.#jsm.streams.update(config.name, config);
          else await this.#jsm.streams.add(config);
        } catch (cause) {
          throw this.#streamError(config.name, cause);
        }
      }
    }
    const replicas = clustered ? 3 : 1;
    for (const chain of chains)
      for (const bucket of [snapshotBucket(chain), modelBucket(chain)])
        await new Objm(this.#connection).create(bucket, { storage: StorageType.File, replicas });
    await new Kvm(this.#connection).create(LEASE_BUCKET, { ttl: LEASE_TTL_MS, storage: StorageType.File, replicas });
  }

  async #hasStream(name: string): Promise<boolean> {
    try {
      await this.#jsm.streams.info(name);
      return true;
    } catch (cause) {
      if ((cause as { code?: number }).code === STREAM_NOT_FOUND) return false;
      throw cause;
    }
  }

  #streamError(name: string, cause: unknown): UserError {
    return new UserError(
      `cannot create stream ${name}: ${(cause as Error).message}`,
      "give the server more JetStream storage (max_file_store), or the user permission on $JS.API.STREAM.>",
      { cause: cause as Error },
    );
  }

  get connected(): boolean {
    return !this.#connection.isClosed();
  }

  /** Stores a message. Repeats with the same id store once. Resolves to its stream sequence. Throws `FencedError` or, at the end of its retries, `RetryableError`. */
  async publish<Key extends SubjectKey>(
    key: Key,
    tokens: Readonly<Record<string, string>>,
    body: BodyOf<Key>,
    options: PublishOptions,
  ): Promise<number> {
    return this.publishEncoded(key, tokens, encode(key, body), options);
  }

  /** As `publish`, of what `encode` has made of a body before. */
  async publishEncoded(
    key: SubjectKey,
    tokens: Readonly<Record<string, string>>,
    payload: Uint8Array,
    options: PublishOptions,
  ): Promise<number> {
    const subject = subjectOf(key, tokens);
    const meta = headers();
    if (options.trace !== null) meta.set("traceparent", formatTraceparent(options.trace));
    const expect = options.expectLastSequence === undefined ? {} : { expect: { lastSubjectSequence: options.expectLastSequence } };
    for (let attempt = 0; ; attempt++) {
      try {
        const ack = await this.#js.publish(subject, payload, { msgID: options.messageId, headers: meta, timeout: 5_000, ...expect });
        return ack.seq;
      } catch (cause) {
        if ((cause as { code?: number }).code === WRONG_LAST_SEQUENCE)
          throw new FencedError(`${subject}: another instance has published`, { cause });
        const delay = PUBLISH_BACKOFF_MS[attempt];
        if (delay === undefined)
          throw new RetryableError("publish-failed", `${subject}: not stored after ${attempt + 1} attempts: ${(cause as Error).message}`, {
            cause,
          });
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  /** The last message of a subject, decoded, or null. Throws `RetryableError` when it cannot be decoded. */
  async lastOf<Key extends SubjectKey>(key: Key, tokens: Readonly<Record<string, string>>): Promise<StoredMessage<Key> | null> {
    const stream = streamName(SUBJECTS[key].stream, tokens.chain ?? null);
    return storedOf(key, await this.#jsm.streams.getMessage(stream, { last_by_subj: subjectOf(key, tokens) }));
  }

  /** The first message of a subject at or after a stream sequence, decoded, or null. Throws `RetryableError` when it cannot be decoded. */
  async nextOf<Key extends SubjectKey>(
    key: Key,
    tokens: Readonly<Record<string, string>>,
    sequence: number,
  ): Promise<StoredMessage<Key> | null> {
    const stream = streamName(SUBJECTS[key].stream, tokens.chain ?? null);
    return storedOf(key, await this.#jsm.direct.getMessage(stream, { seq: Math.max(1, sequence), next_by_subj: subjectOf(key, tokens) }));
  }

  /** Sequence of the first message that a stream stored at or after this time, Unix milliseconds; of the next to come where there is none. */
  async sequenceAt(stream: StreamKey, chain: string | null, timeMs: number): Promise<number> {
    // Before the question, so that a message that is stored between the two is not taken for one that was there.
    const last = await this.lastSequence(stream, chain);
    const stored = await this.#jsm.direct.getMessage(streamName(stream, chain), { start_time: new Date(timeMs) });
    return stored?.seq ?? last + 1;
  }

  /** Sequence of the first message that a stream still holds; of the next to come where it is empty. */
  async firstSequence(stream: StreamKey, chain: string | null): Promise<number> {
    // A stream that never held anything says 0.
    return Math.max(1, (await this.#jsm.streams.info(streamName(stream, chain))).state.first_seq);
  }

  /** Sequence of the last message of a stream, 0 when it has none. */
  async lastSequence(stream: StreamKey, chain: string | null): Promise<number> {
    return (await this.#jsm.streams.info(streamName(stream, chain))).state.last_seq;
  }

  /**
   * Follows rows of one stream in order from `startSequence` on, without acks: for actors whose state depends on order and is rebuilt by replay.
   * The consumer resumes by itself after a gap or a reconnect. `pendingAtStart` is what lay there already.
   */
  async follow(options: {
    readonly stream: StreamKey;
    readonly chain: string | null;
    readonly keys: readonly SubjectKey[];
    readonly tokens: Readonly<Record<string, string>>;
    readonly startSequence: number;
    readonly onDelivery: (delivery: Delivery) => void;
  }): Promise<{ readonly pendingAtStart: number; stop(): Promise<void> }> {
    const consumer = await this.#js.consumers.get(streamName(options.stream, options.chain), {
      filter_subjects: options.keys.map((key) => filterOf(key, options.tokens)),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, options.startSequence),
    });
    const pendingAtStart = (await consumer.info()).num_pending;
    const messages = await consumer.consume({
      max_messages: 1_000,
      callback: (message) => options.onDelivery(this.#deliveryOf(options.stream, message)),
    });
    return { pendingAtStart, stop: () => stopConsuming(messages) };
  }

  #deliveryOf(stream: StreamKey, message: JsMsg): Delivery {
    return {
      message,
      meta: {
        id: message.headers?.get("Nats-Msg-Id") ?? "",
        subject: message.subject,
        stream,
        sequence: message.seq,
        storedAtMs: Math.floor(message.info.timestampNanos / 1e6),
      },
      trace: parseTraceparent(message.headers?.get("traceparent")),
    };
  }

  /** Every message of a stream (or of some rows of it) from `startSequence` to its present end, decoded, oldest first. Undecodable ones are given as null. */
  async *read(
    stream: StreamKey,
    chain: string | null,
    startSequence = 1,
    keys?: readonly SubjectKey[],
  ): AsyncGenerator<{ key: SubjectKey; body: AnyBody; meta: Meta } | null> {
    const end = await this.lastSequence(stream, chain);
    if (end < startSequence) return;
    const consumer = await this.#js.consumers.get(streamName(stream, chain), {
      ...(keys === undefined ? {} : { filter_subjects: keys.map((key) => filterOf(key, chain === null ? {} : { chain })) }),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, startSequence),
    });
    if ((await consumer.info()).num_pending === 0) return;
    const messages = await consumer.consume({ max_messages: 1_000 });
    for await (const message of messages) {
      const { meta } = this.#deliveryOf(stream, message);
      const decoded = decode(message.subject, message.data);
      yield decoded.ok ? { ...decoded.value, meta } : null;
      if (message.seq >= end || message.info.pending === 0) break;
    }
    await messages.close();
  }

  /** Asks whoever answers such questions on a chain; null where nobody does, or not in time. Throws `RetryableError` for an answer that cannot be read. */
  async ask<Key extends RequestKey>(key: Key, chain: string, request: RequestOf<Key>, timeoutMs: number): Promise<ReplyOf<Key> | null> {
    const row = REQUESTS[key];
    const subject = requestSubject(key, chain);
    let payload: Uint8Array;
    try {
      payload = (await this.#connection.request(subject, encodeAs(key, row.request, request), { timeout: timeoutMs })).data;
    } catch (cause) {
      if (cause instanceof RequestError || cause instanceof TimeoutError) return null;
      throw cause;
    }
    const decoded = decodeAs(row.reply, payload);
    if (!decoded.ok) throw new RetryableError("undecodable", `answer on ${subject}: ${decoded.error.detail}`);
    return decoded.value as ReplyOf<Key>;
  }

  /** Answers such questions from now on. One that cannot be read, or whose answer fails, gets none: who asks does not wait for ever. */
  answer<Key extends RequestKey>(
    key: Key,
    chain: string,
    answerTo: (request: RequestOf<Key>) => Promise<ReplyOf<Key>>,
    onFailure: (cause: Error) => void,
  ): () => Promise<void> {
    const row = REQUESTS[key];
    const respond = async (message: Msg): Promise<void> => {
      const decoded = decodeAs(row.request, message.data);
      if (!decoded.ok) throw new TypeError(`${key}: ${decoded.error.detail}`);
      message.respond(encodeAs(key, row.reply, await answerTo(decoded.value as RequestOf<Key>)));
    };
    const subscription = this.#connection.subscribe(requestSubject(key, chain), {
      callback: (error, message) => void (error === null ? respond(message) : Promise.reject(error)).catch(onFailure),
    });
    return () => subscription.drain();
  }

  /** Number of messages now in a stream, by row. */
  async countMessages(stream: StreamKey, chain: string | null): Promise<number> {
    return (await this.#jsm.streams.info(streamName(stream, chain))).state.messages;
  }

  /** Messages buried so far, over all actors. */
  async countDeadLetters(): Promise<number> {
    return this.countMessages("DEAD_LETTERS", null);
  }

  async openSnapshots(chain: string): Promise<ObjectStore> {
    return new Objm(this.#connection).open(snapshotBucket(chain));
  }

  async openModels(chain: string): Promise<ObjectStore> {
    return new Objm(this.#connection).open(modelBucket(chain));
  }

  async openLeases(): Promise<KV> {
    return new Kvm(this.#connection).open(LEASE_BUCKET);
  }

  /** Ends the connection once everything handed to it is out. */
  async close(): Promise<void> {
    if (!this.#connection.isClosed()) await this.#connection.drain();
  }
}

function storedOf<Key extends SubjectKey>(key: Key, stored: StoredMsg | null): StoredMessage<Key> | null {
  if (stored === null) return null;
  const decoded = decode(stored.subject, stored.data);
  if (!decoded.ok) throw new RetryableError("undecodable", `message ${stored.seq} of ${stored.subject}: ${decoded.error.detail}`);
  return {
    key,
    body: decoded.value.body as BodyOf<Key>,
    meta: {
      id: stored.header.get("Nats-Msg-Id"),
      subject: stored.subject,
      stream: SUBJECTS[key].stream,
      sequence: stored.seq,
      storedAtMs: stored.time.getTime(),
    },
  };
}

const DIAL_PAUSE_MS = 1_000;

async function dial(options: BusOptions, where: string): Promise<NatsConnection> {
  const givenUpAtMs = Date.now() + (options.patienceMs ?? 0);
  for (;;) {
    try {
      return await connect({
        servers: [...options.servers],
        name: options.name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        timeout: 5_000,
        // A stack for each request that might fail costs a tenth of a millisecond; what fails says subject and reason.
        noAsyncTraces: true,
        ...(options.credentialsFile === undefined ? {} : { authenticator: credsAuthenticator(readFileSync(options.credentialsFile)) }),
      });
    } catch (cause) {
      if (Date.now() >= givenUpAtMs) {
        throw new UserError(
          `no NATS server answers at ${where}: ${(cause as Error).message}`,
          "start one (nats-server -js) or correct nats.servers",
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, DIAL_PAUSE_MS));
    }
  }
}

async function stopConsuming(messages: ConsumerMessages): Promise<void> {
  await messages.close();
}
