/**
 * Judges commands by what the driver's manifest says of its points, before the driver sees them.
 *
 * A point that the manifest lists must be writable, and the value must fit its schema, where it has one. One that it
 * does not list is let through to a handler, if there is one: some drivers learn their points from the device.
 * Schemas are compiled when the first command comes that does not fit; until then they cost nothing.
 */
import type { ValidateFunction } from "ajv/dist/2020.js";
import { messageOf, UmecError } from "../errors.ts";
import type { CommandGate } from "../plugin/commands.ts";
import { shownValue } from "../plugin/commands-shown.ts";
import type { Point } from "../plugin/contract.ts";
import { allowed } from "../target/allowed.ts";
import { surelyFits } from "../target/fits.ts";
import { nearest } from "../target/nearest.ts";

const mostNames = 10;

/** @param points as the manifest lists them for the plugin's options */
export function makeGate(points: readonly Point[]): CommandGate {
  const listed = Map.groupBy(points, ({ name }) => name);
  const validators = new Map<string, Promise<ValidateFunction>>();
  const writable = points.filter(isWritable).map(({ name }) => name);

  async function checkValue(point: string, schema: object, value: unknown): Promise<void> {
    // A command without a value is judged as `null`: there is no `undefined` in JSON.
    const judged = value === undefined ? null : value;
    if (surelyFits(schema, judged)) return;
    if (!validators.has(point)) validators.set(point, compile(schema));
    const validate = await validators.get(point)!.catch((cause: unknown) => {
      const text = `${point}: its schema can't be used: ${messageOf(cause)}`;
      throw new UmecError("COMMAND_FAILED", text, { cause });
    });
    if (validate(judged)) return;
    throw await unfit(point, schema, value, validate);
  }

  return {
    async check(point, value, handled) {
      const found = listed.get(point);
      if (found) {
        const target = found.find(isWritable);
        if (!target) throw readOnly(point, writable);
        if (target.schema) await checkValue(point, target.schema, value);
      } else if (!handled.includes(point) && !handled.includes("*")) {
        throw unknown(point, [...new Set([...writable, ...handled])]);
      }
    },
  };
}

export function isWritable({ access = "read" }: Point): boolean {
  return access !== "read";
}

async function compile(schema: object): Promise<ValidateFunction> {
  const { createCompiler } = await import("../target/compile.ts");
  return createCompiler().compile(schema);
}

async function unfit(
  point: string,
  schema: object,
  value: unknown,
  validate: ValidateFunction,
): Promise<UmecError> {
  const { explain } = await import("../target/explain.ts");
  const [problem, ...more] = explain(validate.errors ?? []);
  const given = value === undefined ? "no value" : shownValue(value);
  const at = problem?.pointer ? ` at ${problem.pointer}` : "";
  const others = more.length > 0 ? `, and ${more.length} more` : "";
  const text = `${point}: ${given}: ${problem?.reason ?? "it does not fit"}${at}${others}`;
  const hint = problem?.hint ?? allowed(schema, problem?.pointer ?? "");
  return new UmecError("COMMAND_INVALID", text, hint === undefined ? {} : { hint });
}

function readOnly(point: string, writable: readonly string[]): UmecError {
  const hint = writable.length === 0 ? "the plugin takes no commands" : `to be written: ${list(writable)}`;
  return new UmecError("COMMAND_READ_ONLY", `${point} can only be read`, { hint });
}

function unknown(point: string, known: readonly string[]): UmecError {
  const near = nearest(point, known);
  const names = known.length === 0 ? "the plugin takes no commands" : `it takes them at ${list(known)}`;
  const hint = near === undefined ? names : `did you mean ${near}? (${names})`;
  return new UmecError("COMMAND_UNKNOWN", `nothing takes commands at ${point}`, { hint });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(", ");
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown;
}
