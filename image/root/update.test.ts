/** Root's side of an update, with RAUC and systemd played by scripts; qemu-tests/update.test.ts has the real ones. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../../runtime/test-scratch.ts";

const scratch = createScratch();
const system = join(import.meta.dirname, "overlay/usr/lib/umec/system");
const incoming = "/data/umec/update/incoming";

const works = ["installing", "  0% Installing", " 40% Updating slots", " 60% Copying image to rootfs.1"];
const succeeds = [...works, "100% Installing done.", "Installing `/data/update/bundle.raucb` succeeded"];

interface Played {
  /** What `rauc install` prints. */
  installs?: readonly string[];
  /** What `rauc info` prints of the permit; it fails without. */
  permit?: readonly string[];
  /** What is in the request besides the id. */
  request?: Record<string, string>;
}

async function machine({ installs = succeeds, permit, request = {} }: Played = {}) {
  const root = await scratch();
  const write = async (path: string, content: string, mode = 0o644) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content, { mode });
  };
  const read = (path: string) => readFile(join(root, path), "utf8").catch(() => undefined);
  await write("proc/cmdline", "console=ttyAMA0 rauc.slot=A umec.version=1.3.2 umec.slot=aaaa panic=5\n");
  await write("boot/slots.env", `crc4${["BOOT_A_GOOD=aaaa", "BOOT_B_LEFT=3", "", ""].join("\0")}`);
  await write("etc/rauc/system.conf", "compatible=umec-virt\nmin-bundle-version=1.3.2\n");
  await write(`${incoming}/b.raucb`, "a bundle");
  await write(`${incoming}/p.permit`, "a permit");
  await mkdir(join(root, "run/umec-update"), { recursive: true });
  const asked = { id: "id-1", path: `${incoming}/b.raucb`, ...request };
  await write("run/umec-control/install", `${JSON.stringify(asked)}\n`);
  const lines = (text: readonly string[]) =>
    text.map((line) => `printf '%s\\n' '${line.replaceAll("'", "'\\''")}'`);
  const rauc = [
    "#!/bin/sh",
    `echo "$@" >>${JSON.stringify(join(root, "asked"))}`,
    `if [ "$1" = install ]; then cat "$2" >${JSON.stringify(join(root, "read"))}`,
    `cp "$R/etc/rauc/system.conf" "$R/conf-then"`,
    ...lines(installs),
    "else",
    ...lines(
      permit ?? ["rauc-Message: Reading bundle", "signature verification failed: Verify error: self-signed"],
    ),
    `exit ${permit ? 0 : 1}; fi`,
  ];
  await write("bin/rauc", rauc.join("\n"), 0o755);
  for (const [name, says] of [
    ["systemctl", ""],
    ["hostname", "echo lamp-0042"],
    ["mount", "exit 1"],
  ]) {
    await write(`bin/${name}`, `#!/bin/sh\n${says}\n`, 0o755);
  }
  const run = async (...args: string[]) => {
    const env = { ...process.env, R: root, PATH: `${join(root, "bin")}:${process.env.PATH}` };
    await promisify(execFile)(join(system, "update"), args, { env: { ...env, SERVICE_RESULT: "timeout" } });
    return JSON.parse((await read("run/umec-update/state.json")) ?? "{}");
  };
  return { root, read, write, run };
}

test("a bundle is written by RAUC under another name, and all is tidy afterwards", async () => {
  const node = await machine();
  assert.deepEqual(await node.run(), { id: "id-1", state: "installed", percent: 100 });
  assert.equal(await node.read("read"), "a bundle");
  assert.match((await node.read("asked")) ?? "", /^install \S*.*\/data\/update\/bundle\.raucb\n$/);
  assert.deepEqual(await readdir(join(node.root, "data/update")), []);
  assert.deepEqual(await readdir(join(node.root, "run/umec-control")), []);
  const slots = JSON.parse((await node.read("run/umec-update/slots.json")) ?? "");
  assert.deepEqual(slots, [
    { name: "A", booted: true, good: true, version: "1.3.2" },
    { name: "B", booted: false, good: false },
  ]);
});

