/** Evidence of slots that were given up, as root's scripts have left it on emulated boards; a test writes it into a folder. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const about = "slot=B\nto=A\ngood=\nboot=3f2c0f0e-0d6a-4c4e-9d3c-7c1b4b1f6a2e\n";
const trial = `${about}content=0123456789abcdef\nversion=1.4.0\n`;
const health = (rest: string) => `{"ok":false,"sinceS":14,"deadlineS":120,"version":"1.4.0",${rest}}\n`;

export const recorded = {
  plugin: {
    about: trial,
    boots: "1d0e6c1a-5f62-4c62-8e5e-0f5a8f7d9b11\n",
    deadline: "120\n",
    service: "ActiveState=active\nResult=success\nNRestarts=0\n",
    "health.json": health('"waitingFor":["plugin rs485"],"failed":[]'),
    watchdog: "0\n",
  },
  hub: {
    about: trial,
    boots: "1d0e6c1a-5f62-4c62-8e5e-0f5a8f7d9b11\n",
    deadline: "120\n",
    service: "ActiveState=active\nResult=success\nNRestarts=0\n",
    "health.json": health('"waitingFor":["hub"],"failed":[]'),
  },
  loop: {
    about: trial,
    boots: "1d0e6c1a-5f62-4c62-8e5e-0f5a8f7d9b11\n",
    deadline: "120\n",
    service: "ActiveState=activating\nResult=exit-code\nNRestarts=11\n",
    journal:
      "[   14.611231] umec[402]: 12:00:01.101 error the disk is full: /data/umec/data/outbox/outbox.db\n[   14.711231] systemd[1]: umec.service: Main process exited, code=exited, status=1/FAILURE\n",
  },
  panic: {
    about: trial,
    boots: "a\nb\nc\n",
    "pstore-dmesg-ramoops-0":
      "Panic#2 Part1\n<6>[   20.1] sysrq: Trigger a crash\n<0>[   20.2] Kernel panic - not syncing: sysrq triggered crash\n",
    watchdog: "0\n",
  },
  hang: { about, watchdog: "32\n" },
  verity: {
    about,
    "pstore-console-ramoops-0":
      "[    1.7] device-mapper: verity: 254:2: data block 0 is corrupted\n[    1.7] dm-verity device corrupted\n",
  },
  nothing: { about },
} as const;

export async function leave(dir: string, number: number, what: keyof typeof recorded): Promise<void> {
  const folder = join(dir, String(number));
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(recorded[what])) await writeFile(join(folder, name), text);
}
