/**
 * Block maps: which blocks of an image hold something, with a checksum for each run of them. XML, format 2.0 as
 * bmaptool writes it; the description of the format stands as comments in every file that it makes.
 *
 * A block map is believed only when it is whole: its own checksum fits (SHA-256 over the file, with the 64 digits of
 * that checksum itself replaced by zeros), its ranges ascend, and its counts add up.
 */
import { createHash } from "node:crypto";
import { UmecError } from "../errors.ts";
import type { MappedRange } from "./ranges.ts";

export interface BlockMap {
  imageBytes: number;
  /** Ascending; they do not touch each other's bytes. */
  ranges: readonly MappedRange[];
  mappedBytes: number;
}

/** @param name the file's, for messages. @throws UmecError `FLASH_BMAP` */
export function parseBlockMap(text: string, name: string): BlockMap {
  const fail = (reason: string): never => {
    throw new UmecError("FLASH_BMAP", `the block map ${name} ${reason}`, {
      hint: "fetch it again together with the image, or go without it: --no-bmap",
    });
  };
  const plain = text.replaceAll(/<!--[\s\S]*?-->/g, "");
  const root = /^\s*(?:<\?xml[^?>]*\?>)?\s*<bmap\s+version\s*=\s*"([^"]*)"\s*>([\s\S]*)<\/bmap>\s*$/.exec(
    plain,
  );
  if (!root) return fail("is no whole block map");
  const [, version, body] = root as unknown as [string, string, string];
  if (!/^2\.\d+$/.test(version)) return fail(`has the version ${version}, and 2.0 is what is understood`);
  const elements = readElements(body) ?? fail("has something in it that does not belong there");

  const textOf = (element: string) => elements.get(element)?.trim() ?? fail(`has no ${element}`);
  const count = (element: string) => {
    const digits = textOf(element);
    return /^\d{1,15}$/.test(digits) ? Number(digits) : fail(`has ${digits} as its ${element}`);
  };
  if (textOf("ChecksumType").toLowerCase() !== "sha256")
    return fail(`has checksums of the kind ${textOf("ChecksumType")}, and sha256 is what is understood`);
  const own = textOf("BmapFileChecksum");
  const blanked = text.replace(own, "0".repeat(own.length));
  if (createHash("sha256").update(blanked).digest("hex") !== own)
    return fail("is damaged: its checksum differs");

  const [imageBytes, blockBytes, blocks] = [count("ImageSize"), count("BlockSize"), count("BlocksCount")];
  if (blockBytes === 0 || blockBytes % 512 !== 0) return fail(`has blocks of ${blockBytes} bytes`);
  if (Math.ceil(imageBytes / blockBytes) !== blocks)
    return fail("does not add up: its blocks are not its bytes");
  const ranges: MappedRange[] = [];
  let next = 0;
  let mapped = 0;
  for (const { first, last, sha256 } of readRanges(textOf("BlockMap")) ?? fail("has a range that is none")) {
    if (first < next || last < first || last >= blocks)
      return fail(`has a range ${first}-${last} out of order`);
    next = last + 1;
    mapped += next - first;
    ranges.push({ start: first * blockBytes, end: Math.min(next * blockBytes, imageBytes), sha256 });
  }
  if (mapped !== count("MappedBlocksCount")) return fail("does not add up: some of its ranges are missing");
  return { imageBytes, ranges, mappedBytes: ranges.reduce((sum, { start, end }) => sum + end - start, 0) };
}

const known = new Set([
  "ImageSize",
  "BlockSize",
  "BlocksCount",
  "MappedBlocksCount",
  "ChecksumType",
  "BmapFileChecksum",
  "BlockMap",
]);

/** Each element with what it holds; nothing when there is another, one twice, or text between them. */
function readElements(body: string): Map<string, string> | undefined {
  const elements = new Map<string, string>();
  const rest = body.replaceAll(/<(\w+)>([\s\S]*?)<\/\1>/g, (whole, name: string, content: string) => {
    if (!known.has(name) || elements.has(name)) return whole;
    elements.set(name, content);
    return "";
  });
  return rest.trim() === "" ? elements : undefined;
}

interface BlockRange {
  first: number;
  last: number;
  sha256: string;
}

function readRanges(body: string): BlockRange[] | undefined {
  const ranges: BlockRange[] = [];
  const range = /<Range\s+chksum\s*=\s*"([0-9a-f]{64})"\s*>\s*(\d{1,15})(?:\s*-\s*(\d{1,15}))?\s*<\/Range>/g;
  const rest = body.replaceAll(range, (_, sha256: string, first: string, last: string = first) => {
    ranges.push({ first: Number(first), last: Number(last), sha256 });
    return "";
  });
  return rest.trim() === "" ? ranges : undefined;
}
