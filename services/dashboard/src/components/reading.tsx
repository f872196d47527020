import type { ReactNode } from "react";
import { clockTime, count } from "../format.ts";
import type { Reading } from "../market.ts";

/** Beside a title: which block the figures are of, DEXes that were late for it, and that the gateway stopped answering, if it did. */
export function ReadingNote(props: {
  reading: Reading<unknown>;
  views?: readonly { readonly chain: string; readonly blockNumber: number; readonly lateDexes: readonly string[] }[];
  children?: ReactNode;
}) {
  const { reading, views = [], children } = props;
  const late = views.flatMap(({ lateDexes }) => lateDexes);
  return (
    <>
      {reading.failure === null ? null : (
        <span className="warning" role="status">
          {reading.failure}
          {reading.answer === null ? "" : `: as of ${clockTime(reading.answeredAtMs)}`}
        </span>
      )}
      {late.length === 0 ? null : (
        <span className="warning" title={`Not yet reported for this block, their last states stand: ${late.join(", ")}`}>
          {count(late.length)} {late.length === 1 ? "DEX" : "DEXes"} late
        </span>
      )}
      <span className="muted">
        {children}
        {views.map(({ chain, blockNumber }) => (
          <span key={chain} className="as-of">
            {views.length > 1 ? `${chain} ` : ""}#{count(blockNumber)}
          </span>
        ))}
      </span>
    </>
  );
}

/** In place of a table that has not been answered yet. */
export function Unanswered({ reading }: { reading: Reading<unknown> }) {
  return (
    <p className="empty" role="status">
      {reading.failure === null ? "Asking the gateway…" : `Nothing to show: ${reading.failure}. It is asked again every few seconds.`}
    </p>
  );
}

/** What there is to know of dollars where there are none. */
export function MissingDollars({
  chains,
  namesChain,
  nativeSymbols,
}: {
  chains: readonly string[];
  namesChain: boolean;
  nativeSymbols: readonly string[];
}) {
  if (chains.length === 0) return null;
  return (
    <p className="panel-foot">
      No stable coin has a price {namesChain ? `on ${chains.join(", ")}` : "here"}: values are in {[...new Set(nativeSymbols)].join(", ")}{" "}
      alone.
    </p>
  );
}
