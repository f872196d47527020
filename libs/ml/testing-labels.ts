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

/** What became of a candidate that nobody sent: there a block later with this net profit, or gone. */
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
  const nothing = { because: null, rivals: 0, rival: null };
  return {
    executions: [],
    rejected: null,
    cycles: 1,
    cycleId: rank.toString(16).padStart(16, "0"),
    rank,
    grossProfit: whole(Math.max(0, netProfitWei) + 1e15),
    netProfit,
    evaluation: { features, ...scores },
    next:
      landedWei === null
        ? { ...nothing, state: "gone", grossProfit: null, netProfit: null }
        : { ...nothing, state: "there", grossProfit: whole(landedWei + 1e15), netProfit: whole(landedWei) },
    outcome: landedWei === null ? "vanished" : "still-there",
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
