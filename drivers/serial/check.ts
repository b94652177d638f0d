import { messageOf, type OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { widthOf } from "./binary.ts";
import { type ByteText, bytesOf, byteTextFindings } from "./byte-text.ts";
import { checksumBytes } from "./checksum.ts";
import { placeholder } from "./commands.ts";
import { gnssPoints } from "./nmea-readings.ts";
import type { CommandOptions, FieldOptions, SerialOptions } from "./options.ts";
import { groupNames } from "./pattern.ts";

/** Which options belong to some framings only. */
const framings: Partial<Record<keyof SerialOptions, readonly SerialOptions["framing"][]>> = {
  nmea: ["nmea"],
  delimiter: ["delimiter"],
  lengthBytes: ["length"],
  start: ["length"],
  checksum: ["length"],
  pattern: ["delimiter", "length", "regex"],
};
const taken: Readonly<Record<string, string>> = {
  online: "it says whether the device sends",
  errors: "it is the number of errors",
};

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions(options: SerialOptions): OptionFinding[] {
  const { framing, fields = {}, commands = {} } = options;
  const findings: OptionFinding[] = [];
  for (const [option, owners] of Object.entries(framings)) {
    if (options[option as keyof SerialOptions] === undefined || owners.includes(framing)) continue;
    findings.push({ pointer: `/${option}`, reason: `framing ${framing} has no option ${option}` });
  }
  findings.push(...checkBytes(options), ...checkFraming(options));
  if (framing === "nmea" && options.fields) {
    findings.push({ pointer: "/fields", reason: "framing nmea has points of its own, and no fields" });
  }
  if (framing !== "nmea" && !options.fields) {
    findings.push({ pointer: "", reason: `framing ${framing} needs fields`, hint: "they name the values" });
  }
  const names = [...Object.keys(fields), ...Object.keys(commands)];
  findings.push(...caseTwins(Object.keys(fields), "/fields"));
  const read = framing === "nmea" ? gnssPoints.map(({ name }) => name) : Object.keys(fields);
  const twins = caseTwins([...read, ...Object.keys(commands)], "/commands");
  findings.push(
    ...twins.filter(({ pointer }) => Object.hasOwn(commands, pointer.slice("/commands/".length))),
  );
  for (const name of names) {
    if (!Object.hasOwn(taken, name)) continue;
    const pointer = Object.hasOwn(fields, name) ? `/fields/${name}` : `/commands/${name}`;
    findings.push({ pointer, reason: `the name ${name} is taken: ${taken[name]}` });
  }
  const groups = groupsOf(options.pattern);
  for (const [name, field] of Object.entries(fields)) {
    findings.push(
      ...checkField(field, options, groups).map((found) => at(`/fields/${escaped(name)}`, found)),
    );
  }
  for (const [name, command] of Object.entries(commands)) {
    findings.push(...checkCommand(command).map((found) => at(`/commands/${escaped(name)}`, found)));
  }
  return findings;
}

function checkBytes({ delimiter, start, init = [], poll, commands = {} }: SerialOptions): OptionFinding[] {
  const texts: [ByteText | undefined, string][] = [
    [delimiter, "/delimiter"],
    [start, "/start"],
    [poll?.send, "/poll/send"],
    ...init.map((text, i): [ByteText, string] => [text, `/init/${i}`]),
    ...Object.entries(commands).map(([name, { send }]): [ByteText, string] => [
      send,
      `/commands/${escaped(name)}/send`,
    ]),
  ];
  return texts.flatMap(([text, pointer]) => (text === undefined ? [] : byteTextFindings(text, pointer)));
}

function checkFraming({
  framing,
  lengthBytes,
  start,
  checksum,
  pattern,
  reconnect,
}: SerialOptions): OptionFinding[] {
  const findings: OptionFinding[] = [];
  if (reconnect && reconnect.initialMs > reconnect.maxMs) {
    findings.push({ pointer: "/reconnect/maxMs", reason: "it is less than initialMs" });
  }
  if (framing === "length") {
    const least =
      (start === undefined ? 0 : bytesOf(start).length) + (checksum ? checksumBytes(checksum) : 0);
    if (lengthBytes === undefined) findings.push({ pointer: "", reason: "framing length needs lengthBytes" });
    else if (lengthBytes < least + 1) {
      findings.push({
        pointer: "/lengthBytes",
        reason: `${lengthBytes} bytes: start and checksum alone take ${least}`,
      });
    }
  }
  if (framing === "regex" && pattern === undefined) {
    findings.push({ pointer: "", reason: "framing regex needs a pattern" });
  }
  if (pattern !== undefined) findings.push(...checkPattern(pattern, framing));
  return findings;
}

function checkPattern(pattern: string, framing: string): OptionFinding[] {
  const pointer = "/pattern";
  try {
    new RegExp(pattern, "s");
  } catch (error) {
    return [{ pointer, reason: messageOf(error) }];
  }
  if (framing !== "regex") return [];
  if (new RegExp(pattern, "s").test("")) return [{ pointer, reason: "it fits nothing at all" }];
  // In a stream more may come: "\d+" would take the half of a number for the whole.
  if (/(^|[^\\])(\\\\)*([*+?}$]|\\b)\)*$/.test(pattern)) {
    const hint = "let it end with what ends a frame, such as \\r\\n";
    return [{ pointer, reason: "its end is open: it would fit half a frame", hint }];
  }
  return [];
}

