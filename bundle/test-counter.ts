/**
 * A plugin that is a program of its own, for program-switch.test.ts: it counts, and each number is emitted until it was
 * acknowledged, and then written down. Asked to end it waits for the last answer, as long as there is a bus. It is mute
 * where the PATH has a folder `mute` in it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, credsAuthenticator, headers } from "@nats-io/transport-node";

const {
  UMEC_BUS_URL: servers = "",
  UMEC_BUS_CREDS: credentials = "",
  UMEC_PLUGIN: name,
  PATH = "",
} = process.env;
const connection = await connect({
  servers,
  inboxPrefix: `_INBOX_${name}`,
  authenticator: credsAuthenticator(readFileSync(credentials)),
});
const ended = new AbortController();
process.on("SIGTERM", () => ended.abort());
const session = `s${process.pid}x${Date.now()}`;
let count = 0;
try {
  count = Number(readFileSync("count", "utf8"));
} catch {
  // It begins.
}
for (let n = 1; !ended.signal.aborted; n++) {
  const head = headers();
  head.set("Umec-Emit", `${session}-${n}`);
  const pack = JSON.stringify([{ n: "count", v: count + 1 }]);
  while (!PATH.includes("/mute") && !connection.isClosed()) {
    const answer = await connection
      .request("telemetry.count", pack, { timeout: 1_000, headers: head })
      .catch(() => undefined);
    if (!answer) {
      await sleep(50);
      continue;
    }
    if (answer.headers?.hasError) throw new Error(answer.headers.description);
    count++;
    writeFileSync("count", String(count));
    break;
  }
  if (connection.isClosed()) break;
  await sleep(10, undefined, { signal: ended.signal }).catch(() => {});
}
await connection.close();
