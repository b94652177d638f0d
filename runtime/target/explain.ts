/**
 * A validator's errors in words for people: what has to be there, not which keyword failed. Enumerations list
 * their values, keys are named with their nearest known neighbour, and of a union only the branch that was
 * meant speaks. A union whose branches are references (`$ref`) is not narrowed.
 */
import type { ErrorObject } from "ajv";
import type { Problem } from "./finding.ts";
import { toPointer } from "./json.ts";
import { chooseBranch } from "./union.ts";
import { anyType, detail, keywordReasons, missingKey, oneOfValues, typeHint, unknownKey } from "./wording.ts";

/** `errors` come from Ajv with `allErrors` and `verbose`. */
export function explain(errors: readonly ErrorObject[]): Problem[] {
  const problems: Problem[] = [];
  for (const error of narrow(errors, problems)) problems.push(...problemOf(error));
  const seen = new Set<string>();
  return problems.filter(({ pointer, reason }) => {
    const key = `${pointer} ${reason}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The errors of the branches that were meant; what concerns a whole union goes to `problems`. */
function narrow(errors: readonly ErrorObject[], problems: Problem[]): ErrorObject[] {
  let left = [...errors];
  for (;;) {
    const unions = left.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf");
    const union = unions.sort((a, b) => a.schemaPath.length - b.schemaPath.length)[0];
    if (!union) return left;
    const inside = left.filter((error) => error !== union && isInside(error, union, union.schemaPath));
    left = left.filter((error) => error !== union && !inside.includes(error));
    const choice = chooseBranch(union.schema as unknown[], union.data);
    const pointer = union.instancePath;
    if (union.params.passingSchemas) {
      problems.push({ pointer, reason: `fits more than one of the forms that are allowed${detail(union)}` });
    } else if (choice.kind === "values") {
      const { property, values } = choice;
      const missing = property !== undefined && !Object.hasOwn(union.data as object, property);
      if (missing)
        problems.push(missingKey(pointer, property, { hint: `it is one of ${values.join(", ")}` }));
      else {
        const value = property === undefined ? union.data : (union.data as Record<string, unknown>)[property];
        const at = property === undefined ? pointer : pointer + toPointer(property);
        problems.push({ pointer: at, ...oneOfValues(values, value) });
      }
    } else if (choice.kind === "types") {
      const reason = `must be ${anyType(choice.types)}${detail(union)}`;
      problems.push({ pointer, reason, hint: typeHint(choice.types, union.data) });
    } else {
      const meant = inside.filter((error) => isInside(error, union, `${union.schemaPath}/${choice.index}`));
      if (meant.length > 0) left.push(...meant);
      else problems.push({ pointer, reason: `fits none of the forms that are allowed${detail(union)}` });
    }
  }
}

function isInside(error: ErrorObject, union: ErrorObject, schemaPath: string): boolean {
  const below = (path: string, parent: string) => path === parent || path.startsWith(`${parent}/`);
  return below(error.schemaPath, schemaPath) && below(error.instancePath, union.instancePath);
}

function problemOf(error: ErrorObject): Problem[] {
  const { keyword, params, instancePath, propertyName } = error;
  // Their parts have spoken already.
  if (keyword === "if" || keyword === "propertyNames") return [];
  if (keyword === "required" || keyword === "dependentRequired")
    return [missingKey(instancePath, String(params.missingProperty), { error })];
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties")
    return [unknownKey(error, String(params.additionalProperty ?? params.unevaluatedProperty))];
  const { reason, hint } = keywordReasons[keyword]?.(error) ?? { reason: `${error.message}${detail(error)}` };
  if (propertyName !== undefined)
    return [
      { pointer: instancePath + toPointer(propertyName), at: "key", reason: `the name ${reason}`, hint },
    ];
  return [{ pointer: instancePath, reason, hint }];
}
