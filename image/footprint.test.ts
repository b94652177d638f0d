import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  checkFootprint,
  compareFootprint,
  FootprintError,
  footprintFile,
  footprintTable,
  readFigures,
  writeFootprint,
} from "./footprint.ts";

describe("footprint", () => {
  it("lets growth up to the tolerance pass, and nothing beyond", () => {
    const failures = (current: number) =>
      compareFootprint({ rootSlotBytes: current }, { rootSlotBytes: { released: 1000 } }).map(
        ({ failure }) => failure,
      );
    assert.deepEqual(failures(500), [undefined]);
    assert.deepEqual(failures(1030), [undefined]);
    assert.deepEqual(failures(1031), ["grew by 3.1 %, more than 3 %"]);
  });

  it("takes a figure's own tolerance and its limit", () => {
    const footprint = { bootToSampleS: { released: 12, limit: 15, tolerancePercent: 25 } };
    assert.equal(compareFootprint({ bootToSampleS: 14.9 }, footprint)[0]?.failure, undefined);
    assert.equal(compareFootprint({ bootToSampleS: 15.1 }, footprint)[0]?.failure, "over the limit of 15");
  });

  it("holds a first figure, which has no release, to its limit alone", () => {
    const footprint = { memoryMb: { limit: 130 } };
    assert.equal(compareFootprint({ memoryMb: 130 }, footprint)[0]?.failure, undefined);
    assert.equal(compareFootprint({ memoryMb: 131 }, footprint)[0]?.failure, "over the limit of 130");
    assert.equal(compareFootprint({ memoryMb: 131 }, {})[0]?.failure, undefined);
  });

  it("passes over what was not measured", () => {
    assert.deepEqual(compareFootprint({}, { memoryMb: { released: 90 } }), []);
  });

  it("shows a table", () => {
    const table = footprintTable(
      compareFootprint(
        { rootSlotBytes: 62_000_000, memoryMb: 99.04 },
        { rootSlotBytes: { released: 60_000_000, limit: 64_000_000 } },
      ),
    );
    assert.equal(
      table,
      [
        "figure                now    released  growth       limit",
        "rootSlotBytes  62,000,000  60,000,000  +3.3 %  64,000,000  grew by 3.3 %, more than 3 %",
        "memoryMb               99           -       -           -",
      ].join("\n"),
    );
  });

  it("prints the table, and then fails with what grew and what to do", async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "footprint-test-"));
    t.after(() => rm(dir, { recursive: true }));
    const path = join(dir, "footprint.json");
    await writeFile(path, '{"memoryMb":{"limit":130}}');
    await writeFootprint({ memoryMb: 100 }, path);
    assert.deepEqual(JSON.parse(await readFile(path, "utf8")), { memoryMb: { limit: 130, released: 100 } });

    const printed: string[] = [];
    await checkFootprint({ memoryMb: 103 }, (table) => printed.push(table), path);
    await assert.rejects(
      checkFootprint({ memoryMb: 104 }, (table) => printed.push(table), path),
      (error) => error instanceof FootprintError && /memoryMb: grew by 4.0 %/.test(error.message),
    );
    assert.equal(printed.length, 2);
  });

  it("reads the figures of a build, and says which file is none", async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "footprint-test-"));
    t.after(() => rm(dir, { recursive: true }));
    const path = join(dir, "sizes.json");
    await writeFile(path, '{"rootSlotBytes":5,"treeBytes":7,"memoryMb":"9"}');
    assert.deepEqual(await readFigures(path), { rootSlotBytes: 5 });
    await writeFile(path, "[]");
    await assert.rejects(readFigures(path), { code: "IMAGE_FOOTPRINT_FILE", message: /sizes\.json/ });
  });

  it("knows only its own figures in the repository's file", async () => {
    const names = Object.keys(JSON.parse(await readFile(footprintFile, "utf8")) as object);
    assert.deepEqual(names, ["rootSlotBytes", "kernelSlotBytes", "memoryMb", "bootToSampleS"]);
  });
});
