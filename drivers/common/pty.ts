/**
 * A serial port without hardware, for tests: a pseudo-terminal of the kernel under a path of its own, and its far
 * end as a stream. Needs python3, since Node can't open one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";

export interface Pty extends AsyncDisposable {
  /** The far end. */
  readonly peer: Duplex;
  /**
   * Takes the port away, path and all, as the kernel does with a converter that is pulled out: it hangs up (which
   * only root may do to a terminal; else the far end is closed).
   */
  unplug(): Promise<void>;
}

// Input ends: hang up the slave's side (TIOCVHANGUP), take the name away, end.
const helper = `
import fcntl, os, sys, threading, tty
master, slave = os.openpty()
tty.setraw(slave)
path = sys.argv[1]
os.symlink(os.ttyname(slave), path)
def outward():
    try:
        while data := os.read(master, 4096):
            os.write(1, data)
    except OSError:
        pass
threading.Thread(target=outward, daemon=True).start()
os.write(2, b"ready")
while data := os.read(0, 4096):
    os.write(master, data)
os.unlink(path)
try:
    fcntl.ioctl(slave, 0x5437)
except OSError:
    pass
os._exit(0)
`;

/** Makes the port appear at `path`, which must be free. Rejects if python3 can't do it. */
export async function createPty(path: string): Promise<Pty> {
  const child = spawn("python3", ["-c", helper, path], { stdio: ["pipe", "pipe", "pipe"] });
  await ready(child);
  child.stdin.on("error", () => {});
  const peer = Duplex.from({ readable: child.stdout, writable: child.stdin });
  peer.on("error", () => {});
  async function unplug(): Promise<void> {
    if (child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.stdin.end();
    await gone;
  }
  return { peer, unplug, [Symbol.asyncDispose]: unplug };
}

async function ready(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  const [said] = (await Promise.race([once(child.stderr!, "data"), exited])) as [unknown];
  if (String(said) !== "ready") throw new Error(`python3 made no pseudo-terminal: ${said}`);
}
