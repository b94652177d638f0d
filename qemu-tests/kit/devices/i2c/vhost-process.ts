import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { UmecError } from "../../../../runtime/errors.ts";

const tools = fileURLToPath(new URL("../../../../image/tools/run", import.meta.url));
const program = fileURLToPath(new URL("vhost-user-i2c.py", import.meta.url));

export interface VhostProcess {
  /** Whether it still runs. */
  readonly alive: boolean;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the vhost-user half of the adapter and resolves when QEMU may connect to `qemuSocket`. `busSocket` must
 * listen. The program ends with the bus, so it does not outlive a test that crashed. Throws `DEVICE_I2C_ADAPTER`.
 */
export async function startVhostProcess(options: {
  qemuSocket: string;
  busSocket: string;
  signal: AbortSignal;
}): Promise<VhostProcess> {
  const { qemuSocket, busSocket, signal } = options;
  signal.throwIfAborted();
  const child = spawn(tools, ["python3", program, qemuSocket, busSocket], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4096);
  });
  const ended = once(child, "close").then(
    () => {},
    () => {},
  );
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, "line", { signal });
  try {
    await Promise.race([ready, ended.then(() => Promise.reject(failure(child, said)))]);
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw error;
  }
  return {
    ended,
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}

function failure(child: ChildProcess, said: string): UmecError {
  const how = child.exitCode === null ? `signal ${child.signalCode}` : `code ${child.exitCode}`;
  return new UmecError("DEVICE_I2C_ADAPTER", `vhost-user-i2c.py ended with ${how}: ${said.trim()}`, {
    hint: "`image/tools/run python3 --version` must work; paths of sockets are at most 107 bytes",
  });
}
