/**
 * What a schema can't say about the link. A missing file is only a warning: a node without a link still samples
 * and stores, and refusing to start for want of a key would lose what it could have kept.
 */
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { claimsPath, tokenPath } from "../enrol/types.ts";
import { checkReadable } from "./check-readable.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";

/** `link` and `data` are as in the file, and may be of any shape. */
export async function checkLink(link: unknown, path: string, data?: unknown): Promise<Problem[]> {
  if (!isRecord(link)) return [];
  const problems: Problem[] = [];
  const urls = Array.isArray(link.hub) ? link.hub : [link.hub];
  urls.forEach((url: unknown, index) => {
    const pointer = Array.isArray(link.hub) ? toPointer("link", "hub", index) : "/link/hub";
    if (typeof url === "string") problems.push(...checkUrl(url, pointer, link.ca !== undefined));
  });
  for (const key of ["credentials", "ca"] as const) {
    const hint = "the link stays down until the file is there; the node stores meanwhile";
    problems.push(...(await checkReadable(link[key], { path, pointer: `/link/${key}`, hint })));
  }
  if (link.hub !== undefined && !Object.hasOwn(link, "credentials"))
    problems.push(...(await checkEnrolment(path, data)));
  return problems;
}

/** A node without a credentials file has claims, or a token to get them with. */
async function checkEnrolment(path: string, data: unknown): Promise<Problem[]> {
  const token = tokenPath(path);
  const dataPath = resolve(dirname(resolve(path)), typeof data === "string" ? data : "./data");
  for (const file of [claimsPath(dataPath), token]) {
    const there = await access(file).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
    );
    if (there) return [];
  }
  return [
    {
      pointer: "/link",
      at: "key",
      severity: "warning",
      reason: `names no credentials, and there is no token ${token}`,
      hint: "put there what `umec hub token` prints; until then the link stays down, and the node stores",
    },
  ];
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
      reason:
        "samples may travel unencrypted by nats-leaf://, and a hub that begins with TLS, as ours do, does not answer it",
      hint: `use tls://${host}${port === undefined ? "" : `:${port}`}`,
    },
  ];
}
