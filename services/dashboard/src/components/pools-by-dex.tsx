import type { ChainStats } from "#services/gateway/api.ts";
import { count } from "../format.ts";
import { Panel } from "./panel.tsx";

export function PoolsByDex({ pools }: { pools: ChainStats["pools"] }) {
  const total = pools.reduce((sum, each) => sum + each.pools, 0);
  const most = Math.max(1, ...pools.map((each) => each.pools));
  const severalChains = new Set(pools.map(({ chain }) => chain)).size > 1;
  const note = ({ chain, dex, family }: ChainStats["pools"][number]) =>
    severalChains ? chain : family === null || family === dex ? "" : family;
  return (
    <Panel title="Pools by DEX" area="pools" note={<span className="muted">{count(total)} pools</span>}>
      {pools.length === 0 ? (
        <p className="empty">No pool discovered yet.</p>
      ) : (
        <ul className="dexes">
          {pools.map((each) => (
            <li key={`${each.chain} ${each.dex}`}>
              <span className="dex-name">
                {each.dex}
                {note(each) === "" ? null : <span className="muted"> {note(each)}</span>}
              </span>
              <span className="bar blue">
                <i style={{ width: `${(100 * each.pools) / most}%` }} />
              </span>
              <span className="number">{count(each.pools)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
