import type { OptionFinding, Point } from "../../runtime/plugin/sdk.ts";
import { checkPoints } from "./check-points.ts";
import { checkWebhooks, isLoopback } from "./check-webhooks.ts";
import type { CommandOptions, HttpOptions, RequestOptions } from "./options.ts";

/** Headers that the driver or the connection sets; and those that would hold a secret in plain sight. */
const ownHeaders = new Set(
  "host connection content-length transfer-encoding te upgrade expect if-none-match if-modified-since".split(
    " ",
  ),
);
const secretHeaders = new Set(["authorization", "proxy-authorization", "cookie"]);

/** What the schema can't say; a reason never repeats a URL, since a secret may stand in it. */
export function checkOptions(options: HttpOptions): OptionFinding[] {
  const { requests, webhooks } = options;
  if (Object.keys(requests).length + Object.keys(webhooks).length === 0)
    return [{ pointer: "", reason: "there is nothing to do", hint: "name requests, webhooks, or both" }];
  return [...Object.entries(requests).flatMap(checkRequest), ...checkWebhooks(options)];
}

function checkRequest([name, request]: [string, RequestOptions]): OptionFinding[] {
  const at = `/requests/${name}`;
  return [
    ...checkUrl(request.url, `${at}/url`),
    ...checkToken(request, `${at}/auth/tokenUrl`),
    ...checkPages(request, `${at}/pages`),
    ...checkHeaders(request.headers, `${at}/headers`),
    ...checkBody(request, at),
    ...checkPoints(request.points, `${at}/points`),
    ...checkPoints(request.each?.points ?? {}, `${at}/each/points`),
    ...checkOnline(request, at),
    ...Object.entries(request.commands).flatMap(([command, options]) =>
      checkCommand(options, request, `${at}/commands/${command.replaceAll("/", "~1")}`),
    ),
  ];
}

/** The points that are known beforehand: not those of `each`, whose names come with the answers. */
export function pointsOf({ requests, webhooks }: HttpOptions): Point[] {
  const pushed = Object.entries(webhooks).flatMap(([name, { points }]) =>
    Object.entries(points).map(
      ([point, { unit }]): Point => ({
        name: `${name}/${point}`,
        access: "read",
        ...(unit !== undefined && { unit }),
      }),
    ),
  );
  const polled = Object.entries(requests).flatMap(([name, { points, commands }]) => {
    const read = Object.entries(points).map(([point, { unit }]): Point => {
      const access = Object.hasOwn(commands, point) ? "read-write" : "read";
      return { name: `${name}/${point}`, access, ...(unit !== undefined && { unit }) };
    });
    const write = Object.keys(commands)
      .filter((command) => !Object.hasOwn(points, command))
      .map((command): Point => ({ name: `${name}/${command}`, access: "write" }));
    const online: Point = {
      name: `${name}/online`,
      summary: "Whether the last poll succeeded",
      access: "read",
    };
    return [...read, ...write, online];
  });
  return [...polled, ...pushed];
}

function checkUrl(text: string, pointer: string): OptionFinding[] {
  const url = URL.parse(text);
  if (!url) return [{ pointer, reason: "is no URL" }];
  if (url.username === "" && url.password === "") return [];
  const hint = "take them out and use auth with kind basic and a secret";
  return [{ pointer, reason: "has a user or password in it", hint }];
}

/** The client's secret goes there. */
function checkToken({ auth }: RequestOptions, pointer: string): OptionFinding[] {
  if (auth.kind !== "oauth2") return [];
  const url = URL.parse(auth.tokenUrl);
  if (url?.protocol !== "http:" || isLoopback(url.hostname)) return checkUrl(auth.tokenUrl, pointer);
  return [{ pointer, reason: "sends the client's secret in the clear", hint: "use https" }];
}

function checkPages({ pages, each }: RequestOptions, pointer: string): OptionFinding[] {
  if (!pages || each) return [];
  const reason = "only a list goes on from page to page, and there is none";
  return [{ pointer, reason, hint: "map the list with each" }];
}

function checkHeaders(headers: Readonly<Record<string, string>>, pointer: string): OptionFinding[] {
  return Object.entries(headers).flatMap(([name, value]): OptionFinding[] => {
    const at = `${pointer}/${name.replaceAll("~", "~0")}`;
    if (secretHeaders.has(name.toLowerCase()))
      return [
        { pointer: at, reason: "holds a secret in plain sight", hint: "use auth, which names a secret" },
      ];
    if (ownHeaders.has(name.toLowerCase())) return [{ pointer: at, reason: "is set by the driver itself" }];
    // RFC 9110 section 5.5.
    if (/^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/.test(value)) return [];
    return [{ pointer: at, reason: "has characters that no header can carry", hint: "use visible ASCII" }];
  });
}

function checkBody({ method, body }: { method: string; body?: unknown }, at: string): OptionFinding[] {
  if (method !== "GET" || body === undefined) return [];
  return [
    { pointer: `${at}/body`, reason: "has no meaning with GET (RFC 9110 section 9.3.1)", hint: "use POST" },
  ];
}

function checkOnline({ points, commands }: RequestOptions, at: string): OptionFinding[] {
  return Object.entries({ points, commands })
    .filter(([, names]) => Object.hasOwn(names, "online"))
    .map(([key]) => ({
      pointer: `${at}/${key}/online`,
      reason: "is the driver's own point",
      hint: "rename it",
    }));
}

function checkCommand(command: CommandOptions, request: RequestOptions, at: string): OptionFinding[] {
  const found = [
    ...checkUrl(command.url, `${at}/url`),
    ...checkHeaders(command.headers, `${at}/headers`),
    ...checkBody(command, at),
  ];
  const [to, from] = [URL.parse(command.url)?.origin, URL.parse(request.url)?.origin];
  if (request.auth.kind !== "none" && to !== from) {
    const reason = `goes to another origin than its request, whose credentials it would carry`;
    found.push({ pointer: `${at}/url`, reason, hint: "put it under a request of that origin" });
  }
  return found;
}
