/**
 * Winbond W25Q and other serial NOR flash: who it is.
 *
 * W25Q64JV datasheet (Rev J): section 8.1.1 (manufacturer EFh, device 4017h), section 8.2.27 "Read JEDEC ID (9Fh)".
 * Manufacturers by JEP106, bank 1; the third byte is the capacity, for most 2^n bytes, above 256 Mbit counted on from
 * 20h (W25Q512JV, section 8.1.1). Six bytes are read, as Linux' spi-nor does: what stands behind the third is the
 * manufacturer's own, and is left alone.
 */
import type { ChipType } from "../chip.ts";
import type { TransferOptions } from "../options.ts";

const manufacturers = {
  "0x01": "Spansion",
  "0x1f": "Adesto",
  "0x20": "Micron",
  "0x9d": "ISSI",
  "0xbf": "SST",
  "0xc2": "Macronix",
  "0xc8": "GigaDevice",
  "0xef": "Winbond",
};

/** 64 KiB to 32 MiB are told by their exponent of 2; 20h follows on 19h. */
const capacities = Object.fromEntries([
  ...Array.from({ length: 10 }, (_, i) => [`${0x10 + i}`, 2 ** (0x10 + i)]),
  ...[0x20, 0x21, 0x22].map((code, i) => [`${code}`, 2 ** (26 + i)]),
]) as Record<string, number>;

const transfer: TransferOptions = {
  send: "9f 00 00 00 00 00 00",
  zeros: "failure",
  ones: "failure",
  values: {
    "jedec-id": { at: 1, type: "hex", length: 3 },
    manufacturer: { at: 1, convert: [{ lookup: manufacturers }] },
    "memory-type": { at: 2, type: "hex" },
    capacity: { at: 3, convert: [{ lookup: capacities }], unit: "B" },
  },
};

export const w25q: ChipType = {
  name: "w25q",
  summary: "W25Q and other serial NOR flash: its JEDEC id",
  speedHz: 10_000_000,
  options: [],
  program: () => ({ transfers: [transfer] }),
};
