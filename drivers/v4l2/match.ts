import type { FoundCamera } from "./hardware.ts";

/** The camera that is meant by a name or place: the whole of it first, else its beginning; the first of several. */
export function chooseCamera(cameras: readonly FoundCamera[], device: string): FoundCamera | undefined {
  return (
    cameras.find(({ card, bus }) => card === device || bus === device) ??
    cameras.find(({ card, bus }) => card.startsWith(device) || bus.startsWith(device))
  );
}
