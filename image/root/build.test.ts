/** The root slot as it is built: that it is the same each time, and what is in it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";

const here = import.meta.dirname;
const run = promisify(execFile);
const output = async (program: string, ...args: string[]) =>
  (await run(program, args, { maxBuffer: 64 << 20 })).stdout;
const tool = (...args: string[]) => output(join(here, "../tools/run"), ...args);
const build = async (...args: string[]) => (await output(join(here, "build.sh"), ...args)).trim();

describe("the root slot", () => {
  let place = "";
  /** Mode, owner, path and, for a link, where it leads, of all that is in it. */
  let entries: { mode: string; owner: string; path: string; target?: string }[] = [];
  const file = (path: string) => tool("unsquashfs", "-cat", join(place, "root.img"), path);

  before(async () => {
    place = await build();
    const list = await tool("unsquashfs", "-lln", "-d", "", join(place, "root.img"));
    entries = list
      .split("\n")
      .map((line) => /^(\S{10}) (\d+\/\d+) +\d+ \S+ \S+ (\/.*?)(?: -> (.*))?$/.exec(line))
      .filter((match) => match !== null)
      .map(([, mode = "", owner = "", path = "", target]) => ({
        mode,
        owner,
        path,
        ...(target !== undefined && { target }),
      }));
    assert.ok(entries.length > 300);
  });

  it("is the same when it is built again", async (t) => {
    const [one, other] = await Promise.all(["one", "other"].map(() => mkdtemp(join(tmpdir(), "root-test-"))));
    t.after(() => tool("rm", "-rf", one!, other!));
    // With the least of zstd: at the level that ships a build takes most of a minute, all of it zstd's, which gives the
    // same for the same bytes. UMEC_ALL=1 compares at that level.
    const level = process.env.UMEC_ALL === "1" ? {} : { UMEC_ZSTD: "1" };
    for (const dir of [one!, other!]) {
      await run(join(here, "build.sh"), ["--into", dir], { env: { ...process.env, ...level } });
    }
    for (const name of await readdir(one!)) {
      const [first, second] = [await readFile(join(one!, name)), await readFile(join(other!, name))];
      assert.ok(first.equals(second), `${name} differs`);
    }
  });

  it("verifies with the hash that its build tells", async () => {
    const verity = await readFile(join(place, "verity"), "utf8");
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(verity)?.[1] ?? "";
    assert.equal(Number(value("sectors")), Number(value("blocks")) * 8);
    const image = join(place, "root.img");
    await tool(
      ...["veritysetup", "verify", "--no-superblock", "--data-block-size=4096", "--hash-block-size=4096"],
      ...[`--data-blocks=${value("blocks")}`, `--hash-offset=${Number(value("blocks")) * 4096}`],
      ...[`--salt=${value("salt")}`, image, image, value("hash")],
    );
  });

  it("has nothing that belongs to anybody but root, and no set-user-id", () => {
    assert.deepEqual(
      entries.filter(({ mode, owner }) => owner !== "0/0" || /[sS]/.test(mode)),
      [],
    );
  });

  it("lets nobody in by a password", async () => {
    for (const line of (await file("etc/shadow")).trim().split("\n")) {
      assert.match(line, /^[^:]+:(\*|![^:]*):/);
    }
  });

  it("has the ids that are fixed for ever", async () => {
    const ids = (text: string) =>
      Object.fromEntries(
        text
          .trim()
          .split("\n")
          .map((line) => line.split(":"))
          .map(([name, , id]) => [name, Number(id)]),
      );
    assert.deepEqual(ids(await file("etc/passwd")), {
      root: 0,
      nobody: 65534,
      messagebus: 921,
      "systemd-network": 922,
      "systemd-timesync": 923,
      "umec-dns": 924,
      umec: 900,
      viewer: 930,
      operator: 931,
      maintainer: 932,
      owner: 933,
    });
    assert.deepEqual(ids(await file("etc/group")), {
      root: 0,
      tty: 5,
      disk: 6,
      kmem: 15,
      dialout: 20,
      video: 44,
      input: 104,
      gpio: 910,
      i2c: 911,
      spi: 912,
      "umec-slots": 913,
      "systemd-journal": 920,
      nobody: 65534,
      messagebus: 921,
      "systemd-network": 922,
      "systemd-timesync": 923,
      "umec-dns": 924,
      umec: 900,
      viewer: 930,
      operator: 931,
      maintainer: 932,
      owner: 933,
    });
  });

  it("starts no unit that it does not have, nor a program that is not there", async () => {
    const paths = new Set(entries.map(({ path }) => path));
    const physical = (path: string) => path.replace(/^\/(bin|sbin|lib)\//, "/usr/$1/");
    const wants = entries.filter(({ path }) => /\.(wants|requires)\//.test(path));
    assert.ok(wants.length > 15);
    for (const { path, target = "" } of wants) {
      const at = target.startsWith("/") ? target : join(dirname(path), target);
      assert.ok(paths.has(physical(at)), `${path} leads to ${target}`);
    }
    const units = entries.filter(
      ({ path, target }) => target === undefined && /\/systemd\/system\/[^/]+\.service$/.test(path),
    );
    for (const { path } of units) {
      for (const [, program = ""] of (await file(path.slice(1))).matchAll(/^Exec\w+=[-!@:+]*(\/\S+)/gm)) {
        assert.ok(paths.has(physical(program)), `${path} starts ${program}`);
      }
    }
  });
});
