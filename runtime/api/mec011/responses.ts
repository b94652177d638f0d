/** What routes of MEC 011 can answer, for the documents: any of them is refused for a parameter, too. */
import type { TSchema } from "typebox";
import { etagHeader, answers as etsiAnswers, ok } from "../etsi-answers.ts";
import type { RouteResponse } from "../http/route.ts";

export function answers(success: Readonly<Record<number, RouteResponse>>, ...codes: number[]) {
  return etsiAnswers(success, 400, ...codes);
}

export function okVersioned(schema: TSchema) {
  return ok(schema, etagHeader);
}
