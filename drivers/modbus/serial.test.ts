import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isUmecError, type UmecError } from "../../runtime/plugin/sdk.ts";
import { createPty } from "../common/pty.ts";
import { serialLine } from "./serial.ts";
import type { LineEvents } from "./transport.ts";

const format = { baudRate: 19_200, parity: "even", stopBits: 1 } as const;
const never = new AbortController().signal;

interface Listener extends LineEvents {
  /** Resolves when `count` bytes came in all. */
  came(count: number): Promise<string>;
  gone: Promise<Error | undefined>;
}

function listener(): Listener {
  let text = Buffer.alloc(0);
  let wanted = 0;
  let enough = Promise.withResolvers<string>();
  const gone = Promise.withResolvers<Error | undefined>();
  const look = (): void => {
    if (text.length >= wanted) enough.resolve(text.toString("hex"));
  };
  return {
    data(chunk) {
      text = Buffer.concat([text, chunk]);
      look();
    },
    closed: gone.resolve,
    gone: gone.promise,
    came(count) {
      wanted = count;
      enough = Promise.withResolvers();
      look();
      return enough.promise;
    },
  };
}

async function portPath(): Promise<{ path: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "modbus-port-"));
  return {
    path: join(dir, "ttyUSB0"),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

test("bytes go both ways unchanged, also those that mean something to a terminal", async () => {
  await using place = await portPath();
  await using pty = await createPty(place.path);
  const heard = listener();
  const line = await serialLine({ ...place, ...format })(heard, never);
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const sent = new Promise<Buffer>((resolve) => {
    let got = Buffer.alloc(0);
    pty.peer.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= 256) resolve(got);
    });
  });
  line.write(all);
  assert.ok((await sent).equals(all));
  pty.peer.write(all);
  assert.equal(await heard.came(256), all.toString("hex"));
  line.close();
  assert.equal(await heard.gone, undefined);
});

test("a port that is pulled out is gone, and can be opened again when it is back", async () => {
  await using place = await portPath();
  const open = serialLine({ ...place, ...format });
  await assert.rejects(open(listener(), never), isPortError(/can't be opened: .*No such file/));
  for (let i = 0; i < 2; i++) {
    await using pty = await createPty(place.path);
    const heard = listener();
    await open(heard, never);
    pty.peer.write(Buffer.of(1, 2, 3));
    assert.equal(await heard.came(3), "010203");
    await pty.unplug();
    assert.ok(isPortError(/is gone/)(await heard.gone));
  }
});

test("what is no serial port, or has no RTS to switch, says so", async () => {
  await using place = await portPath();
  await writeFile(place.path, "");
  await assert.rejects(
    serialLine({ ...place, ...format })(listener(), never),
    isPortError(/ttyUSB0 can't be opened/),
  );
  await rm(place.path);
  await using _pty = await createPty(place.path);
  const withRts = serialLine({ ...place, ...format, rts: {} });
  await assert.rejects(withRts(listener(), never), isPortError(/RTS can't be switched/));
});

test("a signal that aborted opens nothing", async () => {
  await using place = await portPath();
  await using _pty = await createPty(place.path);
  const reason = new Error("stopped");
  const stopped = new AbortController();
  const opening = serialLine({ ...place, ...format })(listener(), stopped.signal);
  stopped.abort(reason);
  await assert.rejects(opening, reason);
  const heard = listener();
  const line = await serialLine({ ...place, ...format })(heard, never);
  line.close();
  await heard.gone;
});

test("the driver alone does not load the package for serial ports", async () => {
  const script = `
    await import("./drivers/modbus/driver.ts");
    const { createRequire } = await import("node:module");
    const require = createRequire(process.cwd() + "/x.js");
    console.log(Object.keys(require.cache).filter((name) => name.includes("serialport")).length);
    await import("serialport");
    console.log(Object.keys(require.cache).filter((name) => name.includes("serialport")).length > 0);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: new URL("../../", import.meta.url),
  });
  assert.equal(stdout, "0\ntrue\n");
});

const isPortError =
  (message: RegExp) =>
  (error: unknown): boolean =>
    isUmecError(error, "MODBUS_PORT") && message.test((error as UmecError).message);
