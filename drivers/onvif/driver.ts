/**
 * The ONVIF driver: one camera of profile S or T - events, stills, pan-tilt-zoom, and whether its stream flows.
 *
 * The parts: `http-client`, `camera-http`, `soap` carry a request; `services`, `media`, `ptz`, `events` say it;
 * `camera` connects; `keep-up` holds the connection and notices its end; `follow-events` pulls events, `topics` makes
 * samples of them; `presence` says what is known while the camera is away; `rtsp-client`, `stream`, `rtp-jpeg` look at
 * the stream; `discovery` finds cameras.
 */
import { once } from "node:events";
import { defineDriver, type Host } from "../../runtime/plugin/sdk.ts";
import { createCamera } from "./camera.ts";
import { checkOptions, pointsOf } from "./check.ts";
import { discover } from "./discover.ts";
import { keepUp } from "./keep-up.ts";
import { type OnvifOptions, optionsSchema } from "./options.ts";
import { createPresence } from "./presence.ts";
import { offerPtz } from "./ptz-commands.ts";
import { offerStills } from "./stills.ts";
import { watchStream } from "./watch-stream.ts";

export const driver = defineDriver({
  manifest: {
    name: "onvif",
    version: "0.1.0",
    kind: "high",
    summary: "Events, stills, movement and stream health of an ONVIF camera.",
    options: optionsSchema,
    points: pointsOf,
    check: checkOptions,
    needs: () => ({ network: true }),
    deadlineMs: ({ timeoutMs, retryMs, checkMs }) =>
      Math.max(60_000, 12 * timeoutMs + 2 * Math.max(retryMs, checkMs)),
  },
  run,
  discover,
});
export default driver;

async function run(options: OnvifOptions, host: Host, signal: AbortSignal): Promise<void> {
  const camera = await createCamera(options, host);
  const presence = createPresence(host, camera.title);
  try {
    const meanwhile = watchStream({ camera, options: options.stream, host, tell: presence.tell });
    const link = keepUp({ camera, options, host, presence, meanwhile, signal });
    const halt = options.ptz.enabled
      ? offerPtz({ options: options.ptz, host, ptz: link.ptz, tell: presence.tell, signal })
      : async () => {};
    offerStills({
      camera,
      options: options.snapshot,
      host,
      link,
      tell: presence.tell,
      signal,
    });
    if (!signal.aborted) await once(signal, "abort");
    await Promise.allSettled([halt(), link.ended]);
  } finally {
    camera.close();
  }
}
