/** For tests: what ETSI's files say, independent of our own schemas. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

export interface EtsiOperation {
  api: "mec_app_support" | "mec_service_mgmt";
  method: string;
  path: string;
  operationId: string;
  /** Of V3.1.1. */
  codes: number[];
  /** That only V2.1.1 lists. */
  v211?: number[];
}

function load(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));
}

export const etsiOperations = (load("operations.json") as { operations: EtsiOperation[] }).operations;

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(load("schemas.json") as object);

/** @param name of a schema, or of the items of a list: `ServiceInfo[]` */
export function checkEtsi(name: string, value: unknown): void {
  const $ref = `etsi#/components/schemas/${name.replace("[]", "")}`;
  const schema = name.endsWith("[]") ? { type: "array", items: { $ref } } : { $ref };
  assert.ok(ajv.validate(schema, value), `${name}: ${ajv.errorsText()} in ${JSON.stringify(value)}`);
}
