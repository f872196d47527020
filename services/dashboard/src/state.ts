import type {
  BlockView,
  ChainStats,
  GatewayEvent,
  HealthView,
  OpportunityStatus,
  OpportunityView,
  ProfitCurve,
  ProfitPoint,
  StatsView,
  TradeView,
} from "#services/gateway/api.ts";

/** What the page shows, as a pure fold of what the gateway sends. */
export interface DashboardState {
  readonly health: HealthView;
  readonly stats: StatsView;
  /** Newest block first, best first within a block. */
  readonly opportunities: readonly OpportunityView[];
  /** Newest first. */
  readonly trades: readonly TradeView[];
  readonly profitCurve: readonly ProfitCurve[];
  readonly heads: Readonly<Record<string, BlockView>>;
  /** Messages about models since the page was opened. */
  readonly modelChanges: number;
  /** The gateway's clock less ours, so that ages are right on a machine whose clock is not. */
  readonly clockOffsetMs: number;
}

/** More rows than a person reads; the gateway keeps the rest. */
const ROWS_KEPT = 150;
/** More points than pixels; the gateway thins its own. */
const POINTS_KEPT = 2_000;

/** Applies one message from the gateway. Before the first `initial` there is nothing to show. */
export function applyEvent(state: DashboardState | null, event: GatewayEvent, nowMs: number): DashboardState | null {
  if (event.type === "initial") {
    const { health, stats, opportunities, trades, profitCurve } = event.data;
    const heads = Object.fromEntries(health.chains.flatMap(({ chain, head }) => (head === null ? [] : [[chain, head]])));
    return {
      health,
      stats,
      opportunities,
      trades,
      profitCurve,
      heads,
      modelChanges: state?.modelChanges ?? 0,
      clockOffsetMs: health.timestamp - nowMs,
    };
  }
  if (state === null) return null;
  switch (event.type) {
    case "health": {
      const heads = Object.fromEntries(event.data.chains.flatMap(({ chain, head }) => (head === null ? [] : [[chain, head]])));
      return { ...state, health: event.data, heads: { ...state.heads, ...heads }, clockOffsetMs: event.data.timestamp - nowMs };
    }
    case "stats":
      return { ...state, stats: event.data };
    case "block":
      return { ...state, heads: { ...state.heads, [event.data.chain]: event.data } };
    case "opportunity":
      return { ...state, opportunities: upserted(state.opportunities, event.data, opportunityOrder) };
    case "trade":
      return { ...state, trades: upserted(state.trades, event.data, tradeOrder) };
    case "model":
      return { ...state, modelChanges: state.modelChanges + 1 };
    case "profit": {
      const { chain, point } = event.data;
      const profitCurve = state.profitCurve.map((curve) =>
        curve.chain === chain ? { ...curve, points: appended(curve.points, point) } : curve,
      );
      return { ...state, profitCurve };
    }
    // A newer gateway may say more than this page knows.
    default:
      return state;
  }
}

/** As the gateway orders them. */
const opportunityOrder = (a: OpportunityView, b: OpportunityView): number =>
  b.timestamp - a.timestamp || a.rank - b.rank || (b.id < a.id ? -1 : 1);
const tradeOrder = (a: TradeView, b: TradeView): number => b.timestamp - a.timestamp || (b.id < a.id ? -1 : 1);

function upserted<Row extends { id: string }>(rows: readonly Row[], row: Row, order: (a: Row, b: Row) => number): readonly Row[] {
  const at = rows.findIndex(({ id }) => id === row.id);
  const next = at < 0 ? [row, ...rows] : rows.with(at, row);
  return next.toSorted(order).slice(0, ROWS_KEPT);
}

function appended(points: readonly ProfitPoint[], point: ProfitPoint): ProfitPoint[] {
  return [...points, point].slice(-POINTS_KEPT);
}

/** The gateway sends no message for an opportunity that nobody took: it passes when the head moves on. */
export function statusOf(opportunity: OpportunityView, heads: DashboardState["heads"]): OpportunityStatus {
  const head = heads[opportunity.chain];
  return opportunity.status === "open" && head !== undefined && head.blockNumber > opportunity.blockNumber ? "passed" : opportunity.status;
}

/** The statistics of one chain, or of all. */
export const statsOf = (state: DashboardState, chain: string | null): ChainStats =>
  chain === null ? state.stats : (state.stats.byChain[chain] ?? state.stats);
