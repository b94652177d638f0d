/**
 * Devices and platforms that others have registered, as they lie in the store.
 *
 * An entry belongs to who registered it: nobody else may change it, but people who maintain the node. One of the fixture
 * for tests belongs to nobody, so anybody may.
 */
import type { Log } from "../../log.ts";
import { forbidden, Problem } from "../http/problem.ts";
import type { ApiStore, Principal, Stored } from "../types.ts";

export interface Entry<T> {
  info: T;
  /** `app <name>` or `user <name>`. Absent: it came with the fixture. */
  owner?: string;
}

export interface Registry<T> {
  find(id: string): Entry<T> | undefined;
  list(): readonly Entry<T>[];
  /** @throws Problem 403 when it is there, or who asks has too many */
  add(principal: Principal, id: string, info: T): Promise<Entry<T>>;
  /** @throws Problem 403 when it is somebody else's */
  checkOwn(principal: Principal, entry: Entry<T>, id: string): void;
  replace(id: string, entry: Entry<T>): Promise<void>;
  remove(principal: Principal, id: string): Promise<void>;
  /** Deletes what applications have registered that are none of these. */
  keepApps(names: ReadonlySet<string>): Promise<void>;
  /** Puts the fixture's entries in the place of those of an earlier one. */
  seed(infos: ReadonlyMap<string, T>): Promise<void>;
}

export interface RegistryOptions {
  store: ApiStore;
  /** Of the store. Its name outlives versions. */
  kind: string;
  /** The word for people. */
  what: string;
  /** That one may register. */
  most: number;
  /** Of all that one has registered, in the store. */
  mostBytes: number;
  log: Log;
}

export function createRegistry<T>(options: RegistryOptions): Registry<T> {
  const { store, kind, what, most, mostBytes, log } = options;
  const entries = (): Stored<Entry<T>>[] => store.list<Entry<T>>(kind);

  /** So that no application fills the store alone. */
  function refuseTooMuch(id: string, entry: Entry<T>): void {
    const others = entries().filter((other) => other.value.owner === entry.owner && other.id !== id);
    if (others.length >= most) throw tooMuch(`${most} of its kind, ${what} ${id} would be one more`);
    const bytes = [...others.map(({ value }) => value), entry].reduce((sum, each) => sum + bytesOf(each), 0);
    if (bytes > mostBytes) throw tooMuch(`with ${what} ${id} ${bytes} bytes, ${mostBytes} are allowed`);
  }

  return {
    find: (id) => store.get<Entry<T>>(kind, id)?.value,
    list: () => entries().map(({ value }) => value),
    async add(principal, id, info) {
      const entry = { info, owner: ownerName(principal) };
      if (store.get(kind, id))
        throw new Problem(403, "IOT_EXISTS", `${what} ${id} is registered already`, {
          hint: "change it by PUT, or delete it first",
        });
      refuseTooMuch(id, entry);
      await store.put(kind, id, entry);
      log.info(`${what} registered`, { id, by: entry.owner });
      return entry;
    },
    checkOwn(principal, entry, id) {
      if (!isOwn(principal, entry)) throw forbidden(`${what} ${id} was registered by somebody else`);
    },
    async replace(id, entry) {
      refuseTooMuch(id, entry);
      await store.put(kind, id, entry);
    },
    async remove(principal, id) {
      await store.delete(kind, id);
      log.info(`${what} deleted`, { id, by: ownerName(principal) });
    },
    async keepApps(names) {
      for (const { id, value } of entries()) {
        const app = /^app (.+)$/.exec(value.owner ?? "")?.[1];
        if (app === undefined || names.has(app)) continue;
        await store.delete(kind, id);
        log.info(`${what} deleted: its application is gone`, { id, by: value.owner });
      }
    },
    async seed(infos) {
      for (const { id, value } of entries())
        if (value.owner === undefined && !infos.has(id)) await store.delete(kind, id);
      for (const [id, info] of infos) await store.put(kind, id, { info });
    },
  };
}

function tooMuch(reason: string): Problem {
  return new Problem(403, "IOT_TOO_MANY", `who asks has registered ${reason}`, { hint: "delete some" });
}

function bytesOf(entry: unknown): number {
  return Buffer.byteLength(JSON.stringify(entry));
}

function ownerName({ kind, name }: Principal): string {
  return `${kind} ${name}`;
}

/** A person with the scope of this API maintains the node, and may see and change what others registered. */
function maintains({ kind }: Principal): boolean {
  return kind === "user";
}

/** Whether who asks may see all of an entry. */
export function isOwn(principal: Principal, { owner }: Entry<unknown>): boolean {
  return owner === undefined || owner === ownerName(principal) || maintains(principal);
}
