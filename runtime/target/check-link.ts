/**
 * What a schema can't say about the link. A missing file is only a warning: a node without a link still samples
 * and stores, and refusing to start for want of a key would lose what it could have kept.
 */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";

/** `link` is as in the file, and may be of any shape. */
export async function checkLink(link: unknown, path: string): Promise<Problem[]> {
  if (!isRecord(link)) return [];
  const problems: Problem[] = [];
  const urls = Array.isArray(link.hub) ? link.hub : [link.hub];
  urls.forEach((url: unknown, index) => {
    const pointer = Array.isArray(link.hub) ? toPointer("link", "hub", index) : "/link/hub";
    if (typeof url === "string") problems.push(...checkUrl(url, pointer, link.ca !== undefined));
  });
  for (const key of ["credentials", "ca"] as const) {
    const file = link[key];
    if (typeof file !== "string" || file === "") continue;
    const resolved = resolve(dirname(resolve(path)), file);
    try {
      await access(resolved, constants.R_OK);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      problems.push({
        pointer: `/link/${key}`,
        severity: "warning",
        reason: missing ? `there is no file ${resolved}` : `the file ${resolved} can't be read`,
        hint: "the link stays down until the file is there; the node stores meanwhile",
      });
    }
  }
  return problems;
}

const loopback = /^(localhost|127\.[0-9.]+|\[::1\])$/;

function checkUrl(url: string, pointer: string, hasCa: boolean): Problem[] {
  const match = /^(nats-leaf|tls):\/\/(\[[^\]]+\]|[^:/]+)(?::([0-9]+))?$/.exec(url);
  if (!match) return [];
  const [, scheme, host, port] = match;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return [{ pointer, reason: `the port ${port} must be between 1 and 65535` }];
  if (scheme === "tls" || hasCa || loopback.test(host!)) return [];
  return [
    {
      pointer,
      severity: "warning",
      reason: "samples may travel unencrypted: nats-leaf:// encrypts only when the hub asks for it",
      hint: `use tls://${host}${port === undefined ? "" : `:${port}`}`,
    },
  ];
}
