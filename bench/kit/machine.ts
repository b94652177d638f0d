import { cpus, release } from "node:os";
import { findNatsServer } from "../../runtime/nats/find-server.ts";

/** What the figures were measured on, in one line. */
export async function describeMachine(): Promise<string> {
  const { version } = await findNatsServer();
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? "?"}, Linux ${release()}, Node ${process.version}, nats-server ${version}`;
}
