/**
 * HTTP with a camera's manners: it asks for the password, and it sends elsewhere.
 *
 * Credentials are fetched anew for each challenge, so a new password counts at once. A challenge is answered once, and
 * once more when only the nonce was old; a camera that goes on asking refuses the password, and to try it again and
 * again would lock the account.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { createDigest, type DigestSession, isStale, parseChallenges } from "./digest.ts";
import { type HttpAnswer, type HttpClient, type HttpRequest, shown } from "./http-client.ts";

export interface Login {
  user: string;
  password: string;
}

export interface CameraHttp {
  /** As {@link HttpClient.send}; rejects with `ONVIF_UNAUTHORIZED` and `ONVIF_REDIRECT`, too. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Whether the camera has taken a digest: then it needs no token beside it. */
  readonly digestWorks: boolean;
}

const maxRedirects = 3;

export function createCameraHttp(
  client: HttpClient,
  {
    login,
  }: {
    /** `undefined` where there is none, or where a digest is not wanted. */ login: () => Promise<
      Login | undefined
    >;
  },
): CameraHttp {
  let digest: DigestSession | undefined;
  let digestWorks = false;

  async function authorized(request: HttpRequest): Promise<HttpAnswer> {
    const ask = (authorization?: string): Promise<HttpAnswer> => {
      const headers = { ...request.headers, ...(authorization !== undefined && { authorization }) };
      return client.send({ ...request, headers });
    };
    const what = { method: request.method, uri: `${request.url.pathname}${request.url.search}` };
    const before = digest;
    let answer = await ask(before?.authorize(what));
    for (let tries = 0; answer.status === 401; tries++) {
      const header = answer.headers["www-authenticate"] ?? "";
      const spent =
        tries === 0 ? before === undefined || newNonce(header, before) : isStale(header) && tries < 2;
      if (!spent) break;
      const credentials = await login();
      if (!credentials) break;
      const basic = basicFor(request.url, header, credentials);
      digest = basic === undefined ? createDigest(header, credentials) : undefined;
      const authorization = basic ?? digest?.authorize(what);
      if (authorization === undefined) throw noWay(request.url, header);
      answer = await ask(authorization);
      if (answer.status !== 401) digestWorks = digest !== undefined;
    }
    if (answer.status === 401) {
      digest = undefined;
      digestWorks = false;
    }
    return answer;
  }

  return {
    get digestWorks() {
      return digestWorks;
    },
    async send(request) {
      let url = request.url;
      for (let hops = 0; ; hops++) {
        const answer = await authorized({ ...request, url });
        if (![301, 302, 307, 308].includes(answer.status)) return answer;
        url = nextUrl(url, answer, hops);
      }
    },
  };
}

function newNonce(header: string, { nonce }: DigestSession): boolean {
  return parseChallenges(header).every(({ parameters }) => parameters.nonce !== nonce);
}

/** Basic (RFC 7617) shows the password to everybody on the way: only over TLS, where nothing better is offered. */
function basicFor(url: URL, header: string, { user, password }: Login): string | undefined {
  const schemes = parseChallenges(header).map(({ scheme }) => scheme);
  if (url.protocol !== "https:" || schemes.includes("digest") || !schemes.includes("basic")) return undefined;
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function noWay(url: URL, header: string): UmecError {
  const schemes = parseChallenges(header).map(({ scheme }) => scheme);
  const offered = schemes.length > 0 ? schemes.join(", ") : "nothing";
  return new UmecError(
    "ONVIF_UNAUTHORIZED",
    `${shown(url)}: no way to log in that is understood; it offers ${offered}`,
    {
      hint: "switch Digest authentication on at the camera; Basic is taken over TLS only",
    },
  );
}

function nextUrl(url: URL, { headers }: HttpAnswer, hops: number): URL {
  const to = URL.parse(headers.location ?? "", url.href);
  if (!to) throw new UmecError("ONVIF_REDIRECT", `${shown(url)} redirects to nowhere`);
  if (hops >= maxRedirects) throw new UmecError("ONVIF_REDIRECT", `${shown(url)} redirects again and again`);
  if (to.hostname !== url.hostname || !/^https?:$/.test(to.protocol)) {
    const hint = "if that is right, configure it as host";
    throw new UmecError("ONVIF_REDIRECT", `${shown(url)} redirects to ${shown(to)}, which is not followed`, {
      hint,
    });
  }
  if (url.protocol === "https:" && to.protocol === "http:") {
    throw new UmecError("ONVIF_REDIRECT", `${shown(url)} redirects away from TLS, which is not followed`);
  }
  return to;
}
