/** A broken assumption: the process ends, because its state can no longer be trusted. */
export class InvariantError extends Error {
  override name = "InvariantError";
}

/** An I/O fault that may pass: caught only in shells, which retry it with backoff and a bound. */
export class RetryableError extends Error {
  override name = "RetryableError";
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a user did wrong or must provide: shown as one line with its remedy, exit code 2, no stack. */
export class UserError extends Error {
  override name = "UserError";
  readonly remedy: string;
  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(problem, options);
    this.remedy = remedy;
  }
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

export function assertNever(value: never): never {
  throw new InvariantError(`unhandled case: ${JSON.stringify(value)}`);
}
