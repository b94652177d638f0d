/**
 * A TPM 2.0 on the board: swtpm, from the root of foreign peers. What it keeps outlives the power, like a chip's; it loses
 * power with the board, without notice.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UmecError } from "../../runtime/errors.ts";

const peers = fileURLToPath(new URL("../../.ci/peers/run", import.meta.url));

export class Tpm {
  readonly #state: string;
  readonly #socket: string;
  readonly #dir: string;
  #process: ChildProcess | undefined;

  /** @param dir the board's folder, which swtpm sees too */
  constructor(dir: string) {
    this.#dir = dir;
    this.#state = join(dir, "tpm");
    this.#socket = join(dir, "tpm.sock");
  }

  /** Gives QEMU's arguments once the chip can be connected to. @throws UmecError `TPM_START_FAILED` */
  async powerOn(): Promise<string[]> {
    await mkdir(this.#state, { recursive: true });
    await rm(this.#socket, { force: true });
    const listens = Promise.withResolvers<void>();
    const watcher = watch(this.#dir, (_event, name) => {
      if (name === basename(this.#socket)) listens.resolve();
    });
    const swtpm = [
      ...["swtpm", "socket", "--tpm2", "--terminate", "--tpmstate", `dir=${this.#state}`],
      ...["--ctrl", `type=unixio,path=${this.#socket}`],
    ];
    const child = spawn(peers, ["setpriv", "--pdeathsig", "KILL", ...swtpm], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2000);
    });
    const ended = once(child, "close").then(() => {
      throw new UmecError(
        "TPM_START_FAILED",
        `swtpm ended at its start: ${words.trim() || "without a word"}`,
      );
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([listens.promise, ended]);
    } finally {
      watcher.close();
    }
    return [
      ...["-chardev", `socket,id=tpm,path=${this.#socket}`, "-tpmdev", "emulator,id=tpm0,chardev=tpm"],
      ...["-device", "tpm-tis-device,tpmdev=tpm0"],
    ];
  }

  async powerOff(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }

  /** Another chip is there at the next start, as when the card was put into another board. */
  async replace(): Promise<void> {
    if (this.#process) throw new UmecError("TPM_IN_USE", "the board has power: cut it first");
    await rm(this.#state, { recursive: true, force: true });
  }
}
