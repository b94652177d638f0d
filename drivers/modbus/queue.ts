import { UmecError } from "../../runtime/plugin/sdk.ts";
import { commandsInARow, type Priority, patienceMs, priorities } from "./priority.ts";

/** A request that waits or is under way. */
export interface Request {
  unit: number;
  pdu: Buffer;
  signal: AbortSignal | undefined;
  resolve: (reply: Buffer) => void;
  reject: (error: unknown) => void;
  /** Monotonic; set when it is sent. */
  deadlineMs: number;
  /** A command's: goes ahead of all that is not. */
  urgent: boolean;
  priority: Priority;
  /** Monotonic; set by the queue: of two, the one that is due first goes first. */
  dueMs: number;
  /** How often it was sent. */
  sent: number;
}

export interface RequestQueue {
  /** Whether it was taken: a full queue rejects the request with `MODBUS_BUSY`. */
  add(request: Request): boolean;
  /**
   * The request whose turn it is, of those whose unit may be asked now: see `priority.ts`. Those that were given up
   * are rejected on the way.
   */
  next(mayAsk?: (unit: number) => boolean): Request | undefined;
  /** Puts a request back, to be the next of its kind. */
  giveBack(request: Request): void;
  rejectAll(error: unknown): void;
}

type MayAsk = ((unit: number) => boolean) | undefined;

/** One line for commands and one for each priority, each in the order of asking, before one desk. */
export function createRequestQueue(maxQueued: number, nowMs: () => number): RequestQueue {
  const commands: Request[] = [];
  const polls = new Map<Priority, Request[]>(priorities.map((priority) => [priority, []]));
  const lines = [commands, ...polls.values()];
  let commandsServed = 0;
  const lineOf = ({ urgent, priority }: Request): Request[] => (urgent ? commands : polls.get(priority)!);

  function nextPoll(mayAsk: MayAsk): Request | undefined {
    let best: Request | undefined;
    for (const line of polls.values()) {
      const first = firstOf(line, mayAsk);
      // At the same moment the higher priority, which comes first here.
      if (first && (!best || first.dueMs < best.dueMs)) best = first;
    }
    return best;
  }

  function take(request: Request | undefined): Request | undefined {
    if (!request) return undefined;
    const line = lineOf(request);
    // The first is the rule, and to shift is cheaper.
    if (line[0] === request) line.shift();
    else line.splice(line.indexOf(request), 1);
    commandsServed = request.urgent ? commandsServed + 1 : 0;
    return request;
  }

  return {
    add(request) {
      if (lines.reduce((sum, { length }) => sum + length, 0) >= maxQueued) {
        request.reject(
          new UmecError("MODBUS_BUSY", `${maxQueued} requests wait for the connection already`, {
            hint: "ask for less, or raise intervalMs",
          }),
        );
        return false;
      }
      request.dueMs = nowMs() + patienceMs[request.priority];
      lineOf(request).push(request);
      return true;
    },
    next(mayAsk) {
      if (commandsServed < commandsInARow) {
        const command = firstOf(commands, mayAsk);
        if (command) return take(command);
      }
      return take(nextPoll(mayAsk) ?? firstOf(commands, mayAsk));
    },
    giveBack: (request) => void lineOf(request).unshift(request),
    rejectAll(error) {
      for (const line of lines) for (const request of line.splice(0)) request.reject(error);
    },
  };
}

/** The first that may be sent. */
function firstOf(line: Request[], mayAsk: MayAsk): Request | undefined {
  let at = 0;
  while (at < line.length) {
    const request = line[at]!;
    if (request.signal?.aborted) {
      line.splice(at, 1);
      request.reject(request.signal.reason);
    } else if (mayAsk && !mayAsk(request.unit)) at += 1;
    else return request;
  }
  return undefined;
}
