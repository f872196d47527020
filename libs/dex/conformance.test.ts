import { describe } from "vitest";
import { type ConformanceSpec, conform } from "#libs/dex/conformance.ts";
import type { FamilyId } from "#libs/dex/family.ts";
import { FAMILIES } from "#libs/dex/registry.ts";
import { invariant } from "#libs/units/invariant.ts";

/** A family of the registry without a conformance.ts in its folder fails the run. */
for (const id of Object.keys(FAMILIES) as FamilyId[]) {
  const { conformance } = (await import(`./${id}/conformance.ts`)) as { conformance: ConformanceSpec<FamilyId, object> };
  invariant((conformance.family as object) === FAMILIES[id], `${id}: its specification is of another family`);
  describe(id, () => conform(id, conformance));
}
