/** Cameras that are there. To ask a camera what it is changes nothing, and works while another program streams. */
import type { DiscoverOptions, Found } from "../../runtime/plugin/sdk.ts";
import type { FoundCamera, FrameSource } from "./hardware.ts";

const shownSizes = 4;

/** Yields each camera with its formats, and a plugin that reads it. */
export async function* discoverCameras(
  source: FrameSource,
  { signal, log }: Pick<DiscoverOptions, "signal" | "log">,
): AsyncGenerator<Found> {
  const cameras = await source.list((error) => log.warn(error.message));
  for (const [index, camera] of cameras.entries()) {
    if (signal.aborted) return;
    const plugin = {
      name: index === 0 ? "camera" : `camera-${index + 1}`,
      options: { device: deviceOf(camera, cameras) },
    };
    yield { summary: `${camera.path}: ${camera.card}, ${formatsText(camera)}`, plugin };
  }
}

/** A number may be another's after the next start; a name is not, when it is one camera's alone. */
function deviceOf(camera: FoundCamera, cameras: readonly FoundCamera[]): string {
  const unique = (key: "card" | "bus"): boolean =>
    camera[key] !== "" && cameras.filter((other) => other[key] === camera[key]).length === 1;
  if (unique("card")) return camera.card;
  return unique("bus") ? camera.bus : camera.path;
}

function formatsText({ formats }: FoundCamera): string {
  return formats
    .map(({ format, sizes }) => {
      const more = sizes.length > shownSizes ? ` and ${sizes.length - shownSizes} more` : "";
      return `${[format, sizes.slice(0, shownSizes).join(" ")].join(" ").trim()}${more}`;
    })
    .join("; ");
}
