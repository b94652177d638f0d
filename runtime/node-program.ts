/**
 * What the node does on the bus for a plugin that is a program of its own, in any language: the half of a driver's
 * host that such a program can't have in its own process.
 *
 * - **Commands**, when the target state lists its points. They come to the node like a driver's; the gate, the
 *   expiry, the dead man's handle and the log are the same. What has passed goes to the program as
 *   `checked.<point>`, which only the program hears; `command.>` it can't hear. Its answer is the command's.
 *   A program that has just been started gets {@link readyMs} to subscribe; commands wait that long.
 * - **Objects.** The program writes a file into `objects/` of its directory and asks at `object.put`; the answer is
 *   empty once the object is on disk as the spool promises, and then the file is gone. A program that dies in between
 *   finds its file there, or the object is kept: nothing is lost, and who asks again for a file that is still
 *   there puts an object of the same name in the place of the first.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { forwardCommand } from "./commands/forward.ts";
import { isWritable } from "./commands/gate.ts";
import { makePrivateDirectory } from "./durable-file.ts";
import { refusalFor, refusalHeaders } from "./emit-wire.ts";
import { messageOf, UmecError } from "./errors.ts";
import { readProgramObject } from "./objects/program-object.ts";
import type { Host, Point } from "./plugin/contract.ts";
import { checkedRoot, objectPutSubject } from "./subjects.ts";

export interface ProgramServicesOptions {
  /** As the target state lists them; `undefined` where it does not. */
  points: readonly Point[] | undefined;
  /** The plugin's own directory, where the program begins. */
  dir: string;
}

/** From its start a program has this long to take commands, in milliseconds. */
const readyMs = 10_000;
/** Objects that may wait for the disk. */
const mostWaiting = 4;
const objectsName = "objects";

export class ProgramServices {
  readonly points: readonly Point[];
  /** Whether the node judges its commands. */
  readonly gated: boolean;
  readonly #dir: string;
  #connection: NatsConnection | undefined;

  constructor({ points, dir }: ProgramServicesOptions) {
    this.points = points ?? [];
    this.gated = points !== undefined;
    this.#dir = join(dir, objectsName);
  }

  /** Where the program takes its commands. */
  get commands(): string {
    return `${this.gated ? checkedRoot : "command"}.>`;
  }

  /** The supervisor's connection in the plugin's account, one for each run. */
  connected(connection: NatsConnection): void {
    this.#connection = connection;
  }

  /** To be called at each start of the program, before it runs. */
  async begin(host: Host, signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (!connection) throw new UmecError("PLUGIN_START", "there is no connection to the bus");
    await makePrivateDirectory(this.#dir);
    const readyByMs = performance.now() + readyMs;
    for (const { name } of this.points.filter(isWritable))
      host.onCommand(name, (command, ended) => forwardCommand(connection, command, ended, readyByMs));
    this.#takeObjects(connection, host, signal);
  }

  #takeObjects(connection: NatsConnection, { objects, log }: Host, signal: AbortSignal): void {
    let waiting = 0;
    const put = async (message: Msg): Promise<void> => {
      if (waiting >= mostWaiting)
        throw new UmecError("OBJECT_FAILED", `${mostWaiting} objects wait for the disk: slow down`);
      waiting++;
      try {
        const { object, path } = await readProgramObject(this.#dir, message.data);
        await objects.put(object, signal);
        await rm(path, { force: true }).catch((error: unknown) => {
          log.warn(`${path} is kept as an object, and can't be removed: ${messageOf(error)}`);
        });
      } finally {
        waiting--;
      }
    };
    const subscription = connection.subscribe(objectPutSubject, {
      callback(error, message) {
        if (error) {
          log.error(`objects are not taken: ${error.message}`);
          return;
        }
        put(message)
          .then(
            () => message.respond(),
            (cause: unknown) => {
              const refusal = refusalFor(cause, "OBJECT_FAILED");
              log.warn(`an object was refused: ${refusal.text}`, { code: refusal.code });
              message.respond(undefined, { headers: refusalHeaders(refusal) });
            },
          )
          .catch((closed: unknown) => log.debug(`answer about an object not sent: ${messageOf(closed)}`));
      },
    });
    signal.addEventListener("abort", () => subscription.unsubscribe(), { once: true });
  }
}
