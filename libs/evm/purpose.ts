/**
 * What a request is for, with its priority where an endpoint's rate is scarce: 0 goes first. A bundle is worth money for one block; a head or its logs hold up
 * everything behind them; a search for pools can wait.
 */
export const PRIORITY = {
  submission: 0,
  simulation: 0,
  heads: 1,
  logs: 1,
  settlement: 2,
  state: 2,
  refresh: 2,
  other: 2,
  verification: 3,
  discovery: 3,
  analysis: 3,
} as const;

export type Purpose = keyof typeof PRIORITY;
