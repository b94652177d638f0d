/** The words about people that the target state, the control sockets and the commands share. */

/** What a person may be, each with all that the one before may do (rights.ts). Also the Unix users of the image. */
export const levels = ["viewer", "operator", "maintainer", "owner"] as const;
export type Level = (typeof levels)[number];

/** The plugin under which the audit trail reaches the hub; no plugin of a target state may have this name. */
export const auditPlugin = "audit";

export interface UserTarget {
  /** One path segment: `nameSyntax` of runtime/subjects.ts. */
  name: string;
  level: Level;
  /** Public keys without comments, `type base64`; sorted, and each of one person alone. */
  keys: readonly string[];
}

/** Most persons, and most keys of each: what the files that root reads are bounded by. */
export const mostUsers = 100;
export const mostKeys = 16;

/** Who asks. `node` is who can open the private socket: the node's own Unix user, and root. */
export interface Asker {
  level: Level | "node";
  /** The person's name in the target state; of `node`, what they call themselves. */
  person: string;
}

/** Where the image's node has its socket for each level, `<level>.sock`. */
export const socketsPath = "/run/umec-control";
/** The header that names the person, and the variable that tells a session's commands who it is. */
export const personHeader = "umec-person";
export const personVariable = "UMEC_PERSON";
/** The variable with the path of the control socket that a session's commands use. */
export const socketVariable = "UMEC_CONTROL";
