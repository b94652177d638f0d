/**
 * A camera: the kernel's own, vivid, whose bars stand upright and move sideways. All lines of a whole frame are alike
 * then; of one that was torn the lower ones are from another moment.
 */
import assert from "node:assert/strict";
import type { NatsConnection } from "@nats-io/nats-core";
import { Objm } from "@nats-io/obj";
import jpeg from "jpeg-js";
import { type FrameFacts, unpackFrame } from "../../drivers/v4l2/frame-trailer.ts";
import type { Still } from "../../drivers/v4l2/still.ts";
import { connectHub } from "../../runtime/cli/hub-connect.ts";
import { sendCommand } from "../../runtime/commands/send.ts";
import { hubCommandSubject, objectBucket } from "../../runtime/subjects.ts";
import { editTarget } from "../edit-target.ts";
import type { Hub } from "../kit/index.ts";
import { type BoardStory, node } from "../shared-board.ts";

const [width, height] = [320, 180];
const frames = 30;

/** An object's body, as soon as the hub has it. */
async function storedObject(connection: NatsConnection, name: string): Promise<Uint8Array> {
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

type Command = (point: string, value?: unknown) => Promise<unknown>;

/** Where the frame's lines begin: all lines of brightness, or of everything, and then those of color. */
function planesOf({ bytesPerLine }: FrameFacts["format"], format: "YUYV" | "NV12") {
  const lines = { from: 0, count: height, bytesPerLine };
  // NV12 has a line of colors for two of brightness.
  return format === "YUYV"
    ? [lines]
    : [lines, { from: bytesPerLine * height, count: height / 2, bytesPerLine }];
}

/** Takes frames one by one: each is newer than the last, whole, and not torn. */
async function takeFrames(command: Command, format: "YUYV" | "NV12"): Promise<void> {
  const pictures = new Set<string>();
  let last = { number: 0, timeMs: 0 };
  for (let count = 0; count < frames; count++) {
    const after = last.number;
    const frame = unpackFrame((await command("camera/frame", { after, waitMs: 20_000 })) as Uint8Array);
    const { number, timeMs, bytes } = frame;
    assert.ok(number > after, `frame ${number} came after ${after}`);
    assert.ok(
      timeMs > last.timeMs,
      `frame ${number} was taken at ${timeMs}, the one before at ${last.timeMs}`,
    );
    last = frame;
    assert.deepEqual([frame.format.format, frame.format.width, frame.format.height], [format, width, height]);
    const planes = planesOf(frame.format, format);
    assert.equal(
      bytes.length,
      planes.reduce((sum, plane) => sum + plane.count * plane.bytesPerLine, 0),
    );
    for (const { from, count: lines, bytesPerLine } of planes) {
      const first = Buffer.from(bytes.subarray(from, from + bytesPerLine));
      for (let line = 1; line < lines; line++) {
        const at = from + line * bytesPerLine;
        const torn = first.compare(bytes, at, at + bytesPerLine) !== 0;
        assert.ok(!torn, `line ${line} of those from ${from} on of frame ${number} is of another moment`);
      }
    }
    pictures.add(Buffer.from(bytes.subarray(0, frame.format.bytesPerLine)).toString("latin1"));
  }
  // They moved, so a torn one would have been seen.
  assert.ok(pictures.size > frames / 2, `${pictures.size} of ${frames} frames differ`);
}

/** Has a still made, and looks at what the hub stored: a whole JPEG of the camera's size. */
async function takeStill(command: Command, hub: Hub, connection: NatsConnection): Promise<void> {
  const still = (await command("camera/still")) as Still;
  const isNamed = ({ value }: { value: unknown }) => value === still.object;
  await hub.sample({ node, plugin: "yard", name: "camera/still", where: isNamed });
  assert.deepEqual([still.width, still.height], [width, height]);
  const stored = await storedObject(connection, `yard/${still.object}`);
  assert.equal(stored.length, still.bytes);
  // It throws on a picture that ends too early.
  const picture = jpeg.decode(stored, { tolerantDecoding: false });
  assert.deepEqual([picture.width, picture.height], [width, height]);
  // The end of the picture, ITU-T T.81 section B.1.1.3.
  assert.deepEqual([...stored.subarray(-2)], [0xff, 0xd9]);
}

/** Commands to the camera, from the hub. */
function commandsBy(connection: NatsConnection): Command {
  return (point, value) =>
    sendCommand(connection, {
      subject: hubCommandSubject(node, "yard", point),
      name: `${node}/yard/${point}`,
      value,
      by: "a test",
      ttlMs: 30_000,
      remote: true,
    });
}

export function movingBars(): BoardStory {
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
  return {
    name: "a camera that comes late gives whole frames, stills and motion, and another format when it is asked for",
    plugins: { yard: { driver: "v4l2", options } },
    async tell({ board, hub }) {
      await using undo = new AsyncDisposableStack();
      const yard = { node, plugin: "yard" };
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
      undo.defer(() => connection.close());
      const command = commandsBy(connection);
      await command("camera/controls", { "horizontal-movement": movement.fast });
      await event("camera/motion", true);
      await takeFrames(command, "YUYV");
      await takeStill(command, hub, connection);
      const rate = await hub.sample({ ...yard, name: "camera/frame-rate" });
      assert.ok(Number(rate.value) > 0, String(rate.value));

      const stoppedMs = Date.now();
      await command("camera/controls", { "horizontal-movement": movement.none });
      await event("camera/motion", false, stoppedMs);

      // As when its plug is pulled.
      const unbind = "/sys/bus/platform/drivers/vivid";
      const pulledMs = Date.now();
      await board.sh(`echo vivid.0 >${unbind}/unbind`);
      await event("camera/online", false, pulledMs);
      const pluggedMs = Date.now();
      await board.sh(`echo vivid.0 >${unbind}/bind`);
      await event("camera/online", true, pluggedMs);
      await event("camera/motion", false, pluggedMs);

      // Brightness apart from color. The node takes the change, and its plugin the camera anew.
      const changedMs = Date.now();
      assert.equal((await board.sh(editTarget("s/YUYV/NV12/"))).status, 0);
      await event("camera/online", true, changedMs);
      await command("camera/controls", { "horizontal-movement": movement.fast });
      await takeFrames(command, "NV12");
      await takeStill(command, hub, connection);
    },
  };
}