function groupsOf(pattern: string | undefined): string[] | undefined {
  try {
    return pattern === undefined ? [] : groupNames(pattern);
  } catch {
    return undefined;
  }
}

function checkField(
  field: FieldOptions,
  { framing, lengthBytes }: SerialOptions,
  groups?: string[],
): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const chosen = (["group", "column", "pointer", "at"] as const).filter((key) => field[key] !== undefined);
  if (chosen.length !== 1) {
    const reason = `one of group, column, pointer and at is needed, here are ${chosen.join(", ") || "none"}`;
    return [{ pointer: "", reason }];
  }
  if (framing === "regex" && field.group === undefined) {
    findings.push({ pointer: `/${chosen[0]}`, reason: "framing regex takes groups only" });
  }
  if (field.group !== undefined && groups && !groups.includes(field.group)) {
    const reason = `the pattern has no group ${field.group}`;
    findings.push({ pointer: "/group", reason, hint: `its groups: ${groups.join(", ") || "none"}` });
  }
  const { at: begin, type, bytes, mask, as = "number", scale, offset } = field;
  if (begin === undefined) {
    for (const option of ["type", "bytes", "mask"] as const) {
      if (field[option] !== undefined)
        findings.push({ pointer: `/${option}`, reason: "it goes with at only" });
    }
  } else if ((type === undefined) === (bytes === undefined)) {
    findings.push({ pointer: "", reason: "at needs type (a number) or bytes (a text)" });
  } else if (lengthBytes !== undefined && begin + (type ? widthOf(type) : bytes!) > lengthBytes) {
    findings.push({ pointer: "/at", reason: `a frame has ${lengthBytes} bytes, it would need more` });
  }
  if (mask !== undefined && (type?.startsWith("f") ?? true)) {
    findings.push({ pointer: "/mask", reason: "a mask needs a type of whole numbers" });
  }
  if (as !== "number" && ((scale ?? 1) !== 1 || (offset ?? 0) !== 0)) {
    findings.push({ pointer: "/as", reason: "scale and offset are for numbers" });
  }
  return findings;
}

function checkCommand({
  send,
  type,
  words,
  values,
  decimals,
  minimum,
  maximum,
}: CommandOptions): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const uses = typeof send === "string" && send.includes(placeholder);
  if (type !== undefined && !uses) {
    findings.push({ pointer: "/send", reason: `a command with a value needs ${placeholder} in a text` });
  }
  if (type === undefined && uses) {
    findings.push({
      pointer: "",
      reason: `${placeholder} needs a type`,
      hint: "number, integer, boolean or text",
    });
  }
  const numeric = type === "number" || type === "integer";
  if (words && type !== "boolean") findings.push({ pointer: "/words", reason: "they are for type boolean" });
  if (values && type !== "text") findings.push({ pointer: "/values", reason: "they are for type text" });
  if (!numeric) {
    for (const [option, value] of Object.entries({ decimals, minimum, maximum })) {
      if (value !== undefined) findings.push({ pointer: `/${option}`, reason: "it is for numbers" });
    }
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    findings.push({ pointer: "/maximum", reason: "it is less than minimum" });
  }
  return findings;
}

const at = (pointer: string, finding: OptionFinding): OptionFinding => ({
  ...finding,
  pointer: pointer + finding.pointer,
});

/** RFC 6901 section 3. */
function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
