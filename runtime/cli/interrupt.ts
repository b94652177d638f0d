import { constants } from "node:os";

/**
 * SIGINT and SIGTERM: the first one asks the command to end, the second one ends the process at once.
 * A command that has not ended `graceMs()` milliseconds after the first is ended too.
 */
export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  /** 128 plus the signal's number, once there was one. */
  exitCode(): number | undefined;
}

export function listenForInterrupts(
  process: Pick<NodeJS.Process, "on" | "off" | "exit">,
  graceMs: () => number = () => 5000,
): Interrupts {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const interrupt = (name: "SIGINT" | "SIGTERM") => {
    const code = 128 + constants.signals[name];
    if (exitCode !== undefined) process.exit(code);
    exitCode = code;
    setTimeout(() => process.exit(code), graceMs()).unref();
    controller.abort(new DOMException(`interrupted by ${name}`, "AbortError"));
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    [Symbol.dispose]() {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
    },
  };
}
