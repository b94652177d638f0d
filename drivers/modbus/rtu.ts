/**
 * The exchange of RTU, on a serial line or tunnelled through TCP: one request is under way at a time, and no reply
 * says which request it answers. MODBUS over Serial Line V1.02, sections 2.4.1 and 2.5.1.
 *
 * What it promises:
 * 1. **Never a wrong value.** A reply counts only if its CRC is right and unit, function and length are those that
 *    were asked for. A unit that did not answer in time may still do so, and its late reply could look like that to
 *    the next request; so for `lateMs` more, or until the late reply came, the unit is not asked, while others are.
 *    (A device that answers later still can't be told from one that answers in time: `timeoutMs` must fit it.)
 * 2. **Silence between frames.** Nothing is sent before the line was quiet for `silenceMs`, 3.5 characters; after
 *    noise or a broken frame, for `quietMs`. A line that is never quiet is dropped and opened again.
 * 3. **A frame's end is its length.** A reply that comes in parts is put together, however long the pauses, until
 *    its time is over. Noise before or behind it does no harm.
 * 4. **Damage is told from silence.** `MODBUS_TIMEOUT`: the unit said nothing. `MODBUS_FRAME`: something came and
 *    was no reply. Then a read is sent again, up to `retries` times; a write is not, since it may have been done.
 * 5. **A broadcast** (unit 0) is not answered; the line rests for `turnaroundMs` so that all units can act on it.
 *
 * The time for a reply begins when the request's last character has left, and grows by the time that the reply
 * itself takes on the line: `timeoutMs` is what the device gets to think.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { frameError } from "./errors.ts";
import type { CreateExchange } from "./exchange.ts";
import type { Request } from "./queue.ts";
import { answerBytes, encodeRtu, maxRtuBytes } from "./rtu-frame.ts";
import { damageOf, findReply, leadingFrame } from "./rtu-reply.ts";

export interface RtuOptions {
  /** Least silence before a request. @default 0, for a tunnel */
  silenceMs?: number;
  /** How long a character takes on the line. @default 0, for a tunnel */
  characterMs?: number;
  /** Rest after a broadcast: section 2.4.1. @default 100 */
  turnaroundMs?: number;
  /** How long a unit that did not answer in time is left alone. @default as the client's `timeoutMs` */
  lateMs?: number;
  /** How often a read is sent again whose reply was damaged. @default 1 */
  retries?: number;
  /** A line that is not quiet for so long is dropped. @default 5000 */
  babbleMs?: number;
  /** Requests in a row without an answer after which the connection is dropped. @default Infinity */
  silentToDrop?: number;
}

/**
 * Longest pause inside what belongs together. Converters on USB hand on what they got every 16 ms, and a busy
 * kernel may add as much.
 */
const quietMs = 35;
const hint = "check baud rate, parity, wiring, termination and that no two units have the same address";

