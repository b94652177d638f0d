import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { umec } from "../cli/test-program.ts";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { applyPeople, noteApplied } from "./apply.ts";
import { unitsToStop } from "./end-sessions.ts";
import { formatPeople } from "./people-file.ts";
import { testKey } from "./test-key.ts";
import type { Level, UserTarget } from "./types.ts";

const scratch = createScratch();
const user = (name: string, level: Level, ...keys: string[]): UserTarget => ({ name, level, keys });
const anna = user("anna", "viewer", testKey(1));
const bob = user("bob", "maintainer", testKey(2));
const own = process.getgid!();

async function place() {
  const root = await scratch();
  const at = { file: join(root, "people.json"), dir: join(root, "ssh") };
  const keysOf = (level: Level) =>
    readFile(join(at.dir, level, ".ssh/authorized_keys"), "utf8").catch(() => undefined);
  const set = (users: readonly UserTarget[]) => writeFile(at.file, formatPeople(users));
  const apply = () => applyPeople({ ...at, groupOf: () => own });
  return { ...at, keysOf, set, apply };
}

test("each level has the keys of its people, and each key starts its person's session", async () => {
  const { set, apply, keysOf, dir } = await place();
  await set([anna, bob]);
  assert.deepEqual(await apply(), { open: true, narrowed: [] });
  assert.equal(
    await keysOf("viewer"),
    `restrict,command="/usr/bin/umec session --person anna --level viewer" ${testKey(1)}\n`,
  );
  assert.equal(
    await keysOf("maintainer"),
    `no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="/usr/bin/umec session --person bob --level maintainer" ${testKey(2)}\n`,
  );
  assert.deepEqual([await keysOf("operator"), await keysOf("owner")], [undefined, undefined]);
  const modeOf = async (path: string) => (await stat(join(dir, path))).mode & 0o777;
  // What dropbear demands: nobody but their owner writes to any of them; and the level's group reads the keys.
  assert.deepEqual(
    await Promise.all([".", "viewer", "viewer/.ssh", "viewer/.ssh/authorized_keys"].map(modeOf)),
    [0o711, 0o755, 0o755, 0o640],
  );
  assert.deepEqual(await readdir(join(dir, "viewer/.ssh")), ["authorized_keys"], "no draft stays");
});

test("who is taken out is not let in any more, and their level's sessions are to be ended", async () => {
  const at = await place();
  const { set, apply, keysOf } = at;
  await set([anna, bob]);
  await apply();
  await noteApplied(at);
  assert.deepEqual(await apply(), { open: true, narrowed: [] });
  await set([bob, user("carl", "maintainer", testKey(3))]);
  assert.deepEqual(await apply(), { open: true, narrowed: ["viewer"] });
  assert.equal(await keysOf("viewer"), undefined);
  // Cut short before the sessions were ended, it says so again.
  assert.deepEqual(await apply(), { open: true, narrowed: ["viewer"] });
  await noteApplied(at);
  // A key that goes to somebody else, one that goes, another level.
  await set([user("dora", "maintainer", testKey(2)), user("carl", "owner", testKey(3))]);
  assert.deepEqual(await apply(), { open: true, narrowed: ["maintainer"] });
  await noteApplied(at);
  await rm(at.file);
  assert.deepEqual(await apply(), { open: false, narrowed: ["maintainer", "owner"] });
  assert.deepEqual([await keysOf("maintainer"), await keysOf("owner")], [undefined, undefined]);
});

test("a file that is not in order changes nothing", async () => {
  const { set, apply, keysOf, file, dir } = await place();
  await set([anna]);
  await apply();
  const before = await keysOf("viewer");
  const secret = join(dir, "../secret");
  await writeFile(secret, formatPeople([bob]));
  const hostile: [string, () => Promise<unknown>][] = [
    [
      "PEOPLE_INVALID",
      () => writeFile(file, formatPeople([bob]).replace(testKey(2), `${testKey(2)}\\n${testKey(3)}`)),
    ],
    ["PEOPLE_INVALID", () => writeFile(file, "")],
    ["PEOPLE_UNREADABLE", () => symlink(secret, file)],
    ["PEOPLE_UNREADABLE", () => mkdir(file)],
    ["PEOPLE_UNREADABLE", () => promisify(execFile)("mkfifo", [file])],
    ["PEOPLE_UNREADABLE", () => writeFile(file, "").then(() => truncate(file, 2 ** 33))],
  ];
  for (const [code, make] of hostile) {
    await rm(file, { recursive: true, force: true });
    await make();
    await assert.rejects(apply(), (error) => isUmecError(error, code), make.toString());
    assert.equal(await keysOf("viewer"), before);
    assert.equal(await keysOf("maintainer"), undefined);
  }
});

