import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { UserError } from "#libs/units/invariant.ts";

const Bound = (defaultValue: number, description: string, minimum = 1) => Type.Integer({ minimum, default: defaultValue, description });

/** Options of the gateway. Every bound has its reason in its description. */
export const GatewayOptions = Type.Object(
  {
    host: Type.String({ default: "127.0.0.1", description: "Loopback unless said otherwise: there is no sign-in" }),
    port: Type.Integer({ minimum: 0, maximum: 65_535, default: 3001, description: "0 picks a free one" }),
    corsOrigins: Type.Array(Type.String({ pattern: "^https?://[^/]+$" }), {
      default: [],
      description: "Origins whose pages may read: the dashboard's",
    }),
    rateLimitPerMinute: Bound(1_200, "REST requests of one address: 20 a second is beyond any page and short of a nuisance"),
    maxClients: Bound(100, "WebSocket clients: each may hold maxBufferedBytes"),
    pingIntervalMs: Bound(
      15_000,
      "A client that answers no ping within one interval is removed: shorter than usual proxy idle limits (60 s)",
    ),
    statsIntervalMs: Bound(1_000, "Least time between two stats or health messages: faster than eyes read is waste"),
    maxBufferedBytes: Bound(4 * 1024 * 1024, "Unsent bytes of one client, some five initial messages, before it is dropped with 1013"),
    initialListSize: Bound(100, "Opportunities and trades in the initial message: what a page shows"),
    opportunitiesKept: Bound(500, "Per chain, in memory: minutes to hours of blocks"),
    tradesKept: Bound(1_000, "Settled trades per chain, in memory: more than a reorganisation can void. Totals count all"),
    executionsKept: Bound(4_000, "Unsettled executions per chain, in memory: some 60 blocks of 64 candidates, far beyond a target block"),
    profitPointsKept: Bound(720, "Points of a profit curve: about one a pixel; older ones are thinned", 8),
    pricesKept: Bound(20_000, "Tokens with a price per chain, in memory: some 10 MB"),
    poolValuesKept: Bound(20_000, "Pools with a value per chain, in memory: some 10 MB"),
    arbitragesKept: Bound(1_000, "Observed arbitrages per chain, in memory: an hour of the busiest chain"),
    rejectionsKept: Bound(500, "Rejected candidates per chain, in memory: half an hour of a chain with twelve-second blocks"),
    outcomesKept: Bound(2_048, "What became of candidates, per chain, in memory: those that the lists show, and more"),
    modelEventsKept: Bound(500, "Messages about models per chain, checks aside, in memory: a few a day. Who stands is folded from all"),
    modelsMeasured: Bound(16, "Models whose scores are compared with labels, per chain: two score at a time"),
    labelStretchesKept: Bound(60, "Stretches of blocks that labels are counted over: what a plot shows", 2),
    latencyWindow: Bound(1_024, "Latest samples that percentiles are taken from: p99 still rests on ten of them"),
    headLateAfterMs: Bound(30_000, "A head older than this, and than ten block times, makes the health degraded"),
  },
  { additionalProperties: false },
);
export type GatewayConfig = Static<typeof GatewayOptions>;

const check = Compile(GatewayOptions);

/** Fills the defaults and checks. Throws `UserError` that names the wrong field. */
export function gatewayConfig(options: Partial<GatewayConfig> = {}): GatewayConfig {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const defaults = Object.entries(GatewayOptions.properties).map(([name, schema]) => [name, (schema as { default?: unknown }).default]);
  const config: unknown = { ...Object.fromEntries(defaults), ...Object.fromEntries(given) };
  if (check.Check(config)) return config;
  const error = check.Errors(config)[0];
  throw new UserError(`malformed gateway option ${error?.instancePath || "/"}: ${error?.message ?? "is wrong"}`, "correct that option");
}
