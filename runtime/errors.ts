/**
 * The base of every error that µMEC makes itself.
 *
 * An error carries a stable `code` (`LAYER_REASON`, in capitals) that programs may test, a message that
 * names the value and the reason, and, where there is one, a `hint` that says what to do next.
 * Errors are returned or thrown, and logged once, at the edge.
 */
export class UmecError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** Whether `error` is one of ours, and, if `code` is given, this one. */
export function isUmecError(error: unknown, code?: string): error is UmecError {
  return error instanceof UmecError && (code === undefined || error.code === code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
