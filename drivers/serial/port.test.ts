import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startDriver } from "../../runtime/plugin/testkit.ts";
import { createPty } from "../common/pty.ts";
import { driver } from "./driver.ts";
import type { LineSettings } from "./line.ts";
import { createReceiver, epochOf } from "./nmea-simulator.ts";
import { serialPort } from "./port.ts";

async function place(): Promise<{ path: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "serial-port-"));
  return {
    path: join(dir, "ttyUSB0"),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

const settings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1, flow: "none" } as const;
const receiver = createReceiver();

test("a receiver on a real terminal is read, pulled out, and read again when it is back", async () => {
  await using at = await place();
  const options = { path: at.path, framing: "nmea", reconnect: { initialMs: 20, maxMs: 50 } };
  await using run = startDriver(driver, options);
  await run.line(/can't be opened: .*No such file/);
  for (const latitude of [48.1173, -33.8568]) {
    await using pty = await createPty(at.path);
    const sending = setInterval(() => pty.peer.write(epochOf({ ...receiver, latitude }, Date.now())), 30);
    try {
      await run.samples(({ name, value }) => name === "gnss/latitude" && value === latitude);
    } finally {
      clearInterval(sending);
    }
    await pty.unplug();
    await run.samples(({ name, value }) => name === "gnss/online" && value === false, {
      count: latitude > 0 ? 1 : 2,
    });
  }
  assert.ok(run.times.length > 0);
});

test("all bytes go both ways unchanged, with each setting", async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const variants: Partial<LineSettings>[] = [
    {},
    { baudRate: 115_200, parity: "even", stopBits: 2, flow: "rts-cts" },
  ];
  for (const variant of variants) {
    await using at = await place();
    await using pty = await createPty(at.path);
    const closed = Promise.withResolvers<Error | undefined>();
    const came = Promise.withResolvers<Buffer>();
    let got = Buffer.alloc(0);
    const events = {
      data(chunk: Buffer) {
        got = Buffer.concat([got, chunk]);
        if (got.length === all.length) came.resolve(got);
      },
      closed: closed.resolve,
    };
    const line = await serialPort({ ...settings, ...variant, path: at.path })(
      events,
      new AbortController().signal,
    );
    pty.peer.write(all);
    assert.ok((await came.promise).equals(all));
    const sent = Promise.withResolvers<Buffer>();
    let heard = Buffer.alloc(0);
    pty.peer.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length === all.length) sent.resolve(heard);
    });
    await line.write(all);
    assert.ok((await sent.promise).equals(all));
    line.close();
    assert.equal(await closed.promise, undefined);
  }
});

test("what is no port says so, and a signal that aborted opens nothing", async () => {
  await using at = await place();
  await writeFile(at.path, "");
  const open = serialPort({ ...settings, path: at.path });
  const events = { data: () => {}, closed: () => {} };
  await assert.rejects(open(events, new AbortController().signal), { code: "SERIAL_PORT" });
  const reason = new Error("stopped");
  await assert.rejects(open(events, AbortSignal.abort(reason)), reason);
});
