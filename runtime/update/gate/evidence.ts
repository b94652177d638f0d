/**
 * What a slot that was given up has left behind: `/data/update/fell-back/<number>/`, which root has collected
 * (image/root/overlay/usr/lib/umec/system/gate). The numbers ascend; the last 4 are kept, each of at most some 100 KiB.
 *
 * | file | |
 * |---|---|
 * | `about` | lines `name=value`: `slot` that was given up, `to` which one, `boot` the id of the boot that found it, `good` what had been marked good in that slot; `content` and `version` of what was on trial there |
 * | `boots` | of a trial: a line for each start that came as far as /data, the boot's id |
 * | `deadline` | the trial was ended because it was not good in so many seconds |
 * | `service` | of `umec.service` then: `ActiveState`, `Result`, `NRestarts` |
 * | `health.json` | what µMEC said last (health-file.ts) |
 * | `journal` | the last 100 lines of the last of these boots |
 * | `pstore-*` | the kernel's last words, where memory outlived the restart |
 * | `watchdog` | why the machine was reset, as the hardware watchdog knows it: flags of linux/watchdog.h |
 *
 * Any of them but `about` may be missing, and be cut off: they are read as far as they can be understood.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { SlotName } from "../types.ts";
import { type HealthFile, parseHealth } from "./health-file.ts";

export interface Evidence {
  /** Of its folder. */
  number: number;
  /** That was given up. */
  slot: SlotName;
  /** The version that was on trial, where it came far enough to be written down. */
  version?: string;
  /** Starts that came as far as /data; 0: none did, or it was no trial. */
  boots: number;
  /** Set when the deadline ended it. */
  deadlineS?: number;
  /** Of µMEC's service at the deadline. */
  service?: { activeState: string; result: string; restarts: number };
  health?: HealthFile;
  /** Lines. */
  journal: readonly string[];
  /** The kernel's last words. */
  kernel: string;
  /** The hardware watchdog has ended the last run. */
  watchdog: boolean;
}

/** More of a file is not read: root keeps less. */
const mostBytes = 64 * 1024;
/** WDIOF_CARDRESET of linux/watchdog.h. */
const cardReset = 0x20;

/** The newest first; none where there is no such folder. */
export async function readEvidence(dir: string): Promise<Evidence[]> {
  const names = await readdir(dir).catch((): string[] => []);
  const numbers = names.filter((name) => /^[1-9][0-9]{0,8}$/.test(name)).map(Number);
  const read = await Promise.all(numbers.map((number) => readOne(join(dir, String(number)), number)));
  return read.filter((evidence) => evidence !== undefined).sort((a, b) => b.number - a.number);
}

async function readOne(dir: string, number: number): Promise<Evidence | undefined> {
  const about = pairsOf(await textOf(join(dir, "about")));
  const slot = about.get("slot");
  if (slot !== "A" && slot !== "B") return undefined;
  const names = await readdir(dir);
  const kernel = await Promise.all(
    names
      .filter((name) => name.startsWith("pstore-"))
      .sort()
      .map((name) => textOf(join(dir, name))),
  );
  const deadlineS = Number.parseInt(await textOf(join(dir, "deadline")), 10);
  const service = pairsOf(await textOf(join(dir, "service")));
  const health = parseHealth(await textOf(join(dir, "health.json")));
  const version = about.get("version");
  return {
    number,
    slot,
    ...(version && { version }),
    boots: linesOf(await textOf(join(dir, "boots"))).length,
    ...(deadlineS > 0 && { deadlineS }),
    ...(service.size > 0 && {
      service: {
        activeState: service.get("ActiveState") ?? "",
        result: service.get("Result") ?? "",
        restarts: Number(service.get("NRestarts")) || 0,
      },
    }),
    ...(health && { health }),
    journal: linesOf(await textOf(join(dir, "journal"))),
    kernel: kernel.join("\n"),
    watchdog: (Number.parseInt(await textOf(join(dir, "watchdog")), 10) & cardReset) !== 0,
  };
}

async function textOf(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return "";
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(mostBytes), position: 0 });
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  } finally {
    await file.close();
  }
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function pairsOf(text: string): Map<string, string> {
  return new Map(
    linesOf(text)
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
