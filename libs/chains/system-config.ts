import { readFileSync } from "node:fs";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { parse } from "yaml";
import { UserError } from "#libs/units/invariant.ts";
import { FamilyName } from "#proto/pool/v1/state.ts";
import { AddressText, Token } from "#proto/scalars.ts";

const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Url = Type.String({ pattern: "^(https?|wss?)://" });

const ChainDefinition = Type.Object(
  {
    key: Token,
    chainId: Type.Integer({ minimum: 1 }),
    name: Type.String(),
    nativeSymbol: Type.String(),
    wrappedNative: AddressText,
    multicall3: AddressText,
    blockTimeMs: Type.Integer({ minimum: 1 }),
    tokens: Type.Array(
      Type.Object({
        address: AddressText,
        symbol: Type.String(),
        decimals: Type.Integer({ minimum: 0, maximum: 255 }),
        stable: Type.Optional(Type.Literal(true)),
      }),
    ),
    priceFeeds: Type.Optional(Type.Array(Type.Object({ token: AddressText, address: AddressText, source: Type.String() }))),
    dexes: Type.Array(
      Type.Object({
        id: Token,
        brand: Type.String(),
        family: FamilyName,
        variant: Type.String(),
        factory: AddressText,
        deployBlock: Type.Integer({ minimum: 0 }),
        feeBps: Type.Optional(Type.Integer({ minimum: 0, maximum: 9_999 })),
        verified: Type.Boolean(),
        source: Type.String(),
      }),
      { minItems: 1 },
    ),
    flashLenders: Type.Array(Type.Object({ id: Token, kind: Type.Literal("balancer-v2"), address: AddressText })),
    relays: Type.Array(Type.Object({ name: Token, url: Url })),
    executorContract: Type.Optional(AddressText),
  },
  { additionalProperties: false },
);

