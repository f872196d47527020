import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import type { EndpointInput } from "#libs/evm/budget.ts";
import { UserError } from "#libs/units/invariant.ts";
import type { Mode } from "#proto/execution/v1/events.ts";

export interface ExecutorSettings {
  readonly chain: ChainConfig;
  /** In order of preference. */
  readonly rpc: readonly EndpointInput[];
  readonly mode: Mode;
  readonly wallet?: ChainSection["wallet"];
}

/** No chain of ours has reorganised deeper (the watcher remembers as many). */
export const REORG_BLOCKS = 128;

/** Refuses what cannot work before anything starts. */
export function checkExecutorSettings({ chain, mode, wallet }: ExecutorSettings): void {
  if (chain.flashLenders.length === 0)
    throw new UserError(
      `chain ${chain.key} has no flash lender of a kind that the executor borrows from`,
      "add one to flashLenders in the chain's definition",
    );
  if (mode === "paper") return;
  if (wallet === undefined)
    throw new UserError(
      `chain ${chain.key}: mode ${mode} needs a wallet`,
      "set chains.<key>.wallet.keystoreFile and passwordFile (make one with `hyperspeed wallet create`)",
    );
  if (chain.executorContract === undefined)
    throw new UserError(`chain ${chain.key}: mode ${mode} needs our executor contract`, "deploy it and set chains.<key>.executorContract");
  if (mode === "live" && chain.relays.length === 0)
    throw new UserError(`chain ${chain.key}: live mode needs a relay`, "set chains.<key>.relays");
}

/** A transaction thrown out by a reorganisation is mined again within a few blocks or not at all: its plan is valid for one block only. */
export const COMEBACK_BLOCKS = 4;
