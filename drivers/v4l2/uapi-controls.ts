/** The structures of controls, such as brightness: struct v4l2_queryctrl and v4l2_control of videodev2.h. */

/** A control that a number can be given to. */
export interface ControlRange {
  id: number;
  /** As options and commands call it: `white-balance-automatic`. */
  name: string;
  minimum: number;
  maximum: number;
  step: number;
  default: number;
}

/** V4L2_CTRL_TYPE_*: those whose value is a number of 32 bits. */
const numeric = new Set([1, 2, 3, 8, 9]);
const flag = { disabled: 1, readOnly: 4, next: 0x8000_0000 } as const;
const nameBytes = 32;

/** struct v4l2_queryctrl that asks for the control after `id`; 0 for the first. */
export function encodeControlQuery(id: number): Uint8Array {
  const bytes = new Uint8Array(68);
  view(bytes).setUint32(0, (id | flag.next) >>> 0, true);
  return bytes;
}

/** `range` is left out for what can't be set, or not by a number: buttons, texts, headings. */
export function decodeControlQuery(bytes: Uint8Array): { id: number; range?: ControlRange } {
  const data = view(bytes);
  const id = data.getUint32(0, true);
  const flags = data.getUint32(56, true);
  const settable = numeric.has(data.getUint32(4, true)) && (flags & (flag.disabled | flag.readOnly)) === 0;
  if (!settable) return { id };
  const range = {
    id,
    name: controlName(textOf(bytes.subarray(8, 8 + nameBytes))),
    minimum: data.getInt32(40, true),
    maximum: data.getInt32(44, true),
    step: data.getInt32(48, true),
    default: data.getInt32(52, true),
  };
  return { id, range };
}

/** `White Balance, Automatic` as v4l2-ctl writes it, with `-` between the words. */
export function controlName(kernelName: string): string {
  return kernelName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

/** struct v4l2_control. */
export function encodeControl(id: number, value = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  view(bytes).setUint32(0, id, true);
  view(bytes).setInt32(4, value, true);
  return bytes;
}

export function decodeControl(bytes: Uint8Array): number {
  return view(bytes).getInt32(4, true);
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
