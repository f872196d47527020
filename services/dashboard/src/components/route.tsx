import { Fragment } from "react";
import type { HopView } from "#services/gateway/api.ts";

/** WETH → USDC → WETH, and under it where each swap happens. */
export function Route({ hops }: { hops: readonly HopView[] }) {
  return (
    <div className="route">
      <div className="route-tokens">
        {hops.map((hop) => (
          <Fragment key={`${hop.pool} ${hop.tokenIn.address}`}>
            <span title={hop.tokenIn.address}>{hop.tokenIn.symbol}</span>
            <span className="arrow" aria-hidden="true">
              →
            </span>
          </Fragment>
        ))}
        <span title={hops.at(-1)?.tokenOut.address}>{hops.at(-1)?.tokenOut.symbol}</span>
      </div>
      <div className="route-dexes">
        {hops.map((hop, index) => (
          <Fragment key={`${hop.pool} ${hop.tokenIn.address}`}>
            {index === 0 ? "" : " · "}
            <span title={`pool ${hop.pool}`}>{hop.dex}</span>
          </Fragment>
        ))}
      </div>
    </div>
  );
}
