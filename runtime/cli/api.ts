import type { Command } from "commander";
import type { ApiServeOptions } from "./api-serve.ts";
import { addCommand, type Context } from "./context.ts";

export function addApiCommand(program: Command, context: Context): void {
  const api = addCommand(program, {
    usage: "api",
    summary: "serve the API for applications without a node",
    examples: [
      "umec api serve                      # an empty node's, with a certificate of its own",
      "umec api serve --fixture lab.json   # with what that file says",
    ],
  });
  addCommand(api, {
    usage: "serve",
    summary: "serve the API alone, with the contents of a fixture",
    description:
      "The API as a node serves it, without hardware, plugins and a bus: for conformance suites, and to develop " +
      "applications. A fixture is a JSON file with apps, devices, platforms and plugins, at identifiers that are known " +
      "beforehand (docs/apps.md).",
    examples: [
      "umec api serve --fixture lab.json --listen 127.0.0.1:8443",
      "umec api serve --fixture etsi.json --listen 127.0.0.1:8080 --plain --open --iot-root /amsi/v1",
      "umec api serve --data lab    # what applications say is kept there",
    ],
  })
    .option("--fixture <file>", "its contents at the start")
    .option("--listen <address>", "address and port, 0 for any free one", "127.0.0.1:8443")
    .option("--plain", "without TLS; on loopback only")
    .option("--open", "ask nobody for a token: everybody is an owner; on loopback only")
    .option("--iot-root <path>", "serve the IoT API under this root, too")
    .option("--data <directory>", "keeps keys and what applications say; else it is gone at the end")
    .option("--name <name>", "the node's name", "fixture")
    .option("--json", "one JSON object when it takes requests: url, pid")
    .action(async (options: ApiServeOptions) => {
      const { serveFixture } = await import("./api-serve.ts");
      await serveFixture(options, context);
    });
}
