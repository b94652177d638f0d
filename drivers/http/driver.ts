/**
 * The HTTP driver: polls JSON from REST APIs and makes samples of its fields. `docs/drivers/http.md` tells how.
 *
 * Each request has a task of its own, with its own timeout, backoff and memory (`poll.ts`), so that a slow or dead
 * API delays no other. Nothing else is kept between polls, and nothing on disk.
 */
import { once } from "node:events";
import { defineDriver } from "../../runtime/plugin/sdk.ts";
import { checkOptions, pointsOf } from "./check.ts";
import { answerCommands } from "./commands.ts";
import { optionsSchema } from "./options.ts";
import { createPoll } from "./poll.ts";

export default defineDriver({
  manifest: {
    name: "http",
    version: "1.0.0",
    kind: "high",
    summary: "Polls JSON from REST APIs and maps its fields to samples.",
    options: optionsSchema,
    points: pointsOf,
    check: checkOptions,
    needs: () => ({ network: true }),
    // The rarest request may be the only one.
    deadlineMs: ({ requests }) =>
      Object.values(requests).reduce(
        (longest, { intervalMs, timeoutMs }) => Math.max(longest, 2 * (intervalMs + timeoutMs)),
        60_000,
      ),
  },
  async run({ requests }, host, signal) {
    const running = new Set<Promise<void>>();
    for (const [name, request] of Object.entries(requests)) {
      answerCommands(name, request, host);
      const poll = createPoll({ name, request, host });
      host.scheduler.every(request.intervalMs, async (stop) => {
        const done = poll(stop);
        running.add(done);
        await done.finally(() => running.delete(done));
      });
    }
    if (!signal.aborted) await once(signal, "abort");
    await Promise.allSettled(running);
  },
});
