import { FEATURE_COUNT, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Dataset } from "#libs/ml/train.ts";
import type { ModelScore } from "#proto/opportunity/v1/scored.ts";
import type { Label, OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

/** Labels as a trainer would have given them for the candidates of an invented market. */

export interface Scored {
  readonly champion: ModelScore | null;
  readonly challenger: ModelScore | null;
}
const NOBODY: Scored = { champion: null, challenger: null };

/** A model that expects this profit and says this probability. */
export const scoreOf = (landing: number, profitWei: number): ModelScore => ({
  landing,
  profit: BigInt(Math.round(profitWei)).toString(),
  spread: 1,
  value: BigInt(Math.round(landing * profitWei)).toString(),
});

const whole = (value: number) => BigInt(Math.round(value)).toString();

/** What became of a candidate that was sent: landed with this net profit, or somebody else was faster. */
export function labelOf(
  row: {
    readonly rank: number;
    readonly features: Label["evaluation"]["features"];
    readonly netProfitWei: number;
    readonly landedWei: number | null;
  },
  scores: Scored = NOBODY,
): Label {
  const { rank, features, netProfitWei, landedWei } = row;
  const netProfit = whole(netProfitWei);
  const execution = { executionId: `0x${"0".repeat(64)}`, mode: "live", code: null } as const;
  const landing = { blockNumber: 1, transactionHash: `0x${"0".repeat(64)}`, succeeded: true, gasUsed: 1, gasCost: "1", tip: null };
  return {
    executions: [
      landedWei === null
        ? { ...execution, end: "expired", landing: null }
        : { ...execution, end: "landed", landing: { ...landing, profit: null, netProfit: whole(landedWei), builderPayment: null } },
    ],
    rejected: null,
    cycleId: rank.toString(16).padStart(16, "0"),
    rank,
    grossProfit: whole(Math.max(0, netProfitWei) + 1e15),
    netProfit,
    evaluation: { features, ...scores },
    next: { state: "gone", because: null, grossProfit: null, netProfit: null, rivals: landedWei === null ? 1 : 0, rival: null },
    outcome: landedWei === null ? "expired" : "landed",
  };
}

const hashOf = (text: string): string => `0x${Buffer.from(text).toString("hex").padStart(64, "0")}`;

export function labelled(
  blockNumber: number,
  labels: readonly Label[],
  standing: Partial<Pick<OutcomeLabelled, "champion" | "challenger" | "ranking">> = {},
): OutcomeLabelled {
  return {
    kind: "outcome-labelled",
    v: 1,
    chainId: 31_337,
    blockNumber,
    blockHash: hashOf(`block ${blockNumber}`),
    observedAtMs: 1_000_000 + blockNumber * 1_000,
    causeId: null,
    epoch: 0,
    featureSchema: SCHEMA_HASH,
    champion: null,
    challenger: null,
    ranking: "net-profit",
    explored: false,
    labelledAtBlock: blockNumber + 6,
    ...standing,
    labels: [...labels],
  };
}

/** The rows of a dataset as labels of their blocks, renumbered from `firstBlock` on; `scoresOf`: what the models had said of a row. */
export function labelsFrom(
  { rows, blocks, landed, profitWei, promisedWei }: Dataset,
  firstBlock: number,
  scoresOf: (row: number) => Scored = () => NOBODY,
): OutcomeLabelled[] {
  const byBlock = Map.groupBy(
    Array.from(blocks, (_, row) => row),
    (row) => blocks[row] as number,
  );
  return [...byBlock.values()].map((own, place) =>
    labelled(
      firstBlock + place,
      own.map((row, rank) => {
        const features = Array.from(rows.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT), (value) =>
          Number.isNaN(value) ? null : value,
        );
        const landedWei = landed[row] === 1 ? (profitWei[row] as number) : null;
        return labelOf({ rank, features, netProfitWei: promisedWei[row] as number, landedWei }, scoresOf(row));
      }),
    ),
  );
}
