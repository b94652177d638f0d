import type { OptionFinding } from "../../runtime/plugin/sdk.ts";

/** Bytes in the options: a text (UTF-8), or hexadecimal digits with blanks between them. */
export type ByteText = string | { hex: string };

/** The bytes meant. Of hexadecimal digits that {@link byteTextFindings} did not pass, it takes what it can. */
export function bytesOf(text: ByteText): Buffer {
  return typeof text === "string" ? Buffer.from(text) : Buffer.from(text.hex.replaceAll(/\s/g, ""), "hex");
}

/** What is wrong with it beyond the schema. */
export function byteTextFindings(text: ByteText, pointer: string): OptionFinding[] {
  if (typeof text === "string") return [];
  const digits = text.hex.replaceAll(/\s/g, "");
  if (digits.length > 0 && digits.length % 2 === 0) return [];
  return [{ pointer: `${pointer}/hex`, reason: `${text.hex} is ${digits.length} digits: two are a byte` }];
}

/** Bytes for a message: as text where they can be read, else in hexadecimal digits; at most 40 of them. */
export function show(bytes: Uint8Array): string {
  const part = Buffer.from(bytes.subarray(0, 40));
  const more = bytes.length > 40 ? "…" : "";
  const text = part.toString("latin1");
  return /^[\x20-\x7e\t\r\n]*$/.test(text) ? JSON.stringify(text + more) : part.toString("hex") + more;
}
