import type { Command } from "commander";

/** Where the hub is, and as whom: the same options for each command of `umec ota`. */
export function hubOptions(command: Command): Command {
  return command
    .option("--url <urls>", "the hub's address for clients; several with commas", "nats://127.0.0.1:4222")
    .option("--creds <file>", "credentials of the fleet's user")
    .option("--tls-ca <file>", "your own CA's certificate, PEM");
}