/** The units that still owe a reply are remembered across connections: call this once for each client. */
export function rtu(options: RtuOptions = {}): CreateExchange {
  const { silenceMs = 0, characterMs = 0, turnaroundMs = 100, retries = 1 } = options;
  const { babbleMs = 5000, silentToDrop = Number.POSITIVE_INFINITY } = options;
  /** By unit: until when its late reply may come. */
  const owing = new Map<number, number>();

  return ({ write, next, giveBack, timeoutMs, drop, heard, stray }) => {
    const lateMs = options.lateMs ?? timeoutMs;
    let current: Request | undefined;
    /** What came since the request was sent, or since the line was quiet. */
    let bytes: Buffer = Buffer.alloc(0);
    // Of a line that was just opened nothing is known.
    let readyAtMs = performance.now() + Math.max(silenceMs, quietMs);
    let lastByteMs = 0;
    let noisySinceMs: number | undefined;
    let silent = 0;
    /** What came instead of the reply. */
    let damage = "";
    let others = "";
    let ended = false;
    let wake: NodeJS.Timeout | undefined;
    let deadline: NodeJS.Timeout | undefined;
    let quiet: NodeJS.Timeout | undefined;

    function flush(): void {
      if (current || ended) return;
      const now = performance.now();
      for (const [unit, untilMs] of owing) if (untilMs <= now) owing.delete(unit);
      if (now < readyAtMs) {
        wakeIn(readyAtMs - now);
        return;
      }
      bytes = Buffer.alloc(0);
      noisySinceMs = undefined;
      const request = next((unit) => !owing.has(unit));
      if (request) send(request, now);
      else if (owing.size > 0) wakeIn(Math.min(...owing.values()) - now);
    }

    function wakeIn(ms: number): void {
      clearTimeout(wake);
      wake = setTimeout(afterInput, Math.max(1, Math.ceil(ms)), flush);
    }

    function send(request: Request, now: number): void {
      const frame = encodeRtu(request.unit, request.pdu);
      const sendingMs = frame.length * characterMs;
      current = request;
      request.sent += 1;
      damage = "";
      others = "";
      const waitMs =
        request.unit === 0
          ? sendingMs + turnaroundMs
          : sendingMs + timeoutMs + answerBytes(request.pdu) * characterMs;
      request.deadlineMs = now + waitMs;
      deadline = setTimeout(request.unit === 0 ? rested : expire, Math.ceil(waitMs));
      write(frame);
    }

    function data(chunk: Buffer): void {
      lastByteMs = performance.now();
      // A frame, and as much of what may lie before it.
      bytes = Buffer.concat([bytes, chunk]).subarray(-2 * maxRtuBytes);
      const waiting = current !== undefined && current.unit !== 0;
      takeLeading();
      if (waiting) {
        clearTimeout(quiet);
        if (current) quiet = setTimeout(afterInput, quietMs, onQuiet);
        return;
      }
      readyAtMs = lastByteMs + quietMs;
      noisySinceMs ??= lastByteMs;
      if (lastByteMs - noisySinceMs > babbleMs) {
        ended = true;
        drop(frameError("bytes come without a pause and without being asked for", hint));
      }
    }

    /** Whole frames at the beginning: the reply, or late ones of other requests. */
    function takeLeading(): void {
      for (;;) {
        const frame = leadingFrame(bytes);
        if (!frame) return;
        // Nobody may answer a broadcast.
        const reply = current && current.unit !== 0 && findReply(frame, current, 0);
        if (reply) {
          bytes = bytes.subarray(frame.length);
          answered(reply);
          return;
        }
        bytes = bytes.subarray(frame.length);
        heard();
        stray();
        const unit = frame[0]!;
        owing.delete(unit);
        if (unit === current?.unit) damage = `function ${frame[1]} in ${frame.length} bytes`;
        else others = `; unit ${unit} did`;
      }
    }

    /** The reply may lie behind noise: looked for when no more comes, since then it is not a part of another. */
    function onQuiet(): void {
      if (!current || performance.now() - lastByteMs < quietMs - 2) return;
      for (let at = 1; at < bytes.length; at++) {
        const reply = findReply(bytes, current, at);
        if (reply) {
          answered(reply);
          return;
        }
      }
      const found = damageOf(bytes, current);
      if (found) damage = found.what;
      // All of it came: nothing is owed, and to wait longer is no use.
      if (found?.whole) failed(false);
    }

    function answered(pdu: Buffer): void {
      heard();
      silent = 0;
      const request = current!;
      // What came behind it is noise.
      const restMs = bytes.length > 0 ? quietMs : silenceMs;
      done(restMs);
      request.resolve(Buffer.from(pdu));
    }

    function expire(): void {
      const request = current;
      afterInput(() => {
        if (request && request === current) judge(request);
      });
    }

    function judge(request: Request): void {
      const now = performance.now();
      // What comes just now may be the reply; but noise is not waited for twice.
      const quietInMs = bytes.length > 0 ? lastByteMs + quietMs - now : 0;
      if (quietInMs > 0 && now < request.deadlineMs + timeoutMs) {
        deadline = setTimeout(expire, Math.ceil(quietInMs) + 1);
        return;
      }
      damage ||= damageOf(bytes, request)?.what ?? "";
      failed(true);
    }

    function failed(owed: boolean): void {
      const request = current!;
      const { unit } = request;
      if (owed) owing.set(unit, performance.now() + lateMs);
      done(bytes.length > 0 ? quietMs : silenceMs);
      if (damage) {
        silent = 0;
        if (request.sent <= retries && request.pdu[0]! <= 4) giveBack(request);
        else request.reject(frameError(`unit ${unit} was asked, and no reply came but ${damage}`, hint));
      } else {
        silent += 1;
        request.reject(
          new UmecError("MODBUS_TIMEOUT", `unit ${unit} did not answer within ${timeoutMs} ms${others}`),
        );
        if (silent >= silentToDrop) {
          ended = true;
          drop(new UmecError("MODBUS_TIMEOUT", `${silent} requests in a row found no answer`));
        }
      }
    }

    /** After a broadcast. It is answered with what a unit would answer. */
    function rested(): void {
      const request = current!;
      done(silenceMs);
      request.resolve(Buffer.from(request.pdu.subarray(0, 5)));
    }

    function done(restMs: number): void {
      current = undefined;
      clearTimeout(deadline);
      clearTimeout(quiet);
      readyAtMs = Math.max(readyAtMs, performance.now() + restMs);
      // After who asked had their say: they may ask again, or give up what else they have in the queue.
      setImmediate(flush);
    }

    function end(error: Error): void {
      ended = true;
      clearTimeout(wake);
      const request = current;
      if (!request) return;
      done(0);
      if (request.unit !== 0) owing.set(request.unit, performance.now() + lateMs);
      request.reject(error);
    }

    return { flush, data, end };
  };
}

/** In a process that was busy, timers are served before the bytes that came in time: these get their turn first. */
function afterInput(then: () => void): void {
  setImmediate(then);
}
