#!/usr/bin/env node
import { main } from "./main.ts";

// Whoever read our log may go; the node must not go with it.
process.stderr.on("error", () => {});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // As a process ends that writes to a closed pipe: 128 + SIGPIPE.
  process.exit(error.code === "EPIPE" ? 141 : 1);
});
process.exitCode = await main(process.argv.slice(2), process);
// What a command left open must not keep a finished program alive.
setTimeout(() => process.exit(), 1000).unref();
