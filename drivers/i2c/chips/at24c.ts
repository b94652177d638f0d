/**
 * EEPROMs of the AT24C family: names, serial numbers and settings that a board carries.
 *
 * AT24C02 datasheet: "Device Addressing", "Byte/Page Write", "Random Read". Up to 2 KiB a place is one byte, with its
 * upper bits in the device's address; above, two bytes. A write takes up to 5 ms (tWR), in which the chip does not
 * answer, and must not cross a page.
 */
import type { ChipType } from "../chip.ts";
import { dataError, valueError } from "../errors.ts";
import { maxBlock } from "../hardware.ts";
import type { FieldOptions } from "../options.ts";
import type { Port } from "../port.ts";

const writeMs = 6;

export const at24c: ChipType = {
  name: "at24c",
  summary: "AT24C memory (EEPROM)",
  options: ["bytes", "pageBytes", "fields"],
  required: ["fields"],
  check({ bytes = 256, fields = {} }) {
    const findings = Object.entries(fields)
      .filter(([, { at, length }]) => at + length > bytes)
      .map(([name, { at, length }]) => ({
        pointer: `/fields/${name}/at`,
        reason: `it reaches to ${at + length - 1}, and the memory ends at ${bytes - 1}`,
      }));
    if (bytes > 256 && bytes <= 2048) {
      // These answer on several addresses, and a device here has one.
      findings.push({
        pointer: "/bytes",
        reason: "a memory of 512 to 2048 bytes takes several addresses: use one device for each 256 bytes",
      });
    }
    return findings;
  },
  quantities: ({ fields = {} }) =>
    Object.entries(fields).map(([name, { access }]) => ({ name, ...(access && { access }) })),
  create({ bytes = 256, pageBytes = 8, fields = {} }) {
    const place = (at: number): number[] => (bytes > 2048 ? [at >> 8, at & 0xff] : [at]);
    const readable = Object.entries(fields).filter(([, { access }]) => access !== "write");

    async function readField(port: Port, { at, length }: FieldOptions): Promise<Buffer> {
      const parts: Buffer[] = [];
      for (let done = 0; done < length; done += maxBlock) {
        const size = Math.min(maxBlock, length - done);
        const [high, low] = place(at + done);
        parts.push(
          low === undefined
            ? await port.readRegister(high!, size)
            : // The kernel's one call takes one byte only; the chip keeps the place that was written.
              await port.together(async (held) => {
                await held.write([high!, low]);
                return held.read(size);
              }),
        );
      }
      return Buffer.concat(parts);
    }

    async function writeField(port: Port, field: FieldOptions, data: Buffer): Promise<void> {
      for (let done = 0; done < data.length; ) {
        const at = field.at + done;
        const size = Math.min(pageBytes - (at % pageBytes), data.length - done);
        // The bus is held while it writes: a sample that comes in between would find nobody.
        await port.together(async (held) => {
          await held.write([...place(at), ...data.subarray(done, done + size)]);
          await held.wait(writeMs);
        });
        done += size;
      }
    }

    return {
      async sample(port) {
        const readings = [];
        for (const [quantity, field] of readable) {
          readings.push({ quantity, value: decode(await readField(port, field), field) });
        }
        return readings;
      },
      async command(port, quantity, value) {
        const field = fields[quantity]!;
        const data = encode(value, field);
        await writeField(port, field, data);
        const held = await readField(port, field);
        if (!held.equals(data)) {
          throw dataError(`${quantity} was written and does not hold: is the chip write-protected?`);
        }
        return decode(held, field);
      },
    };
  },
};

function decode(data: Buffer, { form = "text" }: FieldOptions): string {
  if (form === "hex") return data.toString("hex");
  const end = data.findIndex((byte) => byte === 0x00 || byte === 0xff);
  return data.toString("utf8", 0, end < 0 ? data.length : end);
}

function encode(value: unknown, { form = "text", length }: FieldOptions): Buffer {
  if (typeof value !== "string") throw valueError(`${JSON.stringify(value)} is no string`);
  if (form === "hex") {
    if (!/^([0-9a-f]{2})*$/i.test(value) || value.length !== 2 * length) {
      throw valueError(`${JSON.stringify(value)} is not ${2 * length} hexadecimal digits`);
    }
    return Buffer.from(value, "hex");
  }
  const text = Buffer.from(value, "utf8");
  if (text.length > length)
    throw valueError(`${JSON.stringify(value)} does not fit ${length} bytes of UTF-8`);
  return Buffer.concat([text, Buffer.alloc(length - text.length)]);
}