/** As proc(5): a folder for each process with its control group and its user. */
async function proc(processes: Record<number, { cgroup: string; uid: number }>): Promise<string> {
  const path = await scratch();
  await mkdir(join(path, "self"));
  for (const [pid, { cgroup, uid }] of Object.entries(processes)) {
    await mkdir(join(path, pid));
    await writeFile(join(path, pid, "cgroup"), `0::${cgroup}\n`);
    await writeFile(join(path, pid, "status"), `Name:\tsh\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
  }
  return path;
}
const uids = new Map<Level, number>([
  ["viewer", 930],
  ["operator", 931],
  ["maintainer", 932],
  ["owner", 933],
]);
const unit = (n: number) => `umec-ssh@${n}-10.0.2.15:22-10.0.2.2:4242.service`;
const inUnit = (n: number, uid: number) => ({
  cgroup: `/system.slice/system-umec\\x2dssh.slice/${unit(n)}`,
  uid,
});

test("sessions of the levels that lost a key are to be ended, and connections that are no session yet", async () => {
  const path = await proc({
    1: { cgroup: "/init.scope", uid: 0 },
    50: { cgroup: "/system.slice/umec.service", uid: 900 },
    100: inUnit(1, 0),
    101: inUnit(1, 932),
    110: inUnit(2, 0),
    111: inUnit(2, 933),
    120: inUnit(3, 0),
    130: inUnit(4, 930),
    140: { cgroup: "/system.slice/umec-people.service", uid: 0 },
  });
  assert.deepEqual(await unitsToStop([], uids, path), []);
  assert.deepEqual(await unitsToStop(["maintainer"], uids, path), [unit(1), unit(3)]);
  assert.deepEqual(await unitsToStop(["viewer", "owner"], uids, path), [unit(2), unit(3), unit(4)]);
});

test("the program asks the service manager: to open ssh, to end sessions, to shut it", async () => {
  const root = await scratch();
  const systemctl = join(root, "systemctl");
  await writeFile(systemctl, `#!/bin/sh\necho "$@" >>'${join(root, "asked")}'\n`);
  await chmod(systemctl, 0o755);
  await mkdir(join(root, "etc"));
  await mkdir(join(root, "data/umec/data"), { recursive: true });
  const accounts = [...uids].map(([level, uid]) => `${level}:x:${uid}:${own}::/:/bin/sh\n`).join("");
  await writeFile(join(root, "etc/passwd"), accounts);
  await writeFile(
    join(root, "etc/group"),
    [...uids.keys()].map((level) => `${level}:x:${own}:umec\n`).join(""),
  );
  await symlink(await proc({ 7: inUnit(1, 930) }), join(root, "proc"));
  const file = join(root, "data/umec/data/people.json");
  const run = () => umec(["people", "apply", "--root", root, "--systemctl", systemctl]);
  await writeFile(file, formatPeople([anna, bob]));
  const opened = await run();
  assert.deepEqual([opened.code, opened.stdout, opened.stderr], [0, "ssh is open\n", ""]);
  await writeFile(file, formatPeople([]));
  assert.equal((await run()).stdout, "ssh is shut, sessions ended: 1\n");
  assert.equal(await readFile(join(root, "data/ssh/people.json"), "utf8"), formatPeople([]));
  assert.deepEqual((await readFile(join(root, "asked"), "utf8")).split("\n"), [
    "start umec-ssh.socket",
    "stop umec-ssh.socket",
    `stop ${unit(1)}`,
    "",
  ]);
});
