import type { ServerResponse } from "node:http";

/** How an answer goes wrong. */
export type Fault =
  /** A status without a JSON document; `retryAfter` as it stands in the header. */
  | { kind: "status"; status: number; retryAfter?: string; date?: string }
  /** A refusal that says why (RFC 9457). */
  | { kind: "problem"; status: number; title?: string; detail?: string }
  /** Answers well, but late. */
  | { kind: "slow"; delayMs: number }
  /** Never answers. */
  | { kind: "hang" }
  /** Sends half of a body and then nothing more. */
  | { kind: "hanging-body" }
  /** A JSON string of so many bytes, without `Content-Length`. */
  | { kind: "huge"; bytes: number }
  | { kind: "invalid-json" }
  /** The right body under another content type. */
  | { kind: "wrong-type"; contentType: string }
  /** Closes the connection, before the answer or within its body. */
  | { kind: "disconnect"; within?: "body" }
  /** @default status 302 */
  | { kind: "redirect"; location: string; status?: number }
  /** Another JSON document than expected. */
  | { kind: "document"; document: unknown };

/** Answers with a fault; `well` gives the answer that there would be without, or with another document or type. */
export function misbehave(
  fault: Fault,
  response: ServerResponse,
  well: (change?: { document?: unknown; contentType?: string }) => void,
): void {
  switch (fault.kind) {
    case "status":
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
      if (fault.date !== undefined) response.setHeader("date", fault.date);
      response.writeHead(fault.status).end();
      return;
    case "problem": {
      const { status, title, detail } = fault;
      response.writeHead(status, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ type: "about:blank", status, title, detail }));
      return;
    }
    case "slow": {
      const timer = setTimeout(() => well(), fault.delayMs);
      response.once("close", () => clearTimeout(timer));
      return;
    }
    case "hang":
      return;
    case "hanging-body":
      response.writeHead(200, { "content-type": "application/json" }).write('{"temperature":');
      return;
    case "huge":
      sendHuge(response, fault.bytes);
      return;
    case "invalid-json":
      response.writeHead(200, { "content-type": "application/json" }).end('{"temperature": 21.5,}');
      return;
    case "wrong-type":
      well({ contentType: fault.contentType });
      return;
    case "disconnect":
      if (fault.within !== "body") return void response.destroy();
      response.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
      response.write('{"temperature":', () => response.destroy());
      return;
    case "redirect":
      response.writeHead(fault.status ?? 302, { location: fault.location }).end();
      return;
    case "document":
      well({ document: fault.document });
      return;
  }
}

/** As fast as the reader takes it, until it has enough. */
function sendHuge(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(16_384, "x");
  let left = bytes;
  response.writeHead(200, { "content-type": "application/json" }).write('"');
  const more = (): void => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      if (!response.write(part)) return;
    }
    response.off("drain", more).end('"');
  };
  response.on("drain", more);
  more();
}
