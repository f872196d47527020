import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RunningActor } from "#libs/actor/run.ts";

/**
 * Young garbage is collected between blocks rather than in one. Left alone, the engine collects it when its space is full, which is in the few milliseconds of
 * a block in which everything happens, and what it then moves to the old space may start a full collection beside the search and the simulation. Full ones stay
 * the engine's own: it marks beside the work, while one that is asked for stops everything several times as long and throws compiled code away.
 */

/** Long enough that what waits on purpose until a bundle is out (some 300 ms) has come and gone; short enough to come round in a block of a second. */
export const QUIET_MS = 250;
const LOOK_EVERY_MS = 50;

/** When to collect. Pure: told at every look how many inputs were handled so far, and whether there is nothing to do. */
export class QuietSpells {
  #quietLooks = 0;
  #handled = 0;
  #handledWhenCollected = 0;

  /** True once a spell, when nothing has been under way for long enough and something has been handled since the last collection. */
  look({ handled, idle }: { readonly handled: number; readonly idle: boolean }): boolean {
    this.#quietLooks = idle && handled === this.#handled ? this.#quietLooks + 1 : 0;
    this.#handled = handled;
    if (handled === this.#handledWhenCollected || this.#quietLooks * LOOK_EVERY_MS < QUIET_MS) return false;
    this.#handledWhenCollected = handled;
    return true;
  }
}

type Gc = (options: { readonly type: "minor"; readonly execution: "sync" }) => void;

/** The engine's own collector, which it gives only to who asks by a flag. */
export function engineGc(): Gc {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Gc;
}

/** Until told to stop, collects whenever the actors of this process, all of them, have been quiet for a while. */
export function collectBetweenBlocks(actors: readonly Pick<RunningActor, "progress">[], gc: Gc = engineGc()): () => void {
  const spells = new QuietSpells();
  const timer = setInterval(() => {
    const progress = actors.map((actor) => actor.progress());
    const handled = progress.reduce((sum, each) => sum + each.handled, 0);
    if (spells.look({ handled, idle: progress.every(({ idle }) => idle) })) gc({ type: "minor", execution: "sync" });
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
