import { Interface } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";

let errors: Interface | null = null;

/** A revert of our executor in words, `Name(argument, …)`, or null for data that is none of its errors. */
export function executorErrorOf(data: unknown): string | null {
  const hex =
    typeof data === "string"
      ? data
      : typeof data === "object" && data !== null && "data" in data
        ? (data as { data: unknown }).data
        : undefined;
  if (typeof hex !== "string" || hex.length < 10) return null;
  errors ??= new Interface(JSON.stringify(artifact("Executor").abi));
  try {
    const parsed = errors.parseError(hex);
    return parsed === null ? null : `${parsed.name}(${parsed.args.map(String).join(", ")})`;
  } catch {
    // Data that only looks like one of its errors.
    return null;
  }
}
