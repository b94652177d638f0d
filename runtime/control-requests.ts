/** The bodies of requests on a control socket, judged. */
import type { IncomingMessage } from "node:http";
import { maxTtlMs } from "./command-wire.ts";
import { nameProblem } from "./emit-wire.ts";
import { UmecError } from "./errors.ts";
import { nameSyntax } from "./subjects.ts";

/** A command that a user of this machine sends to a plugin of the node. */
export interface LocalCommand {
  plugin: string;
  /** Path below the plugin. */
  point: string;
  /** Left out: none. */
  value?: unknown;
  ttlMs: number;
  by: string;
}

/** Room for the longest node.yaml as a JSON text. */
const maxBodyBytes = 2.5 * 1024 * 1024;

export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > maxBodyBytes) throw invalid(`the request has more than ${maxBodyBytes} bytes`);
    parts.push(part as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw invalid("the request is no JSON");
  }
}

export function commandIn(body: unknown): LocalCommand {
  const { plugin, point, value, ttlMs, by } = fieldsOf(body);
  if (typeof plugin !== "string" || !nameSyntax.test(plugin)) throw invalid("plugin is no name of a plugin");
  const problem = nameProblem(point);
  if (problem !== undefined) throw invalid(`point is no name of a point: ${problem}`);
  if (typeof ttlMs !== "number" || !(ttlMs >= 1 && ttlMs <= maxTtlMs))
    throw invalid("ttlMs is no time to live");
  if (typeof by !== "string") throw invalid("by is no text");
  return { plugin, point: point as string, value, ttlMs, by };
}

export function textIn(body: unknown): string {
  const { text } = fieldsOf(body);
  if (typeof text !== "string") throw invalid("text is no text");
  return text;
}

export function permitIn(body: unknown): string | undefined {
  const { permit } = fieldsOf(body);
  if (permit !== undefined && typeof permit !== "string") throw invalid("permit is no text");
  return permit;
}

export function sessionIn(body: unknown): { command: string; from?: string; refused?: string } {
  const { command, from, refused } = fieldsOf(body);
  if (typeof command !== "string") throw invalid("command is no text");
  return {
    command,
    ...(typeof from === "string" && { from }),
    ...(typeof refused === "string" && { refused }),
  };
}

function fieldsOf(body: unknown): Record<string, unknown> {
  return (body ?? {}) as Record<string, unknown>;
}

function invalid(reason: string): UmecError {
  return new UmecError("COMMAND_INVALID", reason);
}
