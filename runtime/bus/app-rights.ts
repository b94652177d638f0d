/** What an application's user may do on the bus, and what it is held to. */
import type { BusGrant } from "../api/types.ts";
import { UmecError } from "../errors.ts";
import type { AccountLimits, Permissions } from "../nats/claims.ts";

/** Below it, each in a place of its own, are applications' inboxes: `_INBOX_app.<name>.>`. */
const inboxes = "_INBOX_app";
/** Node and user in one name: what nats-server says of who sent a message. */
const userPrefix = "app.";

/** Connections of all applications together, the node's own one among them. */
export const appAccountLimits: Readonly<AccountLimits> = {
  connections: 65,
  subscriptions: 256,
  payloadBytes: 256 * 1024,
};
/** A user's claims must fit into one line of the protocol: see `maxControlLineBytes` in config.ts. */
const mostGrantBytes = 16 * 1024;

export function appUserName(app: string): string {
  return `${userPrefix}${app}`;
}

export function appOfUser(user: unknown): string | undefined {
  return typeof user === "string" && user.startsWith(userPrefix) ? user.slice(userPrefix.length) : undefined;
}

/**
 * The claims of an application's user: the grant, an inbox of its own, and, for one that serves others, their inboxes
 * for its answers. It may answer nowhere else, whatever reply subject a request names: else one application could have
 * another's answer sent as a command.
 *
 * @throws UmecError `BUS_GRANT` for a subject that is not the node's points or a service between applications
 */
export function appRights(node: string, app: string, grant: BusGrant): Permissions {
  const publish = grant.publish.map((subject) => required(subject, node, "command"));
  const subscribe = grant.subscribe.map((subject) => required(subject, node, "telemetry"));
  const bytes = [...publish, ...subscribe].reduce((sum, subject) => sum + subject.length + 3, 0);
  if (bytes > mostGrantBytes) {
    const hint = "ask for patterns with * and ** in the place of many points";
    throw new UmecError("BUS_GRANT", `a grant of ${bytes} bytes, ${mostGrantBytes} are allowed`, { hint });
  }
  const answers = subscribe.some((subject) => subject.startsWith("app.")) ? [`${inboxes}.*.>`] : [];
  const allowed = [...new Set([...publish, ...answers])];
  return {
    // An empty list would allow all.
    pub: allowed.length > 0 ? { allow: allowed } : { deny: [">"] },
    sub: { allow: [...new Set([...subscribe, `${inboxes}.${app}.>`])] },
    allowed_connection_types: ["WEBSOCKET"],
  };
}

/** Tokens of NATS, with `*` for one and `>` at the end for the rest. */
const tokens = String.raw`(?:\.(?:\*|[A-Za-z0-9_-]+))*(?:\.>)?`;
const serviceSyntax = new RegExp(String.raw`^app\.[A-Za-z0-9_-]+${tokens}$`);

function required(subject: string, node: string, kind: "command" | "telemetry"): string {
  const point = new RegExp(String.raw`^umec\.${node}\.(?:\*|[a-z0-9-]+)\.${kind}${tokens}$`);
  if (serviceSyntax.test(subject) || point.test(subject)) return subject;
  throw new UmecError("BUS_GRANT", `${JSON.stringify(subject)} can't be granted`, {
    hint: `umec.${node}.<plugin>.${kind}.<point> and app.<service>.> can`,
  });
}
