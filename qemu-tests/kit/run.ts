/**
 * One life of a board between power on and whatever ends it: a QEMU with its control sockets.
 *
 * We listen on the sockets before QEMU starts, and it connects to them; the guest's first instruction runs only when
 * `cont` was given, so pins and sensors have their values before anybody looks.
 */
import { unlink } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { UmecError } from "../../runtime/errors.ts";
import { type Channel, openChannel } from "./channel.ts";
import { type QemuProcess, startQemu } from "./qemu.ts";
import { Qmp } from "./qmp.ts";
import { Qtest } from "./qtest.ts";

export interface RunOptions {
  /** The board's folder, for the sockets. */
  dir: string;
  /** QEMU's arguments but for what this module adds: control sockets, `-S`, `-no-reboot`, the console's chardev. */
  args: readonly string[];
  /** Gets the console's connection before the guest runs. */
  onConsole: (socket: Socket) => void;
  signal?: AbortSignal;
}

/**
 * Why a life ended: `reset` by the guest (also by its watchdog, or by a panic), `off` by the guest, `killed` by us;
 * `failed` is QEMU's own end, which is never in order.
 */
export type EndReason = "reset" | "off" | "killed" | "failed";

export interface Run extends AsyncDisposable {
  readonly qmp: Qmp;
  readonly qtest: Qtest;
  readonly pid: number;
  /** Never rejects. */
  readonly ended: Promise<{ reason: EndReason; detail: string }>;
  /** The guest begins. */
  go(): Promise<void>;
  kill(): Promise<void>;
}

/** The name of the console's chardev: the machine puts it where its console is. */
export const consoleChardev = "chardev:console";

/** Starts QEMU, with the guest still stopped. @throws UmecError `QEMU_START_FAILED` with QEMU's words */
export async function startRun({ dir, args, onConsole, signal }: RunOptions): Promise<Run> {
  const [qmpAt, qtestAt, consoleAt] = await openAll(dir, ["qmp.sock", "qtest.sock", "console.sock"]);
  await using _channels = asyncDisposeAll([qmpAt, qtestAt, consoleAt]);
  const qemu = await startQemu({
    args: [
      ...["-S", "-no-reboot", "-monitor", "none", "-qmp", `unix:${qmpAt.path},server=off`],
      ...["-qtest", `unix:${qtestAt.path},server=off`, "-qtest-log", "/dev/null"],
      ...["-chardev", `socket,id=console,path=${consoleAt.path},server=off`, ...args],
    ],
    ...(signal && { signal }),
  });
  let killed = false;
  try {
    const connected = Promise.all([qmpAt.connected, qtestAt.connected, consoleAt.connected]);
    connected.catch(() => undefined);
    const sockets = await Promise.race([connected, qemu.ended.then(() => undefined)]);
    if (!sockets) throw startFailed(qemu);
    const [qmpSocket, qtestSocket, consoleSocket] = sockets;
    onConsole(consoleSocket);
    const qtest = new Qtest(qtestSocket);
    const qmp = await Qmp.open(qmpSocket);
    let shutdown = "";
    const follow = (async () => {
      for await (const { event, data } of qmp.events())
        if (event === "SHUTDOWN") shutdown = String(data.reason);
    })();
    const ended = qemu.ended.then(async ({ code, signal: by }) => {
      await follow;
      const detail = `${shutdown || "no SHUTDOWN event"}, ${by ?? `status ${code}`} ${qemu.stderr()}`.trim();
      const reason = reasonOf(shutdown, killed || signal?.aborted === true);
      return { reason, detail };
    });
    const kill = async () => {
      killed = true;
      await qemu.kill();
    };
    return {
      qmp,
      qtest,
      pid: qemu.pid,
      ended,
      go: async () => void (await qmp.execute("cont")),
      kill,
      [Symbol.asyncDispose]: kill,
    };
  } catch (cause) {
    await qemu.kill();
    signal?.throwIfAborted();
    throw cause instanceof UmecError && cause.code === "QEMU_START_FAILED" ? cause : startFailed(qemu, cause);
  }
}

function reasonOf(shutdown: string, killed: boolean): EndReason {
  if (killed || shutdown === "host-qmp-quit") return "killed";
  if (shutdown === "guest-reset") return "reset";
  return shutdown === "guest-shutdown" ? "off" : "failed";
}

function startFailed(qemu: QemuProcess, cause?: unknown): UmecError {
  return new UmecError("QEMU_START_FAILED", `QEMU ended at its start: ${qemu.stderr() || "without a word"}`, {
    cause,
  });
}

async function openAll<const T extends readonly string[]>(
  dir: string,
  names: T,
): Promise<{ [K in keyof T]: Channel }> {
  const channels = [];
  for (const name of names) {
    const path = join(dir, name);
    // The one of the life before.
    await unlink(path).catch(() => undefined);
    channels.push(await openChannel(path));
  }
  return channels as { [K in keyof T]: Channel };
}

function asyncDisposeAll(all: readonly AsyncDisposable[]): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      for (const one of all) await one[Symbol.asyncDispose]();
    },
  };
}
