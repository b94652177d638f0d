/**
 * One RTSP connection (RFC 7826 and RFC 2326, which cameras speak): requests one after the other, packets between.
 *
 * It goes to the configured host, whatever host the URL names, and a password leaves only as a digest.
 */
import { connect } from "node:net";
import { isUmecError, UmecError } from "../../runtime/plugin/sdk.ts";
import type { Login } from "./camera-http.ts";
import { createDigest, type DigestSession, isStale } from "./digest.ts";
import { createRtspParser, type RtspMessage } from "./rtsp-parser.ts";

export interface RtspOptions {
  host: string;
  port: number;
  login: () => Promise<Login | undefined>;
  /** For each answer, and for the connection. */
  timeoutMs: number;
  /** Ends the connection and rejects what waits. */
  signal: AbortSignal;
  packet: (channel: number, packet: Buffer) => void;
}

export interface Rtsp extends Disposable {
  /**
   * Gives the answer when its status is 200. Rejects with `ONVIF_RTSP_STATUS`, `ONVIF_UNAUTHORIZED`, `ONVIF_TIMEOUT`,
   * `ONVIF_INTERRUPTED` or `ONVIF_RTSP`.
   */
  request(method: string, url: string, headers?: Readonly<Record<string, string>>): Promise<RtspMessage>;
  /** Rejects when the connection ends. */
  readonly ended: Promise<never>;
}

/** Rejects with `ONVIF_UNREACHABLE`. */
export async function openRtsp(options: RtspOptions): Promise<Rtsp> {
  const { host, port, login, timeoutMs, signal, packet } = options;
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true });
  const title = `rtsp://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => {});
  let open = false;
  let waiting: { cseq: number; resolve: (message: RtspMessage) => void } | undefined;
  let cseq = 0;
  let digest: DigestSession | undefined;

  const stop = (reason: unknown): void => {
    end.reject(reason);
    socket.destroy();
  };
  const onAbort = (): void => stop(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const parse = createRtspParser({
    packet,
    message(message) {
      // A request of the server's own (status 0) is not answered: nothing that matters here asks.
      if (message.status === 0 || waiting?.cseq !== Number(message.headers.cseq ?? waiting?.cseq)) return;
      const { resolve } = waiting;
      waiting = undefined;
      resolve(message);
    },
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      parse(chunk);
    } catch (error) {
      stop(
        isUmecError(error)
          ? new UmecError(error.code, `${title}: ${error.message}`, { cause: error })
          : error,
      );
    }
  });
  socket.on("error", (cause: NodeJS.ErrnoException) => {
    const [code, what] = open
      ? ["ONVIF_INTERRUPTED", "broke off"]
      : ["ONVIF_UNREACHABLE", "can't be reached"];
    stop(new UmecError(code, `${title} ${what} (${cause.code ?? cause.message})`, { cause }));
  });
  socket.on("close", () => {
    signal.removeEventListener("abort", onAbort);
    stop(new UmecError("ONVIF_INTERRUPTED", `${title} closed the connection`));
  });

  async function within<T>(what: string, wait: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const reason = (): UmecError =>
      new UmecError("ONVIF_TIMEOUT", `${title}: no answer to ${what} within ${timeoutMs} ms`);
    const timer = setTimeout(() => late.reject(reason()), timeoutMs);
    try {
      return await Promise.race([wait, end.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function ask(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<RtspMessage> {
    cseq += 1;
    const all = { CSeq: String(cseq), "User-Agent": "umec", ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, "")}`);
    const { promise, resolve } = Promise.withResolvers<RtspMessage>();
    waiting = { cseq, resolve };
    socket.write(`${method} ${url.replace(/[\s]/g, "%20")} RTSP/1.0\r\n${lines.join("\r\n")}\r\n\r\n`);
    return within(method, promise);
  }

  try {
    await within("the connection", new Promise<void>((resolve) => socket.once("connect", resolve)));
    open = true;
  } catch (error) {
    stop(error);
    throw error;
  }

  return {
    ended: end.promise,
    async request(method, url, headers = {}) {
      const signed = (): Readonly<Record<string, string>> =>
        digest ? { ...headers, Authorization: digest.authorize({ method, uri: url }) } : headers;
      const before = digest;
      let answer = await ask(method, url, signed());
      for (let tries = 0; answer.status === 401; tries++) {
        const challenge = answer.headers["www-authenticate"] ?? "";
        const again =
          tries === 0 ? before === undefined || isStale(challenge) : isStale(challenge) && tries < 2;
        const credentials = again ? await login() : undefined;
        digest = credentials && createDigest(challenge, credentials);
        if (!digest) {
          throw new UmecError("ONVIF_UNAUTHORIZED", `${title}: ${method} is refused (401)`, {
            hint: "look at user and password; only Digest is answered, since Basic shows the password",
          });
        }
        answer = await ask(method, url, signed());
      }
      if (answer.status === 200) return answer;
      throw new UmecError(
        "ONVIF_RTSP_STATUS",
        `${title}: ${method} is answered with ${answer.status} ${answer.reason}`,
      );
    },
    [Symbol.dispose]() {
      stop(new UmecError("ONVIF_INTERRUPTED", `${title} was closed`));
    },
  };
}
