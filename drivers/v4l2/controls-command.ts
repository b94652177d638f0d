/** Answers `camera/controls`: sets those that are named, and tells all of them. */
import { Type } from "typebox";
import type { Host, UmecError } from "../../runtime/plugin/sdk.ts";
import { offlineError } from "./errors.ts";
import type { Camera, Control } from "./hardware.ts";

/** What the command takes: nothing, or controls by name and what they shall be. */
export const controlsCommandSchema = Type.Union([Type.Null(), Type.Record(Type.String(), Type.Integer())]);

/** By name, each with its value, least, greatest and default. */
export type ControlsReply = Record<string, Omit<Control, "name">>;

/** @param camera the camera that is there, or why there is none */
export function answerControls(host: Pick<Host, "onCommand">, camera: () => Camera | UmecError): void {
  host.onCommand("camera/controls", ({ value }): ControlsReply => {
    const now = camera();
    if (now instanceof Error) throw offlineError(now);
    for (const [name, wanted] of Object.entries((value ?? {}) as Record<string, number>))
      now.setControl(name, wanted);
    return Object.fromEntries(now.controls().map(({ name, ...control }) => [name, control]));
  });
}
