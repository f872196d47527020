import type { ReactNode } from "react";
import type { ChainStats, StatsView } from "#services/gateway/api.ts";
import { count, percent } from "../format.ts";

function Fact({ name, children, alarm = false }: { name: string; children: ReactNode; alarm?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className={alarm ? "number loss" : "number"}>{children}</dd>
    </div>
  );
}

/** What the streams brought, along the bottom. */
export function StreamStrip({ stats, all }: { stats: ChainStats; all: StatsView }) {
  const buried = all.deadLetters.recent[0];
  return (
    <footer>
      <dl className="strip">
        <Fact name="blocks">{count(stats.blocks)}</Fact>
        <Fact name="reorgs">
          {count(stats.reorgs)}
          {stats.reorgs > 0 ? ` (deepest ${stats.deepestReorg})` : ""}
        </Fact>
        <Fact name="average slippage">{stats.avgSlippage === null ? "–" : percent(stats.avgSlippage, 4)}</Fact>
        <Fact name="gas used">{count(stats.totalGasUsed)}</Fact>
        <Fact name="messages">{count(all.messages.total)}</Fact>
        <Fact name="repeats">{count(all.messages.duplicates)}</Fact>
        <Fact name="dead letters" alarm={all.deadLetters.total > 0}>
          <span title={buried === undefined ? undefined : `${buried.actor}: ${buried.reason} ${buried.subject} ${buried.detail}`}>
            {count(all.deadLetters.total)}
          </span>
        </Fact>
      </dl>
    </footer>
  );
}
