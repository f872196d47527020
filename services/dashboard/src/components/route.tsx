import { Fragment } from "react";
import type { ArbitrageView, HopView } from "#services/gateway/api.ts";
import { runsOf } from "../market.ts";

/** WETH → USDC → WETH, and under it where each swap happens. A way that splits is written as its parts: WETH → USDC + WETH → USDC → WETH. */
export function Route({ hops }: { hops: readonly (HopView | ArbitrageView["hops"][number])[] }) {
  return (
    <div className="route">
      <div className="route-tokens">
        {runsOf(hops).map((run, index) => (
          <Fragment key={keyOf(run)}>
            {index === 0 ? null : <span className="arrow">+</span>}
            {run.map((hop) => (
              <Fragment key={keyOf([hop])}>
                <span title={hop.tokenIn.address}>{hop.tokenIn.symbol}</span>
                <span className="arrow" aria-hidden="true">
                  →
                </span>
              </Fragment>
            ))}
            <span title={run.at(-1)?.tokenOut.address}>{run.at(-1)?.tokenOut.symbol}</span>
          </Fragment>
        ))}
      </div>
      <div className="route-dexes">
        {hops.map((hop, index) => (
          <Fragment key={keyOf([hop])}>
            {index === 0 ? "" : " · "}
            <span title={`pool ${hop.pool}`}>{hop.dex ?? "not followed"}</span>
          </Fragment>
        ))}
      </div>
    </div>
  );
}

/** With the amount: somebody's arbitrage may pass through one pool twice. */
const keyOf = (hops: readonly { pool: string; tokenIn: { address: string }; amountIn: string }[]): string =>
  hops.map(({ pool, tokenIn, amountIn }) => `${pool} ${tokenIn.address} ${amountIn}`).join();
