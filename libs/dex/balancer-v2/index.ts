import { BalancerCurve } from "#libs/dex/balancer-v2/curve.ts";
import { applyLog, POOL_REGISTERED, poolOf, poolOfId, STATE_TOPICS } from "#libs/dex/balancer-v2/events.ts";
import { askVault } from "#libs/dex/balancer-v2/query.ts";
import { afterSwap, quoteExactIn, quoteExactOut } from "#libs/dex/balancer-v2/quote.ts";
import { describe, read, readMoving } from "#libs/dex/balancer-v2/read.ts";
import {
  applyRow,
  type BalancerState,
  created,
  derivedOf,
  fixedOf,
  isLive,
  mergeUndo,
  toChangeRow,
  toRow,
} from "#libs/dex/balancer-v2/state.ts";
import type { Family } from "#libs/dex/family.ts";

/**
 * Measured as whole transactions less 25,000, both token transfers in them: weighted 70,000 to 75,000, with a price oracle up to 105,000; stable 90,000
 * to 129,000 of two to five tokens; meta-stable 123,000 to 140,000; composable stable 111,000 to 146,000. A rate that has expired asks its provider.
 */
const GAS = {
  weighted: { base: 75_000, perToken: 0 },
  stable: { base: 65_000, perToken: 13_000 },
  "meta-stable": { base: 97_000, perToken: 13_000 },
  "composable-stable": { base: 90_000, perToken: 11_000 },
} as const;
const GAS_PER_PROVIDER = 12_000;
const GAS_OF_ORACLE = 30_000;

/**
 * Pools of a Balancer V2 vault and of its forks: weighted, stable, meta-stable and composable stable. All other kinds (linear, phantom, managed, bootstrapping,
 * Gyro, FX …) are refused when they are described. Tokens are the vault's without the pool's own, which a composable pool registers too: joins and exits through
 * a swap of it are not quoted. The deployment's `factory` is the vault. Sources: balancer-v2-monorepo, pkg/vault, pool-utils, pool-weighted, pool-stable.
 */
export const balancerV2: Family<"balancer-v2", BalancerState> = {
  id: "balancer-v2",
  variants: ["balancer-v2"],
  knownView: () => ({ name: "getProtocolFeesCollector()", data: "0xd2946c2b" }),
  topics: () => ({ created: [POOL_REGISTERED], state: STATE_TOPICS }),
  decodeCreated: ([, topics]) => poolOfId(topics[1] as string),
  describe: (reader, { factory }, pools) => describe(reader, factory, pools),
  poolOf: (log, { factory }) => poolOf(log, factory),
  custodian: ({ factory }) => factory,
  created,
  isLive,
  applyLog,
  applyRow,
  toRow,
  toChangeRow,
  mergeUndo,
  read: (reader, { factory }, pools) => read(reader, factory, pools),
  refresh: {
    needed: ({ facts }, { ampMoves, paused }) => ampMoves || paused || facts.rateProviders.length > 0,
    read: (reader, { factory }, pools, timestamp) => readMoving(reader, factory, pools, timestamp),
  },
  quoteExactIn,
  quoteExactOut,
  afterSwap,
  quotableAgain: () => true,
  holdings: (_, { cash, managed }) => cash.map((amount, index) => amount + (managed[index] as bigint)),
  curve(info, state) {
    state.curve ??= new BalancerCurve();
    state.curve.update(fixedOf(info, state), derivedOf(info, state), state);
    return state.curve;
  },
  // The pools' own numbers have 18 decimals, so an answer comes in steps of 1e-18 of the balance that goes out, times the ratio of the weights (up to 99): this
  // many units of a balance of 1e27.
  curveError: { relative: 1e-9, units: 1e11 },
  swapCall: ({ facts: { vault, poolId } }) => ({ form: "balancer-v2", vault, poolId }),
  swapGas({ tokens, facts }) {
    const { base, perToken } = GAS[facts.kind];
    const providers = facts.rateProviders.filter((provider) => BigInt(provider) !== 0n).length;
    const oracle = facts.kind === "weighted" && facts.maths === 1 && tokens.length === 2 ? GAS_OF_ORACLE : 0;
    return base + perToken * tokens.length + GAS_PER_PROVIDER * providers + oracle;
  },
  ask: (client, at, { factory }, questions) => askVault(client, at, factory, questions),
};
