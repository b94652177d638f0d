/**
 * A camera for tests and for trying things out: an ONVIF device on loopback, over HTTP or HTTPS, with discovery on UDP.
 *
 *     await using camera = await startSimulator({ auth: "digest-sha256" });
 *     camera.emit({ topic: "tns1:VideoSource/MotionAlarm", data: { State: "true" } });
 *     camera.state.misbehaviour = { answer: "html" };
 */
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDigestGate, tokenIsGood } from "./simulator-auth.ts";
import { createEvents, type SimulatedEvents } from "./simulator-events.ts";
import { misbehave, reply } from "./simulator-reply.ts";
import { deviceOperations, media1Operations, media2Operations, ptzOperations } from "./simulator-services.ts";
import type { SimulatedEvent, SimulatorState } from "./simulator-state.ts";

export interface SimulatorOptions extends Partial<Omit<SimulatorState, "calls">> {
  /** @default "127.0.0.1" */
  host?: string;
  /** Key and certificate in PEM: then it speaks HTTPS. */
  tls?: { key: string; cert: string };
}

export interface Simulator extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly state: SimulatorState;
  readonly events: SimulatedEvents;
  emit(event: SimulatedEvent): void;
  /** Gone from now on: connections end, nobody listens. */
  off(): Promise<void>;
  /** On again at the same port, with all subscriptions forgotten. */
  on(): Promise<void>;
}

/** The smallest thing that calls itself a JPEG. */
const smallStill = Buffer.from("ffd8ffe000104a46494600010100000100010000ffd9", "hex");

export async function startSimulator({
  host = "127.0.0.1",
  tls,
  ...given
}: SimulatorOptions = {}): Promise<Simulator> {
  const state: SimulatorState = {
    misbehaviour: {},
    user: "admin",
    password: "s3cret",
    auth: "none",
    clockMs: 0,
    position: { pan: 0, tilt: 0, zoom: 0 },
    velocity: { pan: 0, tilt: 0, zoom: 0 },
    still: smallStill,
    streamUri: "rtsp://127.0.0.1:1/stream",
    lastHeader: "",
    properties: new Map(),
    ...given,
    calls: [],
  };
  const events = createEvents(state);
  const gate = createDigestGate(state);
  const sockets = new Set<Socket>();
  let port = 0;
  const scheme = tls ? "https" : "http";
  const ownBase = (): string => `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    const { misbehaviour } = state;
    if (misbehaviour.slowMs !== undefined) await delay(misbehaviour.slowMs, undefined, { ref: false });
    if (misbehaviour.redirect !== undefined && !request.url?.includes("moved")) {
      response
        .writeHead(307, {
          location: misbehaviour.redirect.replace("%", ownBase()).replace("*", request.url ?? ""),
        })
        .end();
      return;
    }
    if (misbehave(response, state)) return;
    const path = (request.url ?? "").split("?", 1)[0]?.replace(/^\/moved/, "") ?? "";
    const operation = body.match(/<s:Body><([A-Za-z]+)/)?.[1] ?? path;
    const open = operation === "GetSystemDateAndTime" && !misbehaviour.loop401;
    if (state.auth.startsWith("digest") || misbehaviour.loop401 || misbehaviour.alwaysStale) {
      const challenge = open ? undefined : gate.challenge(request);
      if (challenge !== undefined) {
        response.writeHead(401, { "www-authenticate": challenge }).end();
        return;
      }
    }
    state.calls.push(operation);
    if (path === "/still.jpg") return still(response);
    if (state.auth === "token" && !open && !tokenIsGood(body, state))
      return reply(response, "!ter:NotAuthorized", state);
    const base = misbehaviour.wrongAddress ?? ownBase();
    const content = await contentOf(operation, path, body, base);
    if (response.destroyed) return;
    reply(response, content ?? "!ter:ActionNotSupported", state);
  }

  function still(response: ServerResponse): void {
    const { snapshot } = state.misbehaviour;
    if (snapshot === "html") response.writeHead(200, { "content-type": "image/jpeg" }).end("<html>no</html>");
    else response.end(snapshot === "cut" ? state.still.subarray(0, state.still.length - 1) : state.still);
  }

  async function contentOf(
    operation: string,
    path: string,
    body: string,
    base: string,
  ): Promise<string | undefined> {
    if (path === "/onvif/events" || path.startsWith("/onvif/pull/"))
      return events.answer(operation, path, body, base);
    const tables = {
      "/onvif/device_service": deviceOperations,
      "/onvif/media": media1Operations,
      "/onvif/media2": media2Operations,
      "/onvif/ptz": ptzOperations,
    };
    return tables[path as keyof typeof tables]?.[operation]?.(body, state, base);
  }

  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch(() => response.destroy());
  };
  let server = create();
  function create(): http.Server {
    const made = tls ? https.createServer(tls, handler) : http.createServer(handler);
    made.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    return made;
  }
  async function on(): Promise<void> {
    server = create();
    server.listen(port, host);
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  }
  async function off(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    events.forget();
    await closed;
  }
  await on();

  return {
    host,
    get port() {
      return port;
    },
    state,
    events,
    emit: events.emit,
    off,
    on,
    [Symbol.asyncDispose]: off,
  };
}