const Positive = Type.Number({ exclusiveMinimum: 0 });
/** libs/evm/budget.ts says what each means. */
const Endpoint = Type.Object(
  {
    url: Url,
    /** Names appear in metrics and logs, so no URL and no key. */
    name: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" })),
    requestsPerSecond: Type.Optional(Positive),
    unitsPerSecond: Type.Optional(Positive),
    unitsByMethod: Type.Optional(Type.Record(Type.String(), Type.Number({ minimum: 0 }))),
    pricePerMillionUnits: Type.Optional(Type.Number({ minimum: 0 })),
    maxBatch: Type.Optional(Type.Integer({ minimum: 1 })),
    maxLogRange: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);

const ChainSection = Type.Object(
  {
    /** Endpoints of the chain, WebSocket ones first: heads come by subscription where they can. */
    rpc: Type.Array(Type.Union([Url, Endpoint]), { minItems: 1 }),
    /** Endpoints that must agree on a head before it counts: 1, or more than half of them. */
    rpcQuorum: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Facts of a chain that is not built in (libs/chains), or that replace the built-in ones. */
    definition: Type.Optional(ChainDefinition),
    /** Ids of the DEXes to follow, also unverified ones. Default: all verified ones of the chain. */
    dexes: Type.Optional(Type.Array(Token, { minItems: 1, uniqueItems: true })),
    /** Which pools are followed. */
    admission: Type.Optional(
      Type.Object(
        {
          /** Pools that hold less are looked at again later; followed ones leave below half of it. Default 10,000. */
          minTvlUsd: Type.Optional(Type.Number({ minimum: 0 })),
          /** The same in native coins, where no stable coin has a price. Default 5. */
          minTvlNative: Type.Optional(Type.Number({ minimum: 0 })),
          /** Quarantined pools that may be taken up again, once they agree with the chain. */
          release: Type.Optional(Type.Array(AddressText)),
        },
        { additionalProperties: false },
      ),
    ),
    mode: Type.Optional(Type.Union([Type.Literal("paper"), Type.Literal("simulate"), Type.Literal("live")])),
    /** An encrypted keystore (Web3 secret storage) and the file that holds its password. Needed in simulate and live mode. */
    wallet: Type.Optional(Type.Object({ keystoreFile: Type.String(), passwordFile: Type.String() }, { additionalProperties: false })),
    executorContract: Type.Optional(AddressText),
    relays: Type.Optional(Type.Array(Type.Object({ name: Token, url: Url }, { additionalProperties: false }))),
    solver: Type.Optional(
      Type.Object(
        {
          maxHops: Type.Optional(Type.Integer({ minimum: 2, maximum: 5 })),
          maxSwaps: Type.Optional(Type.Integer({ minimum: 2, maximum: 80 })),
          maxVisits: Type.Optional(Type.Integer({ minimum: 1_000 })),
          maxCandidates: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
          lateDexMs: Type.Optional(Type.Integer({ minimum: 1 })),
          /** Milliseconds from when a search is asked for: then what it has found is the answer, without a plan. None by default. */
          deadlineMs: Type.Optional(Type.Integer({ minimum: 1 })),
          /** Tokens beside the wrapped native coin that cycles may begin in, in order of preference: what the chain's lender holds of each, raw units. */
          startTokens: Type.Optional(
            Type.Array(
              Type.Object({ token: AddressText, maxAmountIn: Type.String({ pattern: "^[0-9]+$" }) }, { additionalProperties: false }),
              {
                maxItems: 64,
              },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    scorer: Type.Optional(
      Type.Object(
        {
          /** Who makes the order: net profit until a model of the chain's own has been promoted (`proven`, the default), the model that is installed too, or never a model. */
          ranking: Type.Optional(Type.Enum(["proven", "model", "net-profit"])),
          /** A champion of which nothing has been heard for longer is stale, and nothing is traded. Default 168. */
          maxModelAgeHours: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
          /** Standard deviations of the outcome that are taken off its expected value. Default 0. */
          riskAversion: Type.Optional(Type.Number({ minimum: 0, maximum: 5 })),
          /** Share of blocks whose first place is drawn, so that outcomes are not only of what models prefer. Default 0.05, in live mode 0. */
          explorationShare: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    trainer: Type.Optional(
      Type.Object(
        {
          /** Labelled blocks from one training to the next; a quarter of it where the champion has drifted. Default 1,800. */
          trainEveryBlocks: Type.Optional(Type.Integer({ minimum: 1 })),
          /** Labels of so many blocks are trained on. Default 50,000. */
          trainWindowBlocks: Type.Optional(Type.Integer({ minimum: 1 })),
          /** New candidates of either outcome without which nothing is trained. Default 500. */
          trainLeastOfEach: Type.Optional(Type.Integer({ minimum: 50 })),
          /** Compared blocks at the first look at a challenger; the second, third and last look take 2, 4 and 8 times as many. Default 250. */
          trialBlocks: Type.Optional(Type.Integer({ minimum: 10 })),
          /** Share of the blocks that a challenger that has passed its trial decides before it decides all. Default 0.2. */
          canaryShare: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
          /** Blocks that it decides so. Default 100. */
          canaryBlocks: Type.Optional(Type.Integer({ minimum: 10 })),
          /** The champion is checked for drift as often. Default 50. */
          checkEveryBlocks: Type.Optional(Type.Integer({ minimum: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    /** Opportunities below this net profit, in wei, are not executed. Decimal string. */
    minNetProfitWei: Type.Optional(Type.String({ pattern: "^[0-9]+$" })),
  },
  { additionalProperties: false },
);

/** The one configuration file of a deployment, YAML or JSON. A string `env:NAME` anywhere is replaced by that environment variable. */
export const SystemConfig = Type.Object(
  {
    nats: Type.Object(
      { servers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }), credentialsFile: Type.Optional(Type.String()) },
      { additionalProperties: false },
    ),
    chains: Type.Record(Token, ChainSection),
    /** Health and metrics of every process. Port 0 picks a free one. */
    http: Type.Optional(Type.Object({ host: Type.Optional(Type.String()), port: Type.Optional(Port) }, { additionalProperties: false })),
    gateway: Type.Optional(
      Type.Object(
        { host: Type.Optional(Type.String()), port: Type.Optional(Port), corsOrigins: Type.Optional(Type.Array(Type.String())) },
        { additionalProperties: false },
      ),
    ),
    dashboard: Type.Optional(
      Type.Object(
        { host: Type.Optional(Type.String()), port: Type.Optional(Port), apiUrl: Type.Optional(Type.String()) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type SystemConfig = Static<typeof SystemConfig>;
export type ChainSection = Static<typeof ChainSection>;

const check = Compile(SystemConfig);

/** Of a chain's section what its actors go by, without where the chain is and who pays. */
const ActorSettings = Type.Pick(ChainSection, ["solver", "scorer", "trainer", "minNetProfitWei"], { additionalProperties: false });
export type ActorSettings = Static<typeof ActorSettings>;
const checkSettings = Compile(ActorSettings);

function fillFromEnvironment(value: unknown, environment: Readonly<Record<string, string | undefined>>, path: string): unknown {
  if (typeof value === "string" && value.startsWith("env:")) {
    const name = value.slice(4);
    const found = environment[name];
    if (found === undefined || found === "")
      throw new UserError(
        `configuration ${path} wants environment variable ${name}, which is not set`,
        `set ${name} or write the value into the file`,
      );
    return found;
  }
  if (Array.isArray(value)) return value.map((item, index) => fillFromEnvironment(item, environment, `${path}/${index}`));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillFromEnvironment(item, environment, `${path}/${key}`)]));
  }
  return value;
}

/** The first wrong field, in words. */
function faultIn(origin: string, errors: ReturnType<typeof check.Errors>): UserError {
  // Where several forms are allowed, "must be string" only says that it is another of them: what is wrong with that one comes after.
  const forms = new Set(errors.filter(({ keyword }) => keyword === "anyOf").map(({ instancePath }) => instancePath));
  const error =
    errors.find(({ keyword, instancePath }) => keyword !== "boolean" && !(keyword === "type" && forms.has(instancePath))) ?? errors[0];
  const extra =
    error?.params && "additionalProperties" in error.params
      ? ` (${(error.params as { additionalProperties: string[] }).additionalProperties.join(", ")})`
      : "";
  return new UserError(
    `malformed configuration ${origin}: ${error?.instancePath || "/"} ${error?.message ?? "is wrong"}${extra}`,
    "correct that field; docs/configuration.md lists all of them",
  );
}

/** Checks a parsed configuration. Throws `UserError` that names the first wrong field. */
export function parseSystemConfig(raw: unknown, origin: string, environment: Readonly<Record<string, string | undefined>>): SystemConfig {
  const filled = fillFromEnvironment(raw, environment, "");
  if (check.Check(filled)) return filled;
  throw faultIn(origin, check.Errors(filled));
}

/** Reads a file with settings of a chain's actors. Throws `UserError` as `readSystemConfig` does. */
export function readActorSettings(file: string, environment: Readonly<Record<string, string | undefined>> = process.env): ActorSettings {
  const filled = fillFromEnvironment(readYaml(file, "--settings"), environment, "");
  if (checkSettings.Check(filled)) return filled;
  throw faultIn(file, checkSettings.Errors(filled));
}

/** Reads a configuration file. Throws `UserError` for a file that is missing, not YAML, or malformed. */
export function readSystemConfig(file: string, environment: Readonly<Record<string, string | undefined>> = process.env): SystemConfig {
  return parseSystemConfig(readYaml(file, "--config"), file, environment);
}

function readYaml(file: string, option: "--config" | "--settings"): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new UserError(`cannot read configuration ${file}: ${(cause as Error).message}`, `give an existing file with ${option} FILE`, {
      cause,
    });
  }
  try {
    return parse(text);
  } catch (cause) {
    throw new UserError(
      `configuration ${file} is not YAML: ${(cause as Error).message.split("\n")[0]}`,
      "correct the syntax at that place",
      { cause },
    );
  }
}
