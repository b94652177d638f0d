import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { confine, findConfiner } from "./confine.ts";

const run = promisify(execFile);
const rlimit = { kind: "rlimit", noGuard: "no setpriv" } as const;

test("without limits a program is started as it is", async () => {
  assert.deepEqual(await confine(["/bin/prog", "a b"], {}, rlimit, "p"), {
    argv: ["/bin/prog", "a b"],
    env: {},
    warnings: [],
  });
});

test("systemd holds all of them, and arguments stay arguments", async () => {
  const confiner = { kind: "systemd", command: ["systemd-run", "--scope"] } as const;
  const limits = { memoryBytes: 2 ** 26, cpuPercent: 50, devices: ["/dev/ttyUSB0"] };
  const { argv, warnings } = await confine(["/bin/prog", "-p", "MemoryMax=1"], limits, confiner, "py");
  assert.deepEqual(warnings, []);
  assert.deepEqual(argv, [
    ...["systemd-run", "--scope", "--description=µMEC plugin py"],
    ...["-p", "MemoryMax=67108864", "-p", "MemorySwapMax=0", "-p", "CPUQuota=50%"],
    ...["-p", "DevicePolicy=closed", "-p", "DeviceAllow=/dev/ttyUSB0 rw"],
    ...["--", "/bin/prog", "-p", "MemoryMax=1"],
  ]);
});

test("without it memory is held by a resource limit, and what can't be held is said", async () => {
  const limits = { memoryBytes: 64 * 2 ** 20, cpuPercent: 50, devices: [] };
  const script = 'ulimit -d; printf "%s|" "$@"';
  const { argv, warnings } = await confine(["/bin/sh", "-c", script, "x", "a b", "$c"], limits, rlimit, "p");
  const { stdout } = await run(argv[0]!, argv.slice(1));
  assert.equal(stdout, "65536\na b|$c|");
  assert.deepEqual(
    warnings.map((warning) => warning.split(" ")[0]),
    ["cpuPercent", "devices", "memoryBytes"],
  );
});

test("a program that eats memory under the limit fails, a modest one does not", async () => {
  const python = async (script: string) => {
    const bare = ["/usr/bin/env", "python3", "-c", script];
    const { argv } = await confine(bare, { memoryBytes: 64 * 2 ** 20 }, rlimit, "p");
    return run(argv[0]!, argv.slice(1));
  };
  await assert.rejects(python("all = [bytearray(2 ** 23) for _ in range(60)]; print('ate')"), /MemoryError/);
  assert.equal((await python("print('ate')")).stdout, "ate\n");
});

test("a driver of the bundle is kept to a heap", async () => {
  const eat = "const all = []; for (;;) all.push(new Array(1e5).fill(all.length))";
  const { argv, env } = await confine(
    [process.execPath, "-e", eat],
    { memoryBytes: 64 * 2 ** 20 },
    rlimit,
    "p",
    true,
  );
  await assert.rejects(run(argv[0]!, argv.slice(1), { env: { ...process.env, ...env } }), /heap/);
});

test("with a part of the control tree all is held by a group of its own, and what it lacks is said", async () => {
  const home = { path: "/sys/fs/cgroup/umec.service", controllers: ["memory", "pids"] } as const;
  const limits = { memoryBytes: 2 ** 26, cpuPercent: 50, devices: [] };
  const confiner = { kind: "cgroup", home, noGuard: "no setpriv" } as const;
  const { argv, warnings, group } = await confine(["/bin/prog"], limits, confiner, "p");
  assert.deepEqual(argv.slice(-2), ["/sys/fs/cgroup/umec.service/plugin-p", "/bin/prog"]);
  assert.equal(group?.path, "/sys/fs/cgroup/umec.service/plugin-p");
  assert.deepEqual(
    warnings.map((warning) => warning.split(" ")[0]),
    ["cpuPercent", "devices"],
  );
  assert.ok((await confine(["/bin/prog"], {}, confiner, "p")).group, "also without limits");
});

test("what this system can do is found out without a fault", async () => {
  assert.match((await findConfiner()).kind, /^(cgroup|systemd|rlimit)$/);
});
