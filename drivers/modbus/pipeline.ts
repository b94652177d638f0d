/**
 * The exchange of Modbus TCP: replies are matched by transaction identifier, so several requests may be under way.
 *
 * A reply is given only to the request whose transaction identifier, unit and function code it carries (messaging
 * guide V1.0b, section 4.4.1.3); a late or foreign one is counted and dropped.
 *
 * Speed: there is one timer for all requests, set for the oldest and not touched when a reply comes. Frames that
 * become due in the same turn are written together, so pipelined requests share a segment.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { frameError } from "./errors.ts";
import type { CreateExchange } from "./exchange.ts";
import type { Request } from "./queue.ts";
import type { Framing } from "./transport.ts";

/** Requests in a row without an answer after which a connection is held for dead. */
export const silentTimeoutsToDrop = 3;

export function pipeline({
  framing,
  maxInFlight,
}: {
  framing: Framing;
  maxInFlight: number;
}): CreateExchange {
  return ({ write, next, timeoutMs, drop, heard, stray }) => {
    /** By transaction identifier; in the order of sending, so that the first is the oldest. */
    const inFlight = new Map<number, Request>();
    const decode = framing.createDecoder(onFrame);
    let transactionId = 0;
    let timer: NodeJS.Timeout | undefined;
    let silent = 0;
    let ended = false;

    function flush(): void {
      if (ended) return;
      let bytes: Buffer | undefined;
      while (inFlight.size < maxInFlight) {
        const request = next();
        if (!request) break;
        transactionId = (transactionId + 1) & 0xffff;
        request.deadlineMs = performance.now() + timeoutMs;
        inFlight.set(transactionId, request);
        const adu = framing.encode(transactionId, request.unit, request.pdu);
        bytes = bytes ? Buffer.concat([bytes, adu]) : adu;
      }
      if (!bytes) return;
      if (!timer) armTimer();
      write(bytes);
    }

    function armTimer(): void {
      timer = undefined;
      for (const { deadlineMs } of inFlight.values()) {
        timer = setTimeout(expire, Math.max(1, Math.ceil(deadlineMs - performance.now())));
        return;
      }
    }

    function expire(): void {
      const now = performance.now();
      for (const [id, request] of inFlight) {
        if (request.deadlineMs > now) break;
        inFlight.delete(id);
        silent += 1;
        request.reject(
          new UmecError("MODBUS_TIMEOUT", `unit ${request.unit} did not answer within ${timeoutMs} ms`),
        );
      }
      armTimer();
      if (silent >= silentTimeoutsToDrop)
        drop(new UmecError("MODBUS_TIMEOUT", `${silent} requests in a row found no answer`));
      // After those who were rejected had their say: they may give up what else they have in the queue.
      else setImmediate(flush);
    }

    function onFrame(id: number, unit: number, pdu: Buffer): void {
      heard();
      silent = 0;
      const request = inFlight.get(id);
      if (!request) {
        stray();
        return;
      }
      inFlight.delete(id);
      if (unit === request.unit && (pdu[0]! & 0x7f) === request.pdu[0]) request.resolve(Buffer.from(pdu));
      else {
        request.reject(
          frameError(
            `asked unit ${request.unit} for function ${request.pdu[0]}, unit ${unit} answered ${pdu[0]}`,
          ),
        );
      }
    }

    function end(error: Error): void {
      ended = true;
      clearTimeout(timer);
      timer = undefined;
      for (const request of inFlight.values()) request.reject(error);
      inFlight.clear();
    }

    return { flush, data: decode, end };
  };
}
