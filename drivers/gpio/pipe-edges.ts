/**
 * What stands for the interrupts of lines: writes struct gpio_v2_line_event into a pipe, each edge at its moment, as a
 * process of its own.
 *
 *     node drivers/gpio/pipe-edges.ts '{"pipe": "edges", "perS": 5000, "count": 10000}'
 *
 * Each edge is one write, stamped by CLOCK_MONOTONIC right before it. The kernel keeps 1,024 events that nobody has
 * read; when there are more one goes for each that comes. Here too: an edge that finds so many waiting gets its number
 * and is not written (in the kernel the oldest goes instead; as many are lost). Rates that the processor's timers do
 * not reach come in bursts; the largest is told.
 *
 * It prints `ready` and waits for a line on its input before the first edge, and {@link EdgesSent} as JSON at the end.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { libc } from "../common/libc.ts";
import { lineEventBytes, maxBufferedEvents } from "./uapi.ts";

export interface EdgesToSend {
  /** A named pipe that somebody has open to read. */
  pipe: string;
  /** Edges per second. */
  perS: number;
  /** How many. */
  count: number;
  /** Number of the first edge on the line; odd ones rise. @default 1 */
  firstNumber?: number;
  /** @default 0 */
  offset?: number;
}

export interface EdgesSent {
  sent: number;
  /** Edges that found the buffer full. */
  dropped: number;
  /** Most edges that were due at once. */
  largestBurst: number;
  /** Most edges that waited to be read. */
  mostWaiting: number;
  tookMs: number;
}

/** FIONREAD: how many bytes wait in a pipe. */
const bytesWaiting = 0x541b;

export function sendPipeEdges({ pipe, perS, count, firstNumber = 1, offset = 0 }: EdgesToSend): EdgesSent {
  const fd = openSync(pipe, "r+");
  const { ioctl } = libc();
  const event = new Uint8Array(lineEventBytes);
  const data = new DataView(event.buffer);
  const waiting = new Uint8Array(4);
  const waitingView = new DataView(waiting.buffer);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const nowNs = process.hrtime.bigint;
  const result = { sent: 0, dropped: 0, largestBurst: 0, mostWaiting: 0 };
  const startNs = nowNs();
  let burst = 0;

  /** The next edges that are due by now are one burst. */
  function untilDue(number: number): void {
    const dueNs = startNs + BigInt(Math.round((number * 1e9) / perS));
    let leftNs = Number(dueNs - nowNs());
    if (leftNs > 0) burst = 0;
    for (; leftNs > 0; leftNs = Number(dueNs - nowNs())) Atomics.wait(sleeper, 0, 0, leftNs / 1e6);
  }

  for (let n = 0; n < count; n++) {
    untilDue(n);
    result.largestBurst = Math.max(result.largestBurst, ++burst);
    ioctl(fd, bytesWaiting, waiting);
    const waits = waitingView.getInt32(0, true) / lineEventBytes;
    if (waits >= maxBufferedEvents) {
      result.dropped++;
      continue;
    }
    const number = (firstNumber + n) >>> 0;
    data.setBigUint64(0, nowNs(), true);
    data.setUint32(8, number % 2 === 1 ? 1 : 2, true);
    data.setUint32(12, offset, true);
    data.setUint32(16, number, true);
    data.setUint32(20, number, true);
    writeSync(fd, event);
    result.sent++;
    result.mostWaiting = Math.max(result.mostWaiting, waits + 1);
  }
  const tookMs = Number(nowNs() - startNs) / 1e6;
  closeSync(fd);
  return { ...result, tookMs };
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? "{}") as EdgesToSend;
  process.stdout.write("ready\n");
  readSync(0, new Uint8Array(1));
  process.stdout.write(`${JSON.stringify(sendPipeEdges(options))}\n`);
}
