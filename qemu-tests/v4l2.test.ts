/**
 * A camera: the kernel's own, vivid, whose bars stand upright and move sideways. All lines of a whole frame are alike
 * then; of one that was torn the lower ones are from another moment.
 */
import assert from "node:assert/strict";
import type { NatsConnection } from "@nats-io/nats-core";
import { Objm } from "@nats-io/obj";
import jpeg from "jpeg-js";
import { unpackFrame } from "../drivers/v4l2/frame-trailer.ts";
import type { Still } from "../drivers/v4l2/still.ts";
import { connectHub } from "../runtime/cli/hub-connect.ts";
import { sendCommand } from "../runtime/commands/send.ts";
import { hubCommandSubject, objectBucket } from "../runtime/subjects.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, onEachBoard } from "./machines.ts";

const [width, height] = [320, 180];
const frames = 30;
/** An object's body, as soon as the hub has it. */
async function storedObject(connection: NatsConnection, node: string, name: string): Promise<Uint8Array> {
  const bucket = await new Objm(connection).open(objectBucket(node));
  const timer = AbortSignal.timeout(60_000);
  const changes = await bucket.watch({ includeHistory: true });
  timer.addEventListener("abort", () => changes.stop(new Error(`${name} did not come to the hub`)));
  for await (const change of changes) {
    if (change?.name === name) break;
  }
  const body = await bucket.getBlob(name);
  assert.ok(body, name);
  return body;
}

/** vivid's menu of movements. */
const movement = { fast: 0, none: 3 };

onEachBoard(
  "a camera that comes late gives whole frames, stills and motion",
  async (machine) => {
    const options = {
      device: "vivid",
      format: "YUYV",
      width,
      height,
      // vivid's bars alone, without its text.
      controls: { "osd-text-mode": 2, "horizontal-movement": movement.none },
      motion: { everyMs: 200, holdMs: 2000 },
      reportEveryMs: 2000,
    };
    await using hub = await Hub.start({ nodes: ["gate-1"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "gate-1",
      target: { plugins: { yard: { driver: "v4l2", options } } },
      debugShell: true,
    });
    const yard = { node: "gate-1", plugin: "yard" };
    const event = (name: string, value: boolean, storedFromMs = 0) =>
      hub.sample({
        ...yard,
        name,
        lane: "alarm",
        storedFromMs,
        where: (sample) => sample.value === value,
        timeoutMs: 180_000,
      });
    await event("camera/online", false);
    assert.equal((await board.sh("modprobe vivid n_devs=1")).status, 0);
    await event("camera/online", true);
    await event("camera/motion", false);

    const connection = await connectHub({ url: hub.clientUrl, creds: hub.fleetCredentials });
    const command = (point: string, value?: unknown): Promise<unknown> =>
      sendCommand(connection, {
        subject: hubCommandSubject("gate-1", "yard", point),
        name: `gate-1/yard/${point}`,
        value,
        by: "a test",
        ttlMs: 30_000,
        remote: true,
      });
    try {
      await command("camera/controls", { "horizontal-movement": movement.fast });
      await event("camera/motion", true);
      const pictures = new Set<string>();
      for (let after = 0, count = 0; count < frames; count++) {
        const frame = unpackFrame((await command("camera/frame", { after, waitMs: 20_000 })) as Uint8Array);
        assert.ok(frame.number > after, `frame ${frame.number} came after ${after}`);
        after = frame.number;
        const { bytesPerLine } = frame.format;
        assert.deepEqual(
          [frame.format.format, frame.format.width, frame.format.height],
          ["YUYV", width, height],
        );
        assert.equal(frame.bytes.length, bytesPerLine * height);
        const first = Buffer.from(frame.bytes.subarray(0, bytesPerLine));
        for (let line = 1; line < height; line++) {
          const at = line * bytesPerLine;
          const torn = first.compare(frame.bytes, at, at + bytesPerLine) !== 0;
          assert.ok(!torn, `line ${line} of frame ${frame.number} is of another moment`);
        }
        pictures.add(first.toString("latin1"));
      }
      // They moved, so a torn one would have been seen.
      assert.ok(pictures.size > frames / 2, `${pictures.size} of ${frames} frames differ`);

      const still = (await command("camera/still")) as Still;
      const named = await hub.sample({ ...yard, name: "camera/still" });
      assert.deepEqual([named.value, still.width, still.height], [still.object, width, height]);
      const stored = await storedObject(connection, "gate-1", `yard/${still.object}`);
      assert.equal(stored.length, still.bytes);
      const { width: across, height: down } = jpeg.decode(stored);
      assert.deepEqual([across, down], [width, height]);
      const rate = await hub.sample({ ...yard, name: "camera/frame-rate" });
      assert.ok(Number(rate.value) > 0, String(rate.value));

      const stoppedMs = Date.now();
      await command("camera/controls", { "horizontal-movement": movement.none });
      await event("camera/motion", false, stoppedMs);
    } finally {
      await connection.close();
    }

    // As when its plug is pulled.
    const unbind = "/sys/bus/platform/drivers/vivid";
    const pulledMs = Date.now();
    await board.sh(`echo vivid.0 >${unbind}/unbind`);
    await event("camera/online", false, pulledMs);
    const pluggedMs = Date.now();
    await board.sh(`echo vivid.0 >${unbind}/bind`);
    await event("camera/online", true, pluggedMs);
    await event("camera/motion", false, pluggedMs);
  },
  fastest,
);
