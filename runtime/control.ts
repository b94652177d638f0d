import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname } from "node:path";
import type { NodeStatus } from "./status.ts";

/**
 * The control socket: HTTP on a Unix socket that only the node's user can open, so no port is needed to ask a
 * node how it is. `GET /status` answers with a {@link NodeStatus}. It appears under its name when it takes
 * connections, and replaces one that a killed process left.
 */
export async function serveControl(
  path: string,
  status: () => Promise<NodeStatus>,
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const server = createServer((request, response) => {
    const answer = (code: number, body: unknown): void => {
      response.writeHead(code, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    if (request.method !== "GET" || request.url !== "/status") {
      answer(404, { error: "there is GET /status" });
      return;
    }
    status().then(
      (body) => answer(200, body),
      (error: unknown) => answer(500, { error: String(error) }),
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(draft, resolve);
  await promise;
  await chmod(draft, 0o600);
  await rename(draft, path);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
      await rm(path, { force: true });
    },
  };
}
