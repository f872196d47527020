/** What a local chain in its own process and its client say to each other, over the IPC channel of child_process.fork (structured clone: bigints travel). */

import type { BuiltBlock, LocalnetFacts, LocalnetProgress } from "./index.ts";

/** Holds the `LocalnetSettings` as JSON. */
export const SETTINGS_VARIABLE = "HYPERSPEED_LOCALNET";

export type Command =
  | { readonly name: "addOperator"; readonly operator: string }
  | { readonly name: "fund"; readonly address: string; readonly amountWei: bigint }
  | { readonly name: "start" }
  | { readonly name: "stop" }
  | { readonly name: "mine" }
  | { readonly name: "reorg"; readonly depth: number };

export interface Request {
  readonly id: number;
  readonly command: Command;
}

/** An error without its class: what the user is told, and the remedy if there is one. */
export interface Fault {
  readonly message: string;
  readonly remedy?: string;
}

export type Report =
  | { readonly kind: "progress"; readonly progress: LocalnetProgress }
  | { readonly kind: "ready"; readonly facts: LocalnetFacts }
  | { readonly kind: "block"; readonly block: BuiltBlock }
  | { readonly kind: "reply"; readonly id: number; readonly result?: unknown; readonly fault?: Fault }
  /** The last thing said: the process ends. */
  | { readonly kind: "fault"; readonly fault: Fault };

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { message: String(error) };
  const remedy = (error as { remedy?: unknown }).remedy;
  return { message: error.message, ...(typeof remedy === "string" ? { remedy } : {}) };
}
