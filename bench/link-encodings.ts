/** Other ways to write a record than runtime/senml does, to see what each would save. */
import { encode } from "cborg";
import type { Sample } from "../runtime/plugin/contract.ts";

export type Encoding = "as it is" | "no units" | "decimal fractions" | "names without device" | "all three";

export const encodings: readonly Encoding[] = [
  "as it is",
  "no units",
  "decimal fractions",
  "names without device",
  "all three",
];

/** The records of a pack; RFC 8428 section 6, labels 0 n, 1 u, 2 v. */
export function encodeRecords(samples: readonly Sample[], encoding: Encoding): Uint8Array {
  const is = (what: Encoding): boolean => encoding === what || encoding === "all three";
  return Buffer.concat(
    samples.map(({ name, value, unit }) => {
      const shortName = is("names without device") ? name.slice(name.indexOf("/") + 1) : name;
      const unitField = unit === undefined || is("no units") ? [] : [Buffer.of(1), encode(unit)];
      const number = is("decimal fractions") ? decimalFraction(value as number) : encode(value);
      const fields = unitField.length > 0 ? 3 : 2;
      return Buffer.concat([
        Buffer.of(0xa0 + fields, 0),
        encode(shortName),
        ...unitField,
        Buffer.of(2),
        number,
      ]);
    }),
  );
}

/** RFC 8949 section 3.4.4: tag 4, [exponent, mantissa]. Integers stay as they are. */
function decimalFraction(value: number): Uint8Array {
  if (Number.isInteger(value)) return encode(value);
  const [, digits = ""] = String(value).split(".");
  const mantissa = Math.round(value * 10 ** digits.length);
  return Buffer.concat([Buffer.of(0xc4), encode([-digits.length, mantissa])]);
}
