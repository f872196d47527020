import Type, { type Static } from "typebox";
import { Candidate } from "#proto/cycle/v1/found.ts";
import { Count, Int, messageSchema, Uint } from "#proto/scalars.ts";

export const Scored = Type.Object({
  candidate: Candidate,
  /** gasEstimate times the most that the next base fee can be, plus the priority fee, wei. */
  gasCost: Uint,
  /** grossProfit less gasCost, wei. */
  netProfit: Int,
  /** 0 is best. */
  rank: Count,
});
export type Scored = Static<typeof Scored>;

/** Candidates of one block in the order in which they deserve execution. One message for each CycleFound, also with none left. */
export const OpportunityScored = messageSchema("opportunity-scored", {
  epoch: Count,
  /** How the order was made. `net-profit`: net profit after gas, no model. */
  ranking: Type.Literal("net-profit"),
  /** Base fee per gas that the next block may have at most (EIP-1559: 12.5 % above this one's), wei. */
  maxNextBaseFeePerGas: Uint,
  /** Paid to the builder above the base fee, wei per gas: the executor sends what was counted on. */
  priorityFeePerGas: Uint,
  opportunities: Type.Array(Scored),
  /** Candidates that did not pass, with the gate that stopped them. */
  rejected: Type.Array(Type.Object({ cycleId: Type.String(), reason: Type.Literal("below-minimum"), netProfit: Int })),
});
export type OpportunityScored = Static<typeof OpportunityScored>;
