import assert from "node:assert/strict";
import { once } from "node:events";
import { watch } from "node:fs";
import { copyFile, cp, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { before, test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import { version } from "../runtime/version.ts";
import { addons } from "./addons.ts";
import { root } from "./paths.ts";
import { makeTestBundle, start, type TestBundle } from "./test-bundle.ts";

const scratch = createScratch();
let bundle: TestBundle;
let program: string;
before(async () => {
  bundle = await makeTestBundle(await scratch());
  program = join(bundle.dir, "bin/umec");
});

/** Every file with its mode and content. */
async function tree(dir: string): Promise<Map<string, { mode: number; content: Buffer }>> {
  const names = (await readdir(dir, { recursive: true })).toSorted();
  const found = new Map<string, { mode: number; content: Buffer }>();
  for (const name of names) {
    const path = join(dir, name);
    const entry = await stat(path);
    found.set(name, { mode: entry.mode, content: entry.isFile() ? await readFile(path) : Buffer.alloc(0) });
  }
  return found;
}

test("two builds in two places are the same, byte for byte", async () => {
  const other = await makeTestBundle(join(await scratch(), "deeper"));
  for (const part of ["", ".maps"]) {
    const [one, two] = [await tree(bundle.dir + part), await tree(other.dir + part)];
    assert.deepEqual([...two.keys()], [...one.keys()]);
    for (const [name, { mode, content }] of one) {
      assert.equal(two.get(name)!.mode, mode, name);
      assert.ok(content.equals(two.get(name)!.content), `${name} differs`);
    }
  }
});

test("the scripts of a node stay under 1.5 MB, name nothing of this machine, and keep their maps apart", async () => {
  const { scriptBytes, operatorBytes, apiBytes } = bundle;
  const nodeBytes = scriptBytes - operatorBytes - apiBytes;
  assert.ok(nodeBytes < 1_500_000, `${nodeBytes} bytes for a node`);
  assert.ok(apiBytes > 0 && apiBytes < 300_000, `${apiBytes} bytes for its API`);
  assert.ok(
    operatorBytes > 0 && operatorBytes < 400_000,
    `${operatorBytes} bytes that only an operator loads`,
  );
  const lib = await readdir(join(bundle.dir, "lib"));
  const modules = lib.filter((name) => name.endsWith(".mjs"));
  assert.deepEqual(
    lib.filter((name) => !modules.includes(name)).toSorted(),
    [...addons.map(({ file }) => file), "nats-server", "node"].toSorted(),
  );
  const maps = await readdir(`${bundle.dir}.maps`);
  assert.deepEqual(
    maps,
    modules.map((name) => `${name}.map`),
  );
  for (const path of [
    ...modules.map((name) => `${bundle.dir}/lib/${name}`),
    ...maps.map((name) => `${bundle.dir}.maps/${name}`),
  ]) {
    assert.ok(!(await readFile(path, "utf8")).includes(process.cwd()), path);
  }
});

test("it says its version, also through a link and with another Node.js on the PATH", async () => {
  const dir = await scratch();
  await writeFile(join(dir, "node"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
  await symlink(program, join(dir, "umec"));
  const { code, stdout } = await start(join(dir, "umec"), ["--version"], {
    cwd: dir,
    env: { PATH: `${dir}:/usr/bin:/bin` },
  }).ended;
  assert.deepEqual([code, stdout], [0, `${version}\n`]);
  assert.equal(await readFile(join(bundle.dir, "VERSION"), "utf8"), `${version}\n`);
});

test("it checks a target with the options of a driver", async () => {
  const dir = await scratch();
  const file = join(dir, "node.yaml");
  await writeFile(
    file,
    "node: n1\nplugins:\n  meter: { driver: modbus, options: { host: 192.0.2.1, units: {} } }\n",
  );
  const { code, stdout, stderr } = await start(program, ["check", file], { cwd: dir }).ended;
  assert.equal(code, 3, stdout + stderr);
  assert.match(stdout + stderr, /node\.yaml:3:\d+: plugins[./]meter[./]options[./]units/);
});

test("its schemas are those of the source tree, byte for byte", async () => {
  const dir = await scratch();
  const shipped = start(program, ["schema"], { cwd: dir }).ended;
  const source = start(process.execPath, [join(root, "runtime/cli/umec.ts"), "schema"], { cwd: dir }).ended;
  const [{ code, stdout }, ours] = await Promise.all([shipped, source]);
  assert.deepEqual([code, ours.code], [0, 0]);
  assert.ok(stdout.includes("options-modbus"));
  assert.equal(stdout, ours.stdout);
});

test("a stack names functions and, with the maps beside the scripts, our files", async () => {
  const dir = await scratch();
  const failing = ["check", join(dir, "missing.yaml"), "--debug"];
  const plain = await start(program, failing, { cwd: dir }).ended;
  assert.match(plain.stderr, /\n {4}at async checkFile \(file:.*\.mjs:\d+:\d+\)/);

  const lib = join(bundle.dir, "lib");
  for (const name of await readdir(lib))
    if (name.endsWith(".mjs")) await copyFile(join(lib, name), join(dir, name));
  await cp(`${bundle.dir}.maps`, dir, { recursive: true });
  const args = ["--enable-source-maps", join(dir, "umec.mjs"), ...failing];
  const mapped = await start(join(lib, "node"), args, { cwd: dir }).ended;
  assert.match(mapped.stderr, /\n {4}at async checkFile \(.*runtime\/cli\/target-file\.ts:\d+:\d+\)/);
});

test("a nats-server that the environment names is taken instead of its own", async () => {
  const dir = await scratch();
  await writeFile(join(dir, "node.yaml"), "node: n1\n");
  const env = { UMEC_NATS_SERVER: "/nowhere/nats-server" };
  const { code, stderr } = await start(program, ["run"], { cwd: dir, env }).ended;
  assert.notEqual(code, 0);
  assert.match(stderr, /UMEC_NATS_SERVER names \/nowhere\/nats-server/);
});

test("a node runs on what the bundle holds: its socket answers, and SIGTERM ends it with 0", async () => {
  const dir = await scratch();
  const run = join(dir, "data/run");
  await mkdir(run, { recursive: true, mode: 0o700 });
  await writeFile(join(dir, "node.yaml"), "node: n1\n");
  const watcher = watch(run);
  const node = start(program, ["run", "--log-format", "json"], { cwd: dir });
  const early = node.ended.then(({ code, stderr }) => assert.fail(`it ended with ${code}: ${stderr}`));
  try {
    await Promise.race([appearance(watcher, "umec.sock"), early]);
    const status = (await Promise.race([ask(join(run, "umec.sock")), early])) as { node: string };
    assert.equal(status.node, "n1");
    const lib = join(bundle.dir, "lib");
    assert.equal(await readlink(`/proc/${node.child.pid}/exe`), join(lib, "node"));
    const server = Number(await readFile(join(run, "bus/nats-server.pid"), "utf8"));
    assert.equal(await readlink(`/proc/${server}/exe`), join(lib, "nats-server"));
  } finally {
    watcher.close();
    node.child.kill("SIGTERM");
    early.catch(() => undefined);
  }
  const { code, stderr } = await node.ended;
  assert.equal(code, 0, stderr);
  for (const line of stderr.trimEnd().split("\n")) assert.equal(typeof JSON.parse(line).msg, "string", line);
  assert.ok((await stat(join(dir, "data/outbox/outbox.db"))).size > 0);
});

test("drivers find the machine code that they need in the bundle", async () => {
  const dir = await scratch();
  // There is none of them, which only the kernel can tell: the machine code was loaded and asked it.
  const plugins = `
  sensors: { driver: i2c, options: { bus: 4095, devices: { hall: { type: tmp105, address: 0x48 } } } }
  meter:
    driver: modbus
    options:
      transport: serial
      path: /dev/ttyNone
      units: { a: { unit: 1, registers: { x: { address: 0 } } } }
  rack:
    driver: spi
    options: { bus: 4095, devices: { oven: { type: max31855, chipSelect: 0 } } }
  pins: { driver: gpio, options: { backend: chardev, inputs: { door: { line: "gpiochip4095:0" } } } }
`;
  await writeFile(join(dir, "node.yaml"), `node: n1\nplugins:${plugins}`);
  const node = start(program, ["run"], { cwd: dir });
  let output = "";
  const told = Promise.withResolvers<void>();
  node.child.stderr.on("data", (chunk: Buffer) => {
    output += chunk;
    const signs = [
      /i2c-4095 .*ENOENT/,
      /ttyNone.*No such file/,
      /spidev4095\.0 .*ENOENT/,
      /gpiochip4095|no GPIO chip/,
    ];
    if (signs.every((sign) => sign.test(output))) told.resolve();
  });
  const ended = node.ended.then(() => assert.fail(output));
  const late = setTimeout(() => told.reject(new Error(output)), 60_000);
  try {
    await Promise.race([told.promise, ended]);
  } finally {
    clearTimeout(late);
    node.child.kill("SIGTERM");
    ended.catch(() => undefined);
  }
  assert.equal((await node.ended).code, 0);
});

async function appearance(watcher: ReturnType<typeof watch>, name: string): Promise<void> {
  for (;;) {
    const [, changed] = await once(watcher, "change");
    if (changed === name) return;
  }
}

async function ask(socketPath: string): Promise<unknown> {
  const asked = request({ socketPath, path: "/status" }).end();
  const [response] = await once(asked, "response");
  return json(response);
}
