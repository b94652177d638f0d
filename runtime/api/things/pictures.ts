/**
 * A camera's pictures: the newest one, and a stream of them as `multipart/x-mixed-replace`, which browsers show in an
 * `<img>`.
 *
 * A picture is what the driver answers to a command without a value (`camera/frame` of drivers/v4l2). One loop for
 * each camera asks for it, `framesPerS` times a second at most, while anybody looks; all who look are given the same
 * bytes. A slow client misses pictures and is never late. While the camera has none the stream waits; after `blindMs`
 * it ends.
 */
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { preferredType } from "../http/accept.ts";
import { Problem } from "../http/problem.ts";
import type { ApiRequest, ApiResponse } from "../http/route.ts";
import type { ApiNode, Principal } from "../types.ts";
import { commandProblem } from "./command-problem.ts";
import { mjpegType } from "./description.ts";
import { streamResponse } from "./observe.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

export const jpegType = "image/jpeg";
const bytesType = "application/octet-stream";
const boundary = "umec-frame";

export interface PicturesOptions {
  node: ApiNode;
  streams: Streams;
  /** Of a stream, at most. @default 5 */
  framesPerS?: number;
  /** How long a stream outlives its camera. @default 30_000 */
  blindMs?: number;
  log: Log;
}

export interface PictureRequest {
  request: ApiRequest;
  principal: Principal;
  plugin: string;
  point: string;
}

export interface Pictures {
  /** By the request's Accept: `image/jpeg`, a stream, or bytes that are no JPEG. */
  answer(request: PictureRequest): Promise<ApiResponse>;
}

/** For one picture. */
const ttlMs = 5_000;
const againMs = 1_000;

export function createPictures({
  node,
  streams,
  framesPerS = 5,
  blindMs = 30_000,
  log,
}: PicturesOptions): Pictures {
  const channels = new Map<string, Set<Stream>>();

  async function take(plugin: string, point: string, by: string): Promise<Uint8Array> {
    const reply = await node.command({ plugin, point, value: undefined, ttlMs, by });
    if (reply instanceof Uint8Array) return reply;
    throw new Problem(409, "THING_NO_PICTURE", `${plugin}/${point} answers with no bytes`);
  }

  /** @param last the picture that they have */
  async function feed(wanted: PictureRequest, clients: Set<Stream>, last: Uint8Array): Promise<void> {
    const { plugin, point, principal } = wanted;
    const by = askerName(principal);
    let seenMs = performance.now();
    while (clients.size > 0) {
      const startedMs = performance.now();
      let waitMs = 1000 / framesPerS;
      try {
        const picture = await take(plugin, point, by);
        seenMs = performance.now();
        if (Buffer.compare(last, picture) !== 0) {
          const part = partBytes(picture);
          for (const client of clients) client.push(part);
        }
        last = picture;
      } catch (error) {
        if (performance.now() - seenMs > blindMs) {
          log.info("streams of pictures end: the camera has none", {
            plugin,
            point,
            reason: messageOf(error),
          });
          for (const client of clients) client.end();
        }
        waitMs = againMs;
      }
      await pause(Math.max(0, waitMs - (performance.now() - startedMs)), undefined, { ref: false });
    }
  }

  function join(wanted: PictureRequest, stream: Stream, picture: Uint8Array): void {
    stream.push(partBytes(picture));
    const key = keyOf(wanted);
    const known = channels.get(key);
    if (known) {
      known.add(stream);
      return;
    }
    const clients = new Set([stream]);
    channels.set(key, clients);
    void feed(wanted, clients, picture);
  }

  return {
    async answer(wanted) {
      const { request, principal, plugin, point } = wanted;
      const type = preferredType(request.headers, [jpegType, bytesType, mjpegType]);
      const picture = await take(plugin, point, askerName(principal)).catch((error: unknown) => {
        throw commandProblem(error);
      });
      if (!isJpeg(picture) && type !== bytesType) {
        preferredType(request.headers, [bytesType]);
        if (type === mjpegType) throw noJpeg(plugin, point);
        return pictureResponse(picture, bytesType);
      }
      if (type !== mjpegType) return pictureResponse(picture, type);
      const stream = streams.open({
        request,
        principal,
        most: 1,
        onEnd() {
          const clients = channels.get(keyOf(wanted));
          clients?.delete(stream);
          if (clients?.size === 0) channels.delete(keyOf(wanted));
        },
      });
      join(wanted, stream, picture);
      return streamResponse(stream, `${mjpegType}; boundary=${boundary}`);
    },
  };
}

function keyOf({ plugin, point }: PictureRequest): string {
  return `${plugin}/${point}`;
}

/** As commands say who asks. */
export function askerName({ kind, name }: Principal): string {
  return `${kind} ${name}`;
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

function pictureResponse(picture: Uint8Array, type: string): ApiResponse {
  return { status: 200, headers: { "content-type": type }, body: picture };
}

function noJpeg(plugin: string, point: string): Problem {
  return new Problem(406, "THING_NO_JPEG", `${plugin}/${point} gives frames that are no JPEG`, {
    hint: "set the camera's format to MJPEG in the node's file, or accept application/octet-stream",
  });
}

/** The boundary goes in front of each part, so a browser shows a picture when the next one begins or this one ends. */
function partBytes(picture: Uint8Array): Uint8Array {
  const head = `--${boundary}\r\ncontent-type: ${jpegType}\r\ncontent-length: ${picture.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), picture, Buffer.from("\r\n")]);
}
