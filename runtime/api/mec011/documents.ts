/** What goes into the store is bounded, and a full store is the client's to know. */
import { isUmecError } from "../../errors.ts";
import { badRequest, Problem } from "../http/problem.ts";
import type { ApiStore } from "../types.ts";
import { kinds, type Mec011Limits } from "./context.ts";

/** @throws Problem 400 */
export function checkSize(value: unknown, mostBytes: number, what: string): void {
  const bytes = sizeOf(value);
  if (bytes > mostBytes) throw badRequest(`${what} has ${bytes} bytes`, `${mostBytes} is the most`);
}

/**
 * An application's services and subscriptions have a size in all, so that none can fill the store alone.
 *
 * @param next what is to be put
 * @throws Problem 400 when it is too large by itself, 403 when all together are
 */
export function checkShare(
  store: ApiStore,
  { documentBytes, appBytes }: Pick<Mec011Limits, "documentBytes" | "appBytes">,
  next: { kind: string; id: string; value: { app: string } },
): void {
  checkSize(next.value, documentBytes, "what is to be kept");
  let bytes = sizeOf(next.value);
  for (const kind of [kinds.service, kinds.availability, kinds.termination]) {
    for (const { id, value } of store.list<{ app: string }>(kind)) {
      if (value.app === next.value.app && (kind !== next.kind || id !== next.id)) bytes += sizeOf(value);
    }
  }
  if (bytes <= appBytes) return;
  const hint = `${appBytes} is the most: delete what is no longer used`;
  throw new Problem(
    403,
    "API_LIMIT",
    `the application's services and subscriptions would have ${bytes} bytes`,
    {
      hint,
    },
  );
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** @throws Problem 403 */
export function checkCount(count: number, most: number, what: string): void {
  if (count < most) return;
  throw new Problem(403, "API_LIMIT", `there are ${count} ${what} already`, {
    hint: `${most} is the most: delete one first`,
  });
}

/** @throws Problem 403 when the store is full */
export async function put(store: ApiStore, kind: string, id: string, value: unknown): Promise<string> {
  try {
    return await store.put(kind, id, value);
  } catch (error) {
    if (!isUmecError(error, "API_STORE_FULL")) throw error;
    throw new Problem(403, "API_STORE_FULL", error.message, {
      hint: "delete what is no longer used",
      cause: error,
    });
  }
}

/** The keys of `schema` that `value` has, and no others. */
export function pick<T extends object>(value: T, schema: { properties: object }): T {
  const known = Object.keys(schema.properties);
  return Object.fromEntries(Object.entries(value).filter(([key]) => known.includes(key))) as T;
}
