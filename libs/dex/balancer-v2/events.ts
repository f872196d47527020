import { ampAt, ampColumn, type BalancerState, balancesRow, type Info, type Ramp, type Row } from "#libs/dex/balancer-v2/state.ts";
import { addressAt, addressOfTopic, intAt, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** keccak256("PoolRegistered(bytes32,address,uint8)") */
export const POOL_REGISTERED = "0x3c13bc30b8e878c53fd2a36b679409c073afd75950be43d8858768e956fbc20e";

/** Of the vault; the first topic after the event's own is the pool's id. */
const VAULT = {
  /** keccak256("Swap(bytes32,address,address,uint256,uint256)") */
  swap: "0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b",
  /** keccak256("PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])") */
  poolBalanceChanged: "0xe5ce249087ce04f05a957192435400fd97868dba0e6a4b4c049abf8af80dae78",
  /** keccak256("PoolBalanceManaged(bytes32,address,address,int256,int256)") */
  poolBalanceManaged: "0x6edcaf6241105b4c94c2efdbf3a6b12458eb3d07be3a0e81d24b13c44045fe7a",
} as const;

/** Of pools. Recovery mode is not among them: it changes what exits and protocol fees do, not swaps. */
const POOL = {
  /** keccak256("SwapFeePercentageChanged(uint256)") */
  swapFeePercentageChanged: "0xa9ba3ffe0b6c366b81232caab38605a0699ad5398d6cce76f91ee809e322dafc",
  /** keccak256("PausedStateChanged(bool)") */
  pausedStateChanged: "0x9e3a5e37224532dea67b89face185703738a228a6e8a23dee546960180d3be64",
  /** keccak256("AmpUpdateStarted(uint256,uint256,uint256,uint256)") */
  ampUpdateStarted: "0x1835882ee7a34ac194f717a35e09bb1d24c82a3b9d854ab6c9749525b714cdf2",
  /** keccak256("AmpUpdateStopped(uint256)") */
  ampUpdateStopped: "0xa0d01593e47e69d07e0ccd87bece09411e07dd1ed40ca8f2e7af2976542a0233",
  /** keccak256("TokenRateCacheUpdated(uint256,uint256)"), of composable stable pools: the token by its index in the vault. */
  tokenRateCacheUpdated: "0xb77a83204ca282e08dc3a65b0a1ca32ea4e6875c38ef0bf5bf75e52a67354fac",
  /** keccak256("PriceRateCacheUpdated(address,uint256)"), of meta-stable pools. */
  priceRateCacheUpdated: "0xc1a224b14823b63c7711127f125fbf592434682f38881ebb61408747a303affc",
} as const;

const VAULT_TOPICS: readonly string[] = Object.values(VAULT);
const POOL_TOPICS: readonly string[] = Object.values(POOL);
export const STATE_TOPICS: readonly string[] = [...VAULT_TOPICS, ...POOL_TOPICS];

/** An id begins with the pool's address: PoolRegistry._toPoolId. */
export const poolOfId = (poolId: string): Address => asAddress(poolId.slice(0, 42));

export function poolOf([address, topics]: LogRow, vault: Address): Address | null {
  const [topic, id] = topics;
  if (address === vault) return VAULT_TOPICS.includes(topic as string) ? poolOfId(id as string) : null;
  return POOL_TOPICS.includes(topic as string) ? asAddress(address) : null;
}

/** Returns what undoes it: a row of what the log changed. */
export function applyLog(info: Info, state: BalancerState, [, topics, data]: LogRow): Row {
  const { pool } = info;
  const before = state.derived;
  state.derived = null;
  switch (topics[0]) {
    case VAULT.swap: {
      const undo = undoOfBalances(info, state);
      addCash(info, state, addressOfTopic(topics[2] as string), uintAt(data, 0));
      addCash(info, state, addressOfTopic(topics[3] as string), -uintAt(data, 1));
      return undo;
    }
    case VAULT.poolBalanceChanged: {
      const undo = undoOfBalances(info, state);
      const [tokens, deltas, fees] = [0, 1, 2].map((word) => Number(uintAt(data, word)) / 32) as [number, number, number];
      const count = Number(uintAt(data, tokens));
      for (let index = 1; index <= count; index++) {
        // What came in or went out, less what the pool paid to the protocol.
        addCash(info, state, addressAt(data, tokens + index), intAt(data, deltas + index) - uintAt(data, fees + index));
      }
      return undo;
    }
    case VAULT.poolBalanceManaged: {
      const undo = undoOfBalances(info, state);
      const token = addressOfTopic(topics[3] as string);
      addCash(info, state, token, intAt(data, 0));
      const index = info.tokens.indexOf(token as Address);
      if (index >= 0) state.managed[index] = (state.managed[index] as bigint) + intAt(data, 1);
      return undo;
    }
    case POOL.swapFeePercentageChanged: {
      const undo: Row = [pool, [], [], state.swapFeePercentage < 0n ? null : state.swapFeePercentage.toString(), null, null, []];
      state.swapFeePercentage = uintAt(data, 0);
      return undo;
    }
    case POOL.pausedStateChanged: {
      const undo: Row = [pool, [], [], null, state.paused, null, []];
      state.paused = uintAt(data, 0) === 1n;
      return undo;
    }
    case POOL.ampUpdateStarted: {
      const undo: Row = [pool, [], [], null, null, ampColumn(state), []];
      const [startValue, endValue, startTime, endTime] = [0, 1, 2, 3].map((word) => uintAt(data, word)) as [bigint, bigint, bigint, bigint];
      const ramp: Ramp = { startValue, endValue, startTime, endTime };
      state.ramp = ramp;
      state.ampMoves = true;
      state.amp = ampAt(ramp, startTime);
      return undo;
    }
    case POOL.ampUpdateStopped: {
      const undo: Row = [pool, [], [], null, null, ampColumn(state), []];
      state.ramp = null;
      state.ampMoves = false;
      state.amp = uintAt(data, 0);
      return undo;
    }
    case POOL.tokenRateCacheUpdated: {
      const index = Number(uintAt(topics[1] as string, 0));
      const { bptIndex } = info.facts;
      return setRate(info, state, bptIndex >= 0 && index > bptIndex ? index - 1 : index, uintAt(data, 0));
    }
    case POOL.priceRateCacheUpdated:
      return setRate(info, state, info.tokens.indexOf(asAddress(addressOfTopic(topics[1] as string))), uintAt(data, 0));
    default:
      state.derived = before;
      return [pool, [], [], null, null, null, []];
  }
}

/** A pool that was never read begins with nothing. */
function undoOfBalances(info: Info, state: BalancerState): Row {
  if (state.cash.length === 0) {
    state.cash = info.tokens.map(() => 0n);
    state.managed = info.tokens.map(() => 0n);
  }
  return balancesRow(info, state);
}

/** The pool's own token, which a composable pool holds too, is none of `info.tokens`. */
function addCash({ tokens }: Info, state: BalancerState, token: string, amount: bigint): void {
  const index = tokens.indexOf(token as Address);
  if (index >= 0) state.cash[index] = (state.cash[index] as bigint) + amount;
}

function setRate({ pool }: Info, state: BalancerState, index: number, rate: bigint): Row {
  const undo: Row = [pool, [], [], null, null, null, state.rates.map(String)];
  if (index in state.rates) state.rates[index] = rate;
  return undo;
}
