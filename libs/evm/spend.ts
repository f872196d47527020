/** Minutes that a day's cost is extrapolated from. */
const WINDOW_MINUTES = 60;
const MINUTE_MS = 60_000;

/** Units spent in each of the last 60 minutes. */
export class Spend {
  readonly #startMs: number;
  readonly #units = new Float64Array(WINDOW_MINUTES);
  /** The minute that each slot counts. */
  readonly #minutes = new Float64Array(WINDOW_MINUTES).fill(-1);

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  add(units: number, nowMs: number): void {
    const minute = this.#minuteOf(nowMs);
    const slot = minute % WINDOW_MINUTES;
    if (this.#minutes[slot] !== minute) {
      this.#minutes[slot] = minute;
      this.#units[slot] = 0;
    }
    this.#units[slot] = (this.#units[slot] as number) + units;
  }

  /** Units of a whole day at the pace of the last hour; of the time since the start while that is shorter, but never of less than a minute. */
  unitsPerDay(nowMs: number): number {
    const minute = this.#minuteOf(nowMs);
    const spent = this.#units.reduce((sum, units, slot) => {
      const age = minute - (this.#minutes[slot] as number);
      return (this.#minutes[slot] as number) >= 0 && age < WINDOW_MINUTES ? sum + units : sum;
    }, 0);
    // The 59 whole minutes before this one, and this one as far as it has come.
    const elapsedMs = nowMs - this.#startMs;
    const coveredMs = Math.min(elapsedMs, (WINDOW_MINUTES - 1) * MINUTE_MS + (elapsedMs % MINUTE_MS));
    return (spent * 86_400_000) / Math.max(MINUTE_MS, coveredMs);
  }

  #minuteOf(nowMs: number): number {
    return Math.floor((nowMs - this.#startMs) / MINUTE_MS);
  }
}
