/** For tests: the things of a node in memory, served on loopback, and a client of them. */
import { after } from "node:test";
import { silentLog } from "../../log.ts";
import { appPrincipal, serveTestApi } from "../http/test-api.ts";
import { createTestApiNode, type TestApiNode, type TestApiNodeOptions } from "../test-api-node.ts";
import type { Principal } from "../types.ts";
import { createThings, type Things, type ThingsOptions } from "./things.ts";

export interface TestThings {
  node: TestApiNode;
  things: Things;
  url: string;
  /** Asks as the application `tester`, unless `init` has an authorization. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

/** Serves until the test file ends. */
export async function serveThings(
  options: TestApiNodeOptions &
    Partial<Omit<ThingsOptions, "node">> & { principals?: readonly Principal[] } = {},
): Promise<TestThings> {
  const node = createTestApiNode(options);
  const things = createThings({ log: silentLog, ...options, node });
  const principals = options.principals ?? [appPrincipal("tester")];
  const api = await serveTestApi([things.family], principals);
  after(async () => {
    things.stop();
    await api.stop();
  });
  return {
    node,
    things,
    url: api.url,
    ask: (path, init = {}) =>
      fetch(api.url + path, { ...init, headers: { authorization: "Bearer tester", ...init.headers } }),
  };
}

/** What a refusal says. */
export async function problemOf(response: Response): Promise<{ code: string; detail: string; hint: string }> {
  return (await response.json()) as { code: string; detail: string; hint: string };
}

export interface SeenEvent {
  id?: string;
  event: string;
  data: string;
}

/** The events of a response, one by one; ends when the stream does. */
export async function* eventsOf(response: Response): AsyncGenerator<SeenEvent> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const field = (name: string) =>
        block
          .split("\n")
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field("data");
      const id = field("id");
      if (data !== undefined)
        yield { data, event: field("event") ?? "message", ...(id !== undefined && { id }) };
    }
  }
}
