/** The points of a program, as the target state lists them: names, and schemas that can be used. */
import { nameProblem } from "../emit-wire.ts";
import { messageOf } from "../errors.ts";
import type { Point } from "../plugin/contract.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";

/** As a driver's manifest would list them. `points` is as in the file, and may be of any shape. */
export function listedPoints(points: Readonly<Record<string, unknown>>): Point[] {
  return Object.entries(points).map(
    ([name, point]) => ({ ...(isRecord(point) ? point : {}), name }) as Point,
  );
}

/** `pointer` is where the points are. */
export async function checkPoints(
  points: Readonly<Record<string, unknown>>,
  pointer: string,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [name, point] of Object.entries(points)) {
    const at = pointer + toPointer(name);
    const problem = nameProblem(name);
    if (problem) problems.push({ pointer: at, at: "key", reason: `is no name of a point: ${problem}` });
    else if (isRecord(point) && isRecord(point.schema))
      problems.push(...(await checkSchema(point.schema, point.access, `${at}/schema`)));
  }
  return problems;
}

async function checkSchema(schema: object, access: unknown, pointer: string): Promise<Problem[]> {
  if (access === "read") {
    const hint = "add access: write or read-write, or leave the schema out";
    return [{ pointer, at: "key", reason: "is for a point that can be set", hint }];
  }
  const unfit = (why: string): Problem[] => [
    { pointer, reason: `is no JSON Schema that can be used: ${why}` },
  ];
  try {
    const { createCompiler, createSchemaJudge } = await import("./compile.ts");
    const judge = createSchemaJudge();
    if (!judge.validateSchema(schema)) return unfit(judge.errorsText(judge.errors, { dataVar: "schema" }));
    createCompiler().compile(schema);
    return [];
  } catch (error) {
    return unfit(messageOf(error));
  }
}
