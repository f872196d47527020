import type { OpportunityStatus } from "#services/gateway/api.ts";

type Tone = "good" | "busy" | "idle" | "warn" | "bad";

const TONES: Readonly<Record<OpportunityStatus, Tone>> = {
  open: "busy",
  planned: "busy",
  simulated: "busy",
  submitted: "busy",
  landed: "good",
  settled: "good",
  passed: "idle",
  expired: "idle",
  dropped: "warn",
  voided: "warn",
  reverted: "bad",
  failed: "bad",
};

export function Status({ status, detail }: { status: OpportunityStatus; detail?: string | null }) {
  return (
    <span className={`chip ${TONES[status]}`} title={detail ?? undefined}>
      {status}
    </span>
  );
}
