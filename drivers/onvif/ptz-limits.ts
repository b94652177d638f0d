import { UmecError } from "../../runtime/plugin/sdk.ts";
import type { OnvifOptions } from "./options.ts";
import type { Vector } from "./ptz.ts";

export type PtzOptions = OnvifOptions["ptz"];
export type Axis = keyof Vector;

export const axes: readonly Axis[] = ["pan", "tilt", "zoom"];
const least = { pan: -1, tilt: -1, zoom: 0 } as const;

/** Throws `ONVIF_LIMIT` when the place is outside of the options' limits. */
export function admitPlace(to: Vector, options: PtzOptions): void {
  for (const axis of axes) {
    const value = to[axis];
    const [low, high] = limitsOf(axis, options);
    if (value !== undefined && (value < low || value > high)) {
      throw new UmecError("ONVIF_LIMIT", `${axis} ${value} is outside of ${low} to ${high}`);
    }
  }
}

/** Whether the options narrow the axis: then a move that goes on must be watched. */
export function isLimited(axis: Axis, options: PtzOptions): boolean {
  const [low, high] = limitsOf(axis, options);
  return low > least[axis] || high < 1;
}

export function limitsOf(axis: Axis, options: PtzOptions): [low: number, high: number] {
  const [low = least[axis], high = 1] = options[axis] ?? [];
  return [low, high];
}

export interface PtzRequest extends Vector {
  speed?: number;
  timeoutMs?: number;
}

/** Reads a command's value: an object with some of the keys, all numbers; throws `ONVIF_VALUE`. */
export function readRequest(value: unknown, keys: readonly (keyof PtzRequest)[]): PtzRequest {
  const takes = `an object with ${keys.join(", ")} is needed`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UmecError("ONVIF_VALUE", `${JSON.stringify(value) ?? "nothing"} is no move: ${takes}`);
  }
  for (const [key, number] of Object.entries(value)) {
    if (!keys.some((known) => known === key))
      throw new UmecError("ONVIF_VALUE", `${key} is not known: ${takes}`);
    if (typeof number !== "number" || !Number.isFinite(number)) {
      throw new UmecError("ONVIF_VALUE", `${key} is ${JSON.stringify(number)}, a number is needed`);
    }
  }
  const request: PtzRequest = value;
  if (axes.every((axis) => request[axis] === undefined)) {
    throw new UmecError("ONVIF_VALUE", `a move needs pan, tilt or zoom`);
  }
  if (request.speed !== undefined && !(request.speed > 0 && request.speed <= 1)) {
    throw new UmecError("ONVIF_VALUE", `speed ${request.speed} is not above 0 and at most 1`);
  }
  return request;
}
