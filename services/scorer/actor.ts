import { type Actor, count, type Effect, publish } from "#libs/actor/actor.ts";
import { maxNextBaseFee } from "#libs/evm/gas-price.ts";
import type { BodyOf } from "#proto/subjects.ts";

export interface Config {
  /** Wei per gas that an execution pays above the base fee. */
  readonly priorityFeePerGas: bigint;
  /** Wei. */
  readonly minNetProfit: bigint;
}

/** Ranks a block's candidates by net profit after gas. It has no state and no model yet: the order says so (`ranking`). */
export const scorer: Actor<null, Config, "cycleFound", never, never> = {
  name: "scorer",
  decide(state, input, config) {
    if (input.type !== "message") return { state, effects: [] };
    const { body, meta } = input;
    const maxNextBaseFeePerGas = maxNextBaseFee(BigInt(body.baseFeePerGas));
    const priced = body.candidates.map((candidate) => {
      const gasCost = BigInt(candidate.gasEstimate) * (maxNextBaseFeePerGas + config.priorityFeePerGas);
      return { candidate, gasCost, netProfit: BigInt(candidate.grossProfit) - gasCost };
    });
    priced.sort((left, right) => (left.netProfit > right.netProfit ? -1 : left.netProfit < right.netProfit ? 1 : 0));
    const worth = priced.filter(({ netProfit }) => netProfit >= config.minNetProfit);
    const rejected = priced.filter(({ netProfit }) => netProfit < config.minNetProfit);
    const scored: BodyOf<"opportunityScored"> = {
      kind: "opportunity-scored",
      v: 1,
      chainId: body.chainId,
      blockNumber: body.blockNumber,
      blockHash: body.blockHash,
      observedAtMs: body.observedAtMs,
      causeId: meta.id,
      epoch: body.epoch,
      ranking: "net-profit",
      maxNextBaseFeePerGas: maxNextBaseFeePerGas.toString(),
      priorityFeePerGas: config.priorityFeePerGas.toString(),
      opportunities: worth.map(({ candidate, gasCost, netProfit }, rank) => ({
        candidate,
        gasCost: gasCost.toString(),
        netProfit: netProfit.toString(),
        rank,
      })),
      rejected: rejected.map(({ candidate, netProfit }) => ({
        cycleId: candidate.cycleId,
        reason: "below-minimum",
        netProfit: netProfit.toString(),
      })),
    };
    const chain = meta.subject.split(".")[1] as string;
    const effects: Effect<never>[] = [
      publish("opportunityScored", { chain }, `opportunities:${chain}:${body.blockHash}:${body.epoch}`, scored),
      count("opportunities", {}, worth.length),
      count("candidatesRejected", { reason: "below-minimum" }, rejected.length),
      { type: "finished-block", blockNumber: body.blockNumber },
    ];
    return { state, effects };
  },
};
