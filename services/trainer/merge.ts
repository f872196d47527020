import type { Meta } from "#libs/actor/actor.ts";
import type { StreamKey } from "#proto/subjects.ts";

interface Stored {
  readonly meta: Meta;
}

/** At the same millisecond the market comes first, then what was decided on it, what was done about that, and what was learnt of it. */
const ORDER: readonly StreamKey[] = ["MARKET", "DECISIONS", "MONEY", "MODELS"];

/**
 * Several streams as one sequence: in the order in which the broker stored them. Streams are delivered each at its own pace, a replay's above all; what is merged
 * depends on nothing but what they hold. One broker's clock stamps them all; on a cluster the leaders' clocks may differ by as much as they are off.
 */
export class Merge<Message extends Stored> {
  readonly #queues = new Map<StreamKey, { waiting: Message[]; taken: number; through: number }>();

  /** `through`: sequences up to which a stream's messages are not awaited. */
  constructor(through: Partial<Readonly<Record<StreamKey, number>>>) {
    for (const stream of ORDER) this.#queues.set(stream, { waiting: [], taken: 0, through: through[stream] ?? 0 });
  }

  push(message: Message): void {
    const queue = this.#queueOf(message.meta.stream);
    queue.waiting.push(message);
    queue.through = message.meta.sequence;
  }

  /** Messages up to this sequence are not awaited any more. */
  skipTo(stream: StreamKey, sequence: number): void {
    this.#queueOf(stream).through = sequence;
  }

  /** Sequence of the last message that has come from this stream. */
  through(stream: StreamKey): number {
    return this.#queueOf(stream).through;
  }

  /** When the newest message that waits from this stream was stored; null where none waits. */
  newestMs(stream: StreamKey): number | null {
    return this.#queueOf(stream).waiting.at(-1)?.meta.storedAtMs ?? null;
  }

  /** The oldest message that waits, if it was stored before this time. */
  takeBefore(timeMs: number): Message | null {
    let best: { waiting: Message[]; taken: number } | null = null;
    let bestMs = timeMs;
    for (const queue of this.#queues.values()) {
      const next = queue.waiting[queue.taken];
      if (next === undefined || next.meta.storedAtMs >= bestMs) continue;
      best = queue;
      bestMs = next.meta.storedAtMs;
    }
    if (best === null) return null;
    const message = best.waiting[best.taken++] as Message;
    // What has been taken is let go of by halves: a replay holds some ten thousand messages.
    if (best.taken * 2 >= best.waiting.length) {
      best.waiting.splice(0, best.taken);
      best.taken = 0;
    }
    return message;
  }

  #queueOf(stream: StreamKey): { waiting: Message[]; taken: number; through: number } {
    const queue = this.#queues.get(stream);
    if (queue === undefined) throw new TypeError(`stream ${stream} is not merged`);
    return queue;
  }
}
