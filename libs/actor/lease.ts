import type { Bus } from "#libs/actor/bus.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { LEASE_TTL_MS } from "#proto/subjects.ts";

/** A third of the time to live: two renewals may be lost before the lease is. */
const RENEW_EVERY_MS = LEASE_TTL_MS / 3;
const RETRY_EVERY_MS = 200;

/** The right to be the only active instance of something. `epoch` grows with every holder: later holders fence earlier ones. */
export interface Lease {
  readonly epoch: number;
  release(): Promise<void>;
}

/**
 * Waits until this instance holds `name`. The server removes a lease that is not renewed, so a killed holder is followed after at most
 * LEASE_TTL_MS, a released one at once. `onLost` is called when a renewal fails: someone else may hold it from then on.
 */
export async function acquireLease(
  bus: Bus,
  options: { readonly name: string; readonly holder: string; readonly onLost: (cause: Error) => void; readonly signal: AbortSignal },
): Promise<Lease> {
  const leases = await bus.openLeases();
  let revision = 0;
  while (revision === 0) {
    if (options.signal.aborted) throw new InvariantError(`stopped while waiting for lease ${options.name}`);
    try {
      revision = await leases.create(options.name, options.holder);
    } catch {
      // Held by another instance, or the server is not there yet: both pass, or the process is told to stop.
      await new Promise((resolve) => setTimeout(resolve, RETRY_EVERY_MS));
    }
  }
  const epoch = revision;
  let lastRenewedMs = performance.now();
  const timer = setInterval(() => {
    leases.update(options.name, options.holder, revision).then(
      (next) => {
        revision = next;
        lastRenewedMs = performance.now();
      },
      (cause: Error) => {
        const wrongRevision = (cause as { code?: number }).code === 10_071;
        if (wrongRevision || performance.now() - lastRenewedMs > LEASE_TTL_MS) {
          clearInterval(timer);
          options.onLost(cause);
        }
      },
    );
  }, RENEW_EVERY_MS);
  return {
    epoch,
    async release() {
      clearInterval(timer);
      await leases.delete(options.name, { previousSeq: revision }).catch(() => {
        // A lease that cannot be deleted (already taken or expired) ends by itself.
      });
    },
  };
}
