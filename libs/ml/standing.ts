import type { DriftLevel } from "#proto/model/v1/events.ts";
import type { AnyBody, BodyOf, SubjectKey } from "#proto/subjects.ts";

/** What the standing of models is folded from. */
export const MODEL_KEYS = [
  "modelTrained",
  "modelPromoted",
  "modelRejected",
  "modelRolledBack",
  "modelChecked",
] as const satisfies readonly SubjectKey[];

/** Which models of a chain score, and which decides. */
export interface ModelStanding {
  /** Null: the model that the installation brought. */
  readonly champion: string | null;
  /** Scores beside the champion: one that is to prove itself, or the champion before. Null where there is none. */
  readonly challenger: string | null;
  /** Share of blocks that the challenger decides: 0 while it only scores. */
  readonly canaryShare: number;
  /** The challenger is the champion before: it shows what was given up. */
  readonly challengerIsFormer: boolean;
  /** What has last been said of how the champion does; null while nothing has. */
  readonly drift: DriftLevel | null;
  /** When something was last said that shows the champion to be looked after: Unix milliseconds; null while nothing has. */
  readonly caredAtMs: number | null;
}

export const NO_STANDING: ModelStanding = {
  champion: null,
  challenger: null,
  canaryShare: 0,
  challengerIsFormer: false,
  drift: null,
  caredAtMs: null,
};

/** Who makes the order, by configuration: net profit until a model of the chain's own has been promoted, any champion, or never a model. */
export type RankingChoice = "proven" | "model" | "net-profit";
/** Scorer and trainer have to agree. */
export const DEFAULT_RANKING: RankingChoice = "proven";

/** Whether net profit makes the order while this model is champion: under `proven` the installed one has yet to be beaten by a model of the chain's own. */
export const isNetProfits = (champion: string | null, ownModel: string, ranking: RankingChoice): boolean =>
  ranking === "net-profit" || (ranking === "proven" && (champion === null || champion === ownModel));

/**
 * The standing after one more message. What the gates said in ignorance does not count: they wrote before they had read what an operator had said of the same models.
 */
export function standingAfter(standing: ModelStanding, body: AnyBody): ModelStanding {
  switch (body.kind) {
    case "model-trained":
      return { ...standing, challenger: body.version, canaryShare: 0, challengerIsFormer: false };
    case "model-promoted":
      if (body.by === "gates" && isOutdated(standing, body)) return standing;
      if (body.share < 1) return { ...standing, challenger: body.version, canaryShare: body.share, challengerIsFormer: false };
      return {
        champion: body.version,
        challenger: body.previous,
        canaryShare: 0,
        challengerIsFormer: body.previous !== null,
        drift: null,
        caredAtMs: body.observedAtMs,
      };
    case "model-rejected":
      return standing.challenger === body.version ? { ...standing, challenger: null, canaryShare: 0, challengerIsFormer: false } : standing;
    case "model-rolled-back": {
      if (body.by === "gates" && body.version !== standing.champion && body.version !== standing.challenger) return standing;
      const without = { ...standing, challenger: null, canaryShare: 0, challengerIsFormer: false };
      // A canary gives its blocks back; the champion its place.
      return standing.champion === body.version ? { ...without, champion: body.to, drift: null, caredAtMs: body.observedAtMs } : without;
    }
    case "model-checked":
      // Of a champion that has none before it the standing does not know the version.
      return standing.champion === body.version || standing.champion === null
        ? { ...standing, drift: body.level, caredAtMs: body.observedAtMs }
        : standing;
    default:
      return standing;
  }
}

const isOutdated = ({ champion, challenger }: ModelStanding, { version, previous }: BodyOf<"modelPromoted">): boolean =>
  version !== challenger || (champion !== null && champion !== previous);
