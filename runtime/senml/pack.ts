import { decodeCbor } from "./cbor.ts";
import { decodeJson } from "./json.ts";
import type { SenmlRecord } from "./record.ts";

/** Decodes a pack in either encoding: JSON begins with `[` (after white space), which no CBOR pack does. */
export function decodePack(bytes: Uint8Array): SenmlRecord[] {
  return isJson(bytes) ? decodeJson(new TextDecoder().decode(bytes)) : decodeCbor(bytes);
}

function isJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  return first === 0x5b;
}
