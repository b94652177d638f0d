/**
 * Members of the one object that a large JSON file is (RFC 8259), without the file as a whole in memory.
 *
 * Debian's tracker is 60 MB and more, of which an image needs some hundred of 4,000 packages. So the bytes are looked at
 * once, in the pieces in which they are read, for no more than quotes and brackets; only members with a name that is
 * wanted are put together and parsed. Memory: one piece of the file and the largest wanted member. All structure is ASCII,
 * and no byte of a longer character of UTF-8 is one of it.
 */
import { createReadStream } from "node:fs";
import { UmecError } from "../errors.ts";

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
/** A name that is longer than this is none that anybody wants. */
const maxNameBytes = 1024;

/**
 * Yields `[name, value]` of each member of the outermost object whose name is wanted. Throws `SBOM_LIST` when the file is
 * no such object, or ends in the middle.
 */
export async function* jsonMembers(
  path: string,
  wanted: (name: string) => boolean,
): AsyncGenerator<[name: string, value: unknown]> {
  const scan = new MemberScan(path, wanted);
  for await (const piece of createReadStream(path, { highWaterMark: 256 * 1024 })) yield* scan.take(piece);
  scan.end();
}

class MemberScan {
  readonly #path: string;
  readonly #wanted: (name: string) => boolean;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #done = false;
  /** Of a name at the outermost level, or of a wanted value: what of it was in earlier pieces. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** What is being put together. */
  #keeps: "name" | "value" | undefined;
  #name: string | undefined;

  constructor(path: string, wanted: (name: string) => boolean) {
    this.#path = path;
    this.#wanted = wanted;
  }

  *take(piece: Buffer): Generator<[string, unknown]> {
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) {
          this.#inString = false;
          if (this.#keeps === "name") {
            this.#name = String(this.#parse(piece.subarray(from, at + 1)));
            this.#keeps = undefined;
          }
        }
        continue;
      }
      // Blanks, and most of what numbers and words are made of.
      if (byte <= 0x20 || (byte > colon && byte < openBracket)) continue;
      switch (byte) {
        case quote:
          this.#inString = true;
          if (this.#depth === 1 && this.#name === undefined) {
            this.#keeps = "name";
            from = at;
          }
          break;
        case colon:
          if (this.#depth !== 1 || this.#name === undefined || this.#keeps) break;
          if (this.#wanted(this.#name)) {
            this.#keeps = "value";
            from = at + 1;
          }
          break;
        case openBrace:
        case openBracket:
          if (this.#depth === 0 && (byte === openBracket || this.#done))
            throw this.#unfit("is no JSON object");
          this.#depth++;
          break;
        case comma:
        case closeBrace:
        case closeBracket:
          if (this.#depth === 1) {
            if (this.#keeps === "value") yield [this.#name!, this.#parse(piece.subarray(from, at))];
            this.#keeps = undefined;
            this.#name = undefined;
          }
          if (byte === comma) break;
          this.#depth--;
          if (this.#depth < 0) throw this.#unfit("is no JSON object");
          if (this.#depth === 0) this.#done = true;
          break;
        default:
          if (this.#depth === 0) throw this.#unfit("is no JSON object");
      }
    }
    if (this.#keeps) this.#keep(piece.subarray(from));
  }

  end(): void {
    if (!this.#done || this.#depth !== 0) throw this.#unfit("ends in the middle");
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#keeps === "name" && this.#bytes > maxNameBytes) throw this.#unfit("has an endless name");
    // The stream may use its piece again.
    this.#parts.push(Buffer.from(part));
  }

  #parse(rest: Buffer): unknown {
    const text = Buffer.concat([...this.#parts, rest]).toString();
    this.#parts = [];
    this.#bytes = 0;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#unfit(`is damaged at ${this.#name ?? "a name"}`, cause);
    }
  }

  #unfit(problem: string, cause?: unknown): UmecError {
    const hint = "fetch it again, whole";
    return new UmecError("SBOM_LIST", `${this.#path} ${problem}`, { hint, cause });
  }
}
