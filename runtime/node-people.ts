/**
 * People at a node: the control sockets, what each level may ask there, and the audit trail of it.
 *
 * The private socket is always there. Where the service manager gives a runtime directory, as in the image, there is
 * one socket more for each level that has a Unix group here. Who may log in goes to people.json, for root.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "./clock.ts";
import { type LocalCommand, serveControl } from "./control.ts";
import { writeDurable } from "./durable-file.ts";
import type { Hand } from "./enrol/hand.ts";
import { UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { NodeUpdate } from "./node-update.ts";
import type { NewRow } from "./outbox/types.ts";
import { levelIds } from "./people/accounts.ts";
import { Audit } from "./people/audit.ts";
import { type Asked, Gate } from "./people/gate.ts";
import { readPeople, writePeople } from "./people/people-file.ts";
import { type NewSession, type SessionConnection, Sessions } from "./people/sessions.ts";
import type { Asker, UserTarget } from "./people/types.ts";
import type { NodeStatus } from "./status.ts";
import { replaceTargetFile } from "./target/replace-file.ts";
import type { Target } from "./target/types.ts";
import { readTarget } from "./target/watch.ts";

export interface NodePeopleOptions {
  /** Of the private socket. */
  controlPath: string;
  dataPath: string;
  targetPath: string;
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Clock;
  log: Log;
  status(): Promise<NodeStatus>;
  command(command: LocalCommand): Promise<unknown>;
  /** The target that a text says, or its errors in words. */
  check(text: string): Promise<{ target?: Target; errors: readonly string[] }>;
  /** The target that the node is led to. */
  target(): Target | undefined;
  /** Enrolment by files. */
  hand: Hand;
  /** What a person may do about updates. */
  update(): Pick<NodeUpdate, "store" | "order" | "restart">;
  /** Where the levels' sockets are. @default there are none */
  runtimeDirectory?: string | undefined;
  /** @default "/etc/group" */
  groups?: string;
}

/** In the runtime directory: root restarts the system when it appears. */
const rebootName = "reboot";

export class NodePeople {
  readonly #options: NodePeopleOptions;
  readonly #audit: Audit;
  readonly #gate: Gate;
  readonly #sessions: Sessions;
  readonly #sockets: AsyncDisposable[] = [];
  /** Those of the last target that was reconciled; none before. */
  #users: readonly UserTarget[] = [];
  #writing: Promise<void> = Promise.resolve();

  static async open(options: NodePeopleOptions): Promise<NodePeople> {
    const people = new NodePeople(options);
    try {
      await people.#listen();
    } catch (error) {
      await people.stop();
      throw error;
    }
    return people;
  }

  private constructor(options: NodePeopleOptions) {
    this.#options = options;
    this.#audit = new Audit(options);
    this.#gate = new Gate(this.#audit, () => this.#users);
    this.#sessions = new Sessions(this.#audit);
  }

