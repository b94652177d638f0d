/** Stills on command and by schedule: kept as objects, and named by a sample. */
import { type Host, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Camera } from "./camera.ts";
import type { Link } from "./keep-up.ts";
import type { OnvifOptions } from "./options.ts";
import { takeStill } from "./still.ts";
import type { EventSample } from "./topics.ts";

export interface StillsOptions {
  camera: Camera;
  options: OnvifOptions["snapshot"];
  host: Host;
  link: Link;
  tell: (samples: readonly EventSample[]) => Promise<void>;
  /** Of the plugin. */
  signal: AbortSignal;
}

/** Most bytes of a reply: the bus takes messages of 1 MiB, headers included. */
const maxReplyBytes = 2 ** 20 - 1024;

/** Answers `snapshot` with `{ object, bytes }` and `frame` with the picture, and takes stills at the interval. */
export function offerStills({ camera, options, host, link, tell, signal }: StillsOptions): void {
  let taking = false;

  /** A camera makes one picture at a time. */
  async function alone<T>(work: () => Promise<T>): Promise<T> {
    if (taking) throw new UmecError("ONVIF_BUSY", "a still is being taken already");
    taking = true;
    try {
      return await work();
    } finally {
      taking = false;
    }
  }

  async function take(inSignal: AbortSignal): Promise<{ object: string; bytes: number }> {
    const body = await takeStill(camera, link.session(), { maxBytes: options.maxBytes, signal: inSignal });
    const timeMs = host.clock.nowMs();
    const object = `still/${new Date(timeMs).toISOString().replace(/[-:.]/g, "")}.jpg`;
    const bytes = body.length;
    const time = host.clock.known() ? { timeMs } : {};
    await host.objects.put({ name: object, contentType: "image/jpeg", body, ...time }, inSignal);
    await tell([{ name: "still", value: object, ...time, lane: "telemetry" }]);
    return { object, bytes };
  }

  const both = (inSignal: AbortSignal) => AbortSignal.any([inSignal, signal]);
  const maxBytes = Math.min(options.maxBytes, maxReplyBytes);
  host.onCommand("snapshot", (_, inSignal) => alone(() => take(both(inSignal))));
  host.onCommand("frame", (_, inSignal) =>
    alone(() => takeStill(camera, link.session(), { maxBytes, signal: both(inSignal) })),
  );
  if (options.intervalMs === 0) return;
  host.scheduler.every(options.intervalMs, async (inSignal) => {
    // That it is away is told once, elsewhere.
    if (link.peek()) await alone(() => take(inSignal));
  });
}
