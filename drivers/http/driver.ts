/**
 * The HTTP driver: polls JSON from REST APIs, takes what is posted to webhooks, and makes samples of its fields.
 * `docs/drivers/http.md` tells how.
 *
 * Each request has a task of its own, with its own timeout, backoff and memory (`poll.ts`), so that a slow or dead
 * API delays no other. Nothing else is kept between polls, and nothing on disk.
 */
import { once } from "node:events";
import { defineDriver } from "../../runtime/plugin/sdk.ts";
import { createKeys } from "./authorized.ts";
import { checkOptions, pointsOf } from "./check.ts";
import { answerCommands } from "./commands.ts";
import { type HttpOptions, optionsSchema } from "./options.ts";
import { usualPages } from "./pages.ts";
import { createPoll } from "./poll.ts";
import type { startWebhooks } from "./webhook-server.ts";

export default defineDriver({
  manifest: {
    name: "http",
    version: "1.0.0",
    kind: "high",
    summary: "Polls JSON from REST APIs, takes webhooks, and maps fields to samples.",
    options: optionsSchema,
    points: pointsOf,
    check: checkOptions,
    needs: () => ({ network: true }),
    deadlineMs,
  },
  async run(options, host, signal) {
    const { requests, webhooks, listen } = options;
    const running = new Set<Promise<void>>();
    const keys = createKeys(host);
    await using _server =
      Object.keys(webhooks).length > 0 ? await listenTo(webhooks, listen, host, signal) : undefined;
    for (const [name, request] of Object.entries(requests)) {
      answerCommands(name, request, host, keys);
      const poll = createPoll({ name, request, host, keys });
      host.scheduler.every(request.intervalMs, async (stop) => {
        const done = poll(stop);
        running.add(done);
        await done.finally(() => running.delete(done));
      });
    }
    if (Object.keys(requests).length === 0) {
      // Nothing is polled: the sign of life that polls would give.
      host.scheduler.every(deadlineMs(options) / 2, () => {});
    }
    if (!signal.aborted) await once(signal, "abort");
    await Promise.allSettled(running);
  },
});

/** The rarest request may be the only one; it may come in pages. */
function deadlineMs({ requests }: HttpOptions): number {
  return Object.values(requests).reduce(
    (longest, { intervalMs, timeoutMs, pages }) =>
      Math.max(longest, 2 * (intervalMs + timeoutMs * (pages ? (pages.limit ?? usualPages) : 1))),
    60_000,
  );
}

/** The server is loaded only where something is posted. */
async function listenTo(
  ...[webhooks, listen, host, signal]: Parameters<typeof startWebhooks>
): ReturnType<typeof startWebhooks> {
  const server = await import("./webhook-server.ts");
  return await server.startWebhooks(webhooks, listen, host, signal);
}