  /** These may log in from now on, and nobody else; what was taken from somebody is gone at once. */
  async setUsers(users: readonly UserTarget[]): Promise<void> {
    this.#users = users;
    this.#sessions.keep(users);
    const path = join(this.#options.dataPath, "people.json");
    const before = (await readPeople(path)) ?? [];
    if (!isDeepStrictEqual(before, users)) {
      const asker: Asker = { level: "node", person: "node.yaml" };
      await this.#audit.note({ kind: "users", asker, what: changeOf(before, users), result: "done" });
    }
    await writePeople(path, users);
  }

  async stop(): Promise<void> {
    const closing = Promise.all(this.#sockets.map((socket) => socket[Symbol.asyncDispose]()));
    await Promise.all([closing, this.#sessions.stop()]);
  }

  async #listen(): Promise<void> {
    const { controlPath, runtimeDirectory, groups = "/etc/group" } = this.#options;
    const handlers = {
      status: (asker: Asker) =>
        this.#asked(asker, "status", "session", "status", () => this.#options.status()),
      command: (command: LocalCommand, asker: Asker) =>
        this.#asked(asker, "command", "command", shown(command), () => this.#options.command(command)),
      target: (asker: Asker) => this.#asked(asker, "target-read", "target", "read", () => this.#readTarget()),
      setTarget: (text: string, asker: Asker) => this.#setTarget(text, asker),
      storeBundle: (content: AsyncIterable<Uint8Array>, bytes: number | undefined, asker: Asker) =>
        this.#asked(asker, "update", "update", "bundle", () => this.#options.update().store(content, bytes)),
      orderUpdate: (permit: string | undefined, asker: Asker) =>
        this.#asked(
          asker,
          "update",
          "update",
          permit === undefined ? "install" : "install, with a permit",
          () => this.#options.update().order(asker.person, permit),
        ),
      restartForUpdate: (asker: Asker) =>
        this.#asked(asker, "update", "update", "restart", () => this.#options.update().restart()),
      enrolQuestion: (asker: Asker) =>
        this.#asked(asker, "enrol", "enrol", "question", () => this.#options.hand.question()),
      enrolAnswer: (text: string, asker: Asker) =>
        this.#asked(asker, "enrol", "enrol", "answer", () => this.#options.hand.answer(text)),
      reboot: (asker: Asker) => this.#asked(asker, "reboot", "reboot", "reboot", () => this.#reboot()),
      session: (session: NewSession & { refused?: string }, connection: SessionConnection) =>
        this.#session(session, connection),
    };
    this.#sockets.push(await serveControl({ path: controlPath }, handlers));
    if (!runtimeDirectory) return;
    // A request that was left when the last process died must not restart the system now.
    await rm(join(runtimeDirectory, rebootName), { force: true });
    for (const [level, group] of await levelIds(groups)) {
      const path = join(runtimeDirectory, `${level}.sock`);
      this.#sockets.push(await serveControl({ path, level, group }, handlers));
    }
  }

  #asked<T>(
    asker: Asker,
    right: Asked["right"],
    kind: Asked["kind"],
    what: string,
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#gate.run({ asker, right, kind, what }, work);
  }

  async #session(
    { refused, ...session }: NewSession & { refused?: string },
    connection: SessionConnection,
  ): Promise<void> {
    const { asker, command, from } = session;
    const what = command === "" ? "shell" : command;
    const asked = { asker, right: "session" as const, kind: "session" as const, what };
    await this.#gate.admit({ ...asked, ...(from !== undefined && { from }) });
    if (refused !== undefined) {
      await this.#audit.note({
        ...asked,
        result: `refused: ${refused}`,
        ...(from !== undefined && { from }),
      });
      throw new UmecError("PERSON_NOT_ALLOWED", refused);
    }
    if (this.#sessions.full) throw new UmecError("AUDIT_BUSY", "too many sessions are open");
    await this.#sessions.begin(session, connection);
  }

  async #readTarget(): Promise<string> {
    const text = await readTarget(this.#options.targetPath);
    if (typeof text !== "string") throw text;
    return text;
  }

  #setTarget(text: string, asker: Asker): Promise<void> {
    return this.#inTurn(() => this.#replaceTarget(text, asker));
  }

  /**
   * Puts what `merge` makes of node.yaml in its place, for the hub, which may change all of it that an owner may. A text that
   * is there already is neither written nor entered.
   *
   * @returns whether it is another now
   * @throws UmecError `TARGET_INVALID`, of the audit trail, what `merge` throws
   */
  mergeTarget(what: string, merge: (before: string) => string): Promise<boolean> {
    const asker: Asker = { level: "node", person: "the hub" };
    const asked = { asker, right: "target-own", kind: "target", what } as const;
    return this.#inTurn(async () => {
      const before = await this.#readTarget();
      const text = merge(before);
      if (text === before) return false;
      await this.#gate.run(asked, async () => {
        await this.#requireValid(text);
        await replaceTargetFile(this.#options.targetPath, text);
      });
      return true;
    });
  }

  /** Enters that something of the hub's was refused before it was looked at as a target state. Never rejects. */
  noteRefused(what: string, reason: string): Promise<void> {
    const asker: Asker = { level: "node", person: "the hub" };
    return this.#audit.note({ kind: "target", asker, what, result: `refused: ${reason}` });
  }

  /** One after another: what is compared with must be what is replaced. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const writing = this.#writing.then(work);
    this.#writing = writing.then(
      () => undefined,
      () => undefined,
    );
    return writing;
  }

  async #requireValid(text: string): Promise<Target> {
    const { target, errors } = await this.#options.check(text);
    if (target) return target;
    throw new UmecError("TARGET_INVALID", `the target state has errors:\n${errors.join("\n")}`, {
      hint: "node.yaml stays as it was",
    });
  }

  async #replaceTarget(text: string, asker: Asker): Promise<void> {
    const { targetPath, check, target } = this.#options;
    // Who may not change it at all learns nothing about it.
    await this.#gate.admit({ asker, right: "target-write", kind: "target", what: "set" });
    const wanted = await this.#requireValid(text);
    // The file may be newer than what the node is led to.
    const there = await readTarget(targetPath);
    const before = (typeof there === "string" ? (await check(there)).target : undefined) ?? target();
    const lifts = ownersPart(before, wanted);
    const right = lifts.length > 0 ? "target-own" : "target-write";
    const what = lifts.length > 0 ? `set, with ${lifts.join(", ")}` : "set";
    await this.#asked(asker, right, "target", what, () => replaceTargetFile(targetPath, text));
  }

  async #reboot(): Promise<void> {
    const { runtimeDirectory } = this.#options;
    if (!runtimeDirectory) {
      const hint = "use the means of its own system";
      throw new UmecError("REBOOT_NOT_HERE", "the system is not the node's to restart here", { hint });
    }
    await writeDurable(join(runtimeDirectory, rebootName), "");
  }
}

/** What of a new target only an owner may change, as words for the audit trail. */
function ownersPart(before: Target | undefined, wanted: Target): string[] {
  const programs = (target: Target | undefined): Map<string, readonly string[]> =>
    new Map(
      (target?.plugins ?? []).flatMap(({ name, process }) => (process?.exec ? [[name, process.exec]] : [])),
    );
  const known = programs(before);
  const other = [...programs(wanted)].filter(([name, exec]) => !isDeepStrictEqual(known.get(name), exec));
  return [
    ...(isDeepStrictEqual(before?.users ?? [], wanted.users) ? [] : ["users"]),
    ...other.map(([name]) => `program ${name}`),
    ...(before?.node === wanted.node ? [] : ["node"]),
    ...(before?.dataPath === wanted.dataPath ? [] : ["data"]),
  ];
}

function changeOf(before: readonly UserTarget[], now: readonly UserTarget[]): string {
  const words = (users: readonly UserTarget[]) =>
    new Map(users.map(({ name, level, keys }) => [name, `${name} (${level}, ${keys.length} keys)`]));
  const [old, next] = [words(before), words(now)];
  const gone = [...old.keys()].filter((name) => !next.has(name)).map((name) => `-${name}`);
  const other = now
    .filter(
      (user) =>
        !isDeepStrictEqual(
          user,
          before.find(({ name }) => name === user.name),
        ),
    )
    .map(({ name }) => `${old.has(name) ? "" : "+"}${next.get(name)}`);
  return [...gone, ...other].join(", ");
}

function shown({ plugin, point, value }: LocalCommand): string {
  return `${plugin}/${point}${value === undefined ? "" : ` = ${JSON.stringify(value)}`}`;
}