for (const [what, path] of [
  ["outside", "/data/umec/node.yaml"],
  ["above", `${incoming}/../../node.yaml`],
  ["a link", `${incoming}/link.raucb`],
  ["a folder", `${incoming}/folder`],
  ["hidden", `${incoming}/.b.raucb`],
  ["nothing", `${incoming}/none.raucb`],
  ["no path", ""],
] as const) {
  test(`a path that is ${what} is refused, and RAUC is not asked`, async () => {
    const node = await machine({ request: { path } });
    await symlink(join(node.root, incoming, "b.raucb"), join(node.root, incoming, "link.raucb"));
    await mkdir(join(node.root, incoming, "folder"));
    await node.write("data/umec/node.yaml", "node: lamp-0042\n");
    await node.write(`${incoming}/.b.raucb`, "a bundle");
    const { state, reason } = await node.run();
    assert.equal(state, "refused");
    assert.match(reason, /is not in|is not there|is no file|is no name/);
    assert.equal(await node.read("asked"), undefined);
    assert.deepEqual(await readdir(join(node.root, "data/update")), []);
  });
}

test("what RAUC refuses is refused; what breaks off while it writes has failed, and the slot has no version", async () => {
  const mismatch = `Compatible mismatch: Expected 'umec-virt' but bundle manifest has "x"`;
  const refused = await machine({
    installs: [" 20% Checking bundle", `LastError: ${mismatch}`, "Installing `x` failed"],
  });
  assert.deepEqual(await refused.run(), { id: "id-1", state: "refused", percent: 0, reason: mismatch });
  assert.equal(await refused.read("data/update/writing"), undefined);
  const failed = await machine({ installs: [...works, "LastError: No space left", "Installing `x` failed"] });
  assert.deepEqual(await failed.run(), { id: "id-1", state: "failed", percent: 0, reason: "No space left" });
  assert.equal(await failed.read("data/update/writing"), "B\n");
  const silent = await machine({ installs: ["Error creating proxy: no bus"] });
  assert.deepEqual(await silent.run(), {
    id: "id-1",
    state: "failed",
    percent: 0,
    reason: "Error creating proxy: no bus",
  });
});

test("an installation that was ended from outside is told", async () => {
  const node = await machine();
  await node.write("run/umec-update/state.json", '{"id":"id-1","state":"installing","percent":40}\n');
  const { id, state, reason } = await node.run("ended");
  assert.deepEqual([id, state, reason], ["id-1", "failed", "the installation was ended: timeout"]);
});

/** As RAUC prints a permit's manifest. */
const says = (terms: Record<string, string>) =>
  Object.entries({
    MF_COMPATIBLE: "umec-permit",
    MF_VERSION: "1.2.0",
    META_PERMIT_COMPATIBLE: "umec-rpi",
    META_PERMIT_EXPIRES: "9999999999",
    ...terms,
  }).map(([name, value]) => `RAUC_${name}='${value}'`);
const withPermit = { request: { permit: `${incoming}/p.permit` } };

test("a permit makes RAUC take what it names, for this one time", async () => {
  const node = await machine({ ...withPermit, permit: says({ META_PERMIT_NODE: "lamp-0042" }) });
  assert.equal((await node.run()).state, "installed");
  assert.equal(await node.read("conf-then"), "compatible=umec-rpi\nmin-bundle-version=1.2.0\n");
  assert.equal(await node.read("etc/rauc/system.conf"), "compatible=umec-virt\nmin-bundle-version=1.3.2\n");
  assert.deepEqual(await readdir(join(node.root, "etc/rauc")), ["system.conf"]);
});

for (const [what, permit, expected] of [
  ["not signed by ours", undefined, /the permit is not valid: signature verification failed/],
  ["a bundle", says({ MF_COMPATIBLE: "umec-virt" }), /it is a bundle of another kind/],
  [
    "for another node",
    says({ META_PERMIT_NODE: "lamp-0001" }),
    /for the node lamp-0001, and this is lamp-0042/,
  ],
  ["expired", says({ META_PERMIT_EXPIRES: "1700000000" }), /has expired/],
  ["without a time", says({ META_PERMIT_EXPIRES: "" }), /has expired/],
  ["without a board", says({ META_PERMIT_COMPATIBLE: "a/b" }), /names no version, or no board/],
] as const) {
  test(`a permit that is ${what} is refused`, async () => {
    const node = await machine({ ...withPermit, ...(permit && { permit }) });
    const { state, reason } = await node.run();
    assert.equal(state, "refused");
    assert.match(reason, expected);
    assert.equal(await node.read("read"), undefined);
  });
}
