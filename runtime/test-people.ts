/** A node's control sockets as in the image, with one for each level, in a temporary directory; for tests. */
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { LocalCommand } from "./control.ts";
import { silentLog } from "./log.ts";
import { NodePeople, type NodePeopleOptions } from "./node-people.ts";
import { Outbox } from "./outbox/outbox.ts";
import { testKey } from "./people/test-key.ts";
import { type Asker, levels } from "./people/types.ts";
import { decodeCbor } from "./senml/cbor.ts";
import type { NodeStatus } from "./status.ts";
import { checkTarget } from "./target/check.ts";
import type { Target } from "./target/types.ts";
import { testClock } from "./test-node.ts";

export interface Answer {
  status: number;
  body: string;
}

/** One person of each level, named by it. */
export const everybody: Record<string, { level: string; ssh: string[] }> = Object.fromEntries(
  levels.map((level, n) => [`a-${level}`, { level, ssh: [testKey(n)] }]),
);

export async function startTestPeople(
  dir: string,
  users: object = everybody,
  sockets: string = join(dir, "sockets"),
) {
  const dataPath = join(dir, "data");
  await mkdir(dataPath);
  await mkdir(sockets, { recursive: true });
  // Every level's group is that of this process: any user may run these tests.
  const groups = join(dir, "group");
  await writeFile(groups, levels.map((level) => `${level}:x:${process.getgid!()}:\n`).join(""));
  const targetPath = join(dir, "node.yaml");
  const outbox = await Outbox.open({
    path: join(dir, "outbox.db"),
    quotaBytes: 16 * 1024 * 1024,
    clock: testClock,
    log: silentLog,
    commitMs: 1,
    thread: false,
  });
  const check: NodePeopleOptions["check"] = async (text) => {
    const drivers = { names: () => [], load: () => Promise.reject(new Error("there is none")) };
    const { target, findings } = await checkTarget(text, { path: targetPath, drivers });
    return {
      ...(target && { target }),
      errors: findings.map(({ pointer, reason }) => `${pointer}: ${reason}`),
    };
  };
  const text = JSON.stringify({ node: "n1", users });
  await writeFile(targetPath, text);
  const state = {
    target: (await check(text)).target as Target,
    commands: [] as LocalCommand[],
    /** Of a bundle that was brought. */
    bundle: [] as Uint8Array[],
    /** What the next command answers. */
    reply: async (): Promise<unknown> => "ok",
    /** Before each entry of the audit trail goes to the disk. */
    beforeAppend: async () => {},
  };
  const people = await NodePeople.open({
    controlPath: join(dataPath, "run", "umec.sock"),
    dataPath,
    targetPath,
    outbox: {
      async append(row) {
        await state.beforeAppend();
        return outbox.append(row);
      },
    },
    clock: testClock,
    log: silentLog,
    status: async () => ({ node: "n1" }) as NodeStatus,
    hand: { question: async () => "{}", answer: async () => ({ node: "n1", expiresAtMs: 0 }) },
    update: () => ({
      async store(content) {
        for await (const piece of content) state.bundle.push(piece);
      },
      order: async () => ({ id: "local-1" }),
      restart: async () => {},
    }),
    command: async (command) => {
      state.commands.push(command);
      return state.reply();
    },
    check,
    target: () => state.target,
    runtimeDirectory: sockets,
    groups,
  });
  await people.setUsers(state.target.users);
  const socketOf = (level: Asker["level"]) =>
    level === "node" ? join(dataPath, "run", "umec.sock") : join(sockets, `${level}.sock`);
  return {
    people,
    outbox,
    state,
    dir,
    sockets,
    dataPath,
    targetPath,
    socketOf,
    /** Asks as a person of that level does. */
    ask: (level: Asker["level"], what: string, body?: unknown, person = `a-${level}`) =>
      askSocket(socketOf(level), what, body, person),
    /** The audit trail so far, oldest first, as `kind person/level what: result`. */
    async trail(): Promise<string[]> {
      const rows = await outbox.read("alarm", 0, 1e9);
      return rows.flatMap(({ samples, records }) =>
        decodeCbor(Buffer.concat([Buffer.of(0x80 + samples), records])).map(({ n, vs }) => {
          const { person, level, what, result } = JSON.parse(vs!);
          return `${n} ${person}/${level} ${what}: ${result}`;
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      await people.stop();
      await outbox.close();
    },
  };
}

/** @param what method and path, as in `GET /status` */
export async function askSocket(
  socketPath: string,
  what: string,
  body?: unknown,
  person?: string,
): Promise<Answer> {
  const [method = "", path = ""] = what.split(" ");
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { host: "umec", ...(person !== undefined && { "umec-person": person }) };
  const asked = request({ socketPath, path, method, headers });
  asked.once("error", reject);
  asked.once("response", (response) => {
    buffer(response).then((all) => resolve({ status: response.statusCode!, body: all.toString() }), reject);
  });
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
