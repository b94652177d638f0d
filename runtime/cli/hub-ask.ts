import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { isUmecError, UmecError } from "../errors.ts";
import { openDesk } from "../hub/desk.ts";
import { handleDeskRequest } from "../hub/desk-requests.ts";
import { hubSocket } from "../hub/hub-control.ts";
import { type Operator, Trail } from "../hub/trail.ts";
import { silentLog } from "../log.ts";
import { askNode } from "./control-socket.ts";
import { lockHub } from "./hub-lock.ts";
import { readNodes } from "./hub-nodes.ts";

/** Many tokens take a while: each has a key and a signature. */
const timeoutMs = 60_000;

/**
 * Has the hub in `data` do something: the one that runs there, or else this process, in its directory and under its lock. Then
 * it holds from the hub's next start on.
 *
 * @returns what `handleDeskRequest` does
 * @throws UmecError its refusals; `HUB_MISSING`, `HUB_LOCKED`, `HUB_NO_ANSWER`, `HUB_FORBIDDEN`
 */
export async function askHub<T>(
  data: string,
  path: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<T> {
  const dir = resolve(data);
  const socket = hubSocket(dir);
  const asked = { ...(body ?? {}), by: whoAsks() };
  try {
    return (await askNode(socket, path, { body: asked, timeoutMs, signal })) as T;
  } catch (error) {
    if (isUmecError(error, "NODE_FORBIDDEN"))
      throw again(error, "HUB_FORBIDDEN", "run this as the hub's own user");
    if (isUmecError(error, "NODE_NO_ANSWER")) throw again(error, "HUB_NO_ANSWER", "look into the hub's log");
    if (!isUmecError(error, "NODE_NOT_RUNNING")) throw error;
  }
  await stat(join(dir, "keys.json")).catch((cause: NodeJS.ErrnoException) => {
    throw new UmecError("HUB_MISSING", `there is no hub in ${dir}: ${cause.message}`, {
      cause,
      hint: "name its directory with --data, or make one there by starting it once: umec hub",
    });
  });
  using _lock = lockHub(dir);
  const desk = await openDesk({ dir, log: silentLog });
  const named = await readNodes(dir);
  await using trail = await Trail.open(dir);
  return (await handleDeskRequest({ desk, named: () => named, trail }, path, asked)) as T;
}

/** For the hub's audit trail. */
function whoAsks(): Operator {
  const { SUDO_USER: sudo, SSH_CONNECTION: ssh } = process.env;
  const from = ssh?.split(" ")[0];
  const who = { uid: process.getuid?.() ?? -1, pid: process.pid };
  let user = String(who.uid);
  try {
    user = userInfo().username;
  } catch {
    // It has no name on this machine.
  }
  return { user, ...who, ...(sudo && { sudo }), ...(from && { from }) };
}

function again(cause: UmecError, code: string, hint: string): UmecError {
  return new UmecError(code, cause.message.replace("the node at", "the hub at"), { cause, hint });
}
