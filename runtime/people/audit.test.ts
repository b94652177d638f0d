import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { silentLog } from "../log.ts";
import type { NewRow } from "../outbox/types.ts";
import { decodeCbor } from "../senml/cbor.ts";
import { Audit, type AuditEntry } from "./audit.ts";
import type { Asker } from "./types.ts";

const anna: Asker = { level: "operator", person: "anna" };
const entry: AuditEntry = { kind: "command", asker: anna, what: "lamp/level = 1", result: "done" };

function said(row: NewRow): Record<string, unknown> {
  const [record] = decodeCbor(Buffer.concat([Buffer.of(0x81), row.records]));
  return { name: record!.n, ...JSON.parse(record!.vs!) };
}

function create(options: { mostWaiting?: number; burst?: number; perS?: number } = {}) {
  const rows: NewRow[] = [];
  const clock = { now: 0, monotonicMs: () => clock.now };
  const outbox = {
    hold: undefined as Promise<void> | undefined,
    append: async (row: NewRow) => {
      await outbox.hold;
      rows.push(row);
    },
  };
  return { rows, clock, outbox, audit: new Audit({ outbox, clock, log: silentLog, ...options }) };
}

const busy = (error: unknown) => isUmecError(error, "AUDIT_BUSY");

test("an entry is a record of the plugin audit in the lane alarm: who, level, what, result", async () => {
  const { audit, rows, clock } = create();
  clock.now = 4200;
  await audit.append({ ...entry, what: "x".repeat(500), from: "192.0.2.7" });
  const { plugin, lane, time, samples } = rows[0]!;
  assert.deepEqual([plugin, lane, time, samples], ["audit", "alarm", { monotonicMs: 4200 }, 1]);
  assert.deepEqual(said(rows[0]!), {
    name: "command",
    person: "anna",
    level: "operator",
    what: `${"x".repeat(200)}…`,
    result: "done",
    from: "192.0.2.7",
  });
});

test("it resolves when the disk has it, and not before", async () => {
  const { audit, outbox, rows } = create();
  const disk = Promise.withResolvers<void>();
  outbox.hold = disk.promise;
  let done = false;
  const appending = audit.append(entry).then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  assert.deepEqual([done, rows.length], [false, 0]);
  disk.resolve();
  await appending;
  assert.equal(rows.length, 1);
});

test("beyond its bounds nothing is entered unseen: append fails, note is counted in the next entry", async () => {
  const { audit, clock, rows } = create({ burst: 3, perS: 1 });
  for (let i = 0; i < 3; i++) await audit.append(entry);
  await assert.rejects(audit.append(entry), busy);
  await audit.note(entry);
  await audit.note(entry);
  // Others, the node itself, and what came of something that was entered, are not held up.
  await audit.append({ ...entry, asker: { level: "operator", person: "bob" } });
  assert.equal(said(rows.at(-1)!).lost, 2);
  await audit.append({ ...entry, asker: { level: "node", person: "root" } });
  assert.equal(said(rows.at(-1)!).lost, undefined);
  await audit.conclude(entry);
  assert.equal(rows.length, 6);
  clock.now += 1000;
  await audit.append(entry);
  await assert.rejects(audit.append(entry), busy);
});

test("no more than its bound wait for a slow disk", async () => {
  const { audit, outbox, rows } = create({ mostWaiting: 2 });
  const disk = Promise.withResolvers<void>();
  outbox.hold = disk.promise;
  const waiting = [audit.append(entry), audit.append(entry)];
  await assert.rejects(audit.append(entry), busy);
  disk.resolve();
  await Promise.all(waiting);
  outbox.hold = undefined;
  await audit.append(entry);
  assert.equal(rows.length, 3);
});

test("a disk that takes nothing is an error of append, and none of note", async () => {
  const { audit, outbox, rows } = create();
  outbox.hold = Promise.reject(new Error("disk full"));
  await assert.rejects(
    audit.append(entry),
    (error) => isUmecError(error, "AUDIT_FAILED") && /disk full/.test(error.message),
  );
  await audit.note(entry);
  outbox.hold = undefined;
  await audit.append(entry);
  assert.equal(said(rows[0]!).lost, 1);
});

test("many names do not grow its memory for ever, nor let a loud one through", async () => {
  const { audit } = create({ burst: 1, perS: 0 });
  for (let i = 0; i < 3000; i++)
    await audit.append({ ...entry, asker: { level: "viewer", person: `p${i}` } });
  await assert.rejects(audit.append({ ...entry, asker: { level: "viewer", person: "p2999" } }), busy);
});
