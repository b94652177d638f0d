/** The twin of a board's `/proc` and `/sys`: a folder with files that a test writes. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface BoardTree extends AsyncDisposable {
  readonly root: string;
  /** Writes files by their paths below the root. */
  write(files: Readonly<Record<string, string | number>>): Promise<void>;
  /** Makes a link at `path` to `target`, both below the root. */
  link(path: string, target: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A board in the manner of a Raspberry Pi with an eMMC, taken down to what is read. */
export async function createBoardTree(): Promise<BoardTree> {
  const root = await mkdtemp(join(tmpdir(), "board-"));
  const tree: BoardTree = {
    root,
    async write(files) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), `${text}\n`);
      }
    },
    async link(path, target) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await mkdir(join(root, target), { recursive: true });
      await symlink(join(root, target), join(root, path));
    },
    remove: (path) => rm(join(root, path), { recursive: true }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
  await tree.write({
    "proc/stat":
      "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0\ncpu1 50 0 50 350 50 0 0 0 0 0\nintr 1 2",
    "proc/loadavg": "0.42 0.30 0.12 1/123 4567",
    "proc/meminfo": [
      "MemTotal:        1000000 kB",
      "MemFree:          100000 kB",
      "MemAvailable:     750000 kB",
      "SwapTotal:             0 kB",
      "SwapFree:              0 kB",
      "HugePages_Total:       0",
    ].join("\n"),
    "proc/pressure/cpu": "some avg10=1.00 avg60=2.50 avg300=0.10 total=123",
    "proc/pressure/memory":
      "some avg10=0.00 avg60=0.40 avg300=0.10 total=1\nfull avg10=0.00 avg60=0.20 avg300=0.10 total=1",
    "proc/diskstats": [
      " 179       0 mmcblk0 10 0 2000 5 20 0 4000 9 0 7 14 0 0 0 0",
      " 179       1 mmcblk0p1 10 0 2000 5 20 0 4000 9 0 7 14 0 0 0 0",
      "   7       0 loop0 10 0 2000 5 20 0 4000 9 0 7 14 0 0 0 0",
    ].join("\n"),
    "sys/block/mmcblk0/size": 1000,
    "sys/block/loop0/size": 1000,
    "proc/uptime": "3725.61 7000.00",
    "sys/class/mmc_host/mmc0/mmc0:0001/life_time": "0x01 0x03",
    "sys/class/mmc_host/mmc0/mmc0:0001/pre_eol_info": "0x01",
    "sys/class/thermal/thermal_zone0/temp": 48312,
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal",
    "sys/class/hwmon/hwmon0/temp1_input": 48312,
    "sys/class/hwmon/hwmon1/name": "rpi_volt",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": 0,
    "sys/class/hwmon/hwmon2/name": "nvme",
    "sys/class/hwmon/hwmon2/temp1_input": 39850,
    "sys/class/hwmon/hwmon2/temp1_label": "Composite",
    "sys/class/net/eth0/device/vendor": 1,
    "sys/class/net/eth0/carrier": 1,
    "sys/class/net/eth0/operstate": "up",
    "sys/class/net/eth0/speed": 1000,
    "sys/class/net/eth0/statistics/rx_bytes": 1_000_000,
    "sys/class/net/eth0/statistics/tx_bytes": 2_000_000,
    "sys/class/net/eth0/statistics/rx_errors": 3,
    "sys/class/net/eth0/statistics/tx_errors": 0,
    "sys/class/net/lo/operstate": "unknown",
    "sys/class/net/lo/carrier": 1,
    "sys/class/net/lo/statistics/rx_bytes": 5,
    "sys/class/net/lo/statistics/tx_bytes": 5,
  });
  await tree.link("sys/class/hwmon/hwmon0/device", "sys/class/thermal/thermal_zone0");
  return tree;
}
