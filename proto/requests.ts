import type { Static, TSchema } from "typebox";
import { QuoteReply, QuoteRequest } from "#proto/quote/v1/quote.ts";
import type { ActorName } from "#proto/subjects.ts";

interface RequestRow<Request extends TSchema, Reply extends TSchema> {
  /** Per chain; in no stream: what nobody answers in time is asked again, or not. */
  readonly subject: string;
  readonly request: Request;
  readonly reply: Reply;
  readonly asks: readonly ActorName[];
  readonly answers: ActorName;
  readonly says: string;
}

const row = <Request extends TSchema, Reply extends TSchema>(definition: RequestRow<Request, Reply>): RequestRow<Request, Reply> =>
  definition;

/** Questions between actors, by NATS request and reply. Facts do not travel so: they are messages (`subjects.ts`). */
export const REQUESTS = {
  quote: row({
    subject: "hs.<chain>.quote",
    request: QuoteRequest,
    reply: QuoteReply,
    asks: ["gateway"],
    answers: "solver",
    says: "what an amount of one token is in another, and by which swaps",
  }),
} as const;

export type RequestKey = keyof typeof REQUESTS;
export type RequestOf<Key extends RequestKey> = Static<(typeof REQUESTS)[Key]["request"]>;
export type ReplyOf<Key extends RequestKey> = Static<(typeof REQUESTS)[Key]["reply"]>;

export const requestSubject = (key: RequestKey, chain: string): string => REQUESTS[key].subject.replace("<chain>", chain);
