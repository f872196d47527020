import type { Connection } from "../feed.ts";
import { age, count, gwei } from "../format.ts";
import type { DashboardState } from "../state.ts";
import { useNow } from "./use-now.ts";

const CONNECTION_TEXT: Readonly<Record<Connection["kind"], string>> = {
  live: "Live",
  connecting: "Connecting",
  disconnected: "Disconnected",
};

export function Header(props: {
  state: DashboardState;
  connection: Connection;
  chain: string | null;
  onSelect: (chain: string | null) => void;
}) {
  const { state, connection, chain, onSelect } = props;
  const { chains, status, reasons } = state.health;
  const shown = chains.filter((each) => chain === null || each.chain === chain);
  return (
    <header className="top">
      <h1>
        <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M18.5 3 7 18h7l-1.500 11L25 13h-7.500z" />
        </svg>
        Hyperspeed
      </h1>
      {chains.length > 1 ? (
        <nav aria-label="Chains" className="segmented">
          {[null, ...chains.map((each) => each.chain)].map((each) => (
            <button key={each ?? "all"} type="button" aria-pressed={each === chain} onClick={() => onSelect(each)}>
              {each ?? "all"}
            </button>
          ))}
        </nav>
      ) : null}
      <ul className="heads">
        {shown.map((each) => (
          <Head key={each.chain} chain={each} state={state} />
        ))}
      </ul>
      <div className="top-right">
        <span className={`health ${status}`} title={reasons.join("\n")} data-testid="health">
          {status === "ok" ? "healthy" : status}
          {status === "degraded" && reasons[0] !== undefined ? (
            <span className="health-reason">
              : {reasons[0]}
              {reasons.length > 1 ? ` and ${reasons.length - 1} more` : ""}
            </span>
          ) : null}
        </span>
        <span className={`connection ${connection.kind}`} role="status" data-testid="connection">
          <i className="dot" aria-hidden="true" />
          {CONNECTION_TEXT[connection.kind]}
        </span>
      </div>
    </header>
  );
}

function Head({ chain, state }: { chain: DashboardState["health"]["chains"][number]; state: DashboardState }) {
  const nowMs = useNow(200) + state.clockOffsetMs;
  const head = state.heads[chain.chain];
  const ageMs = head === undefined ? null : Math.max(0, nowMs - head.observedAtMs);
  const isLate = ageMs !== null && ageMs > 10 * chain.blockTimeMs;
  return (
    <li>
      <span className={`mode ${chain.mode}`} title={`Executor runs in ${chain.mode} mode`} data-testid="mode">
        {chain.mode}
      </span>
      <span className="chain-name" title={`chain id ${chain.chainId}`}>
        {chain.name}
      </span>
      {head === undefined ? (
        <span className="muted">no block yet</span>
      ) : (
        <>
          <span className="number" data-testid="head" title={head.blockHash}>
            #{count(head.blockNumber)}
          </span>
          <span className={isLate ? "age late" : "age"} title="Age of the head">
            {age(ageMs ?? 0)}
          </span>
          <span className="muted base-fee" title="Base fee of the head">
            {gwei(head.baseFeePerGas)} gwei
          </span>
        </>
      )}
    </li>
  );
}
