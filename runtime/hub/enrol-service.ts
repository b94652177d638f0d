/**
 * Answering in the account ENROL: `enrol.<token id>` of those who have a token, and `renew.<node>`, which each node's account
 * imports, so that its name is not what the node says but where the question came from.
 *
 * - **An answer goes to who asked.** A leaf may write any reply subject on its question; one that is not below
 *   `_INBOX_<node>.`, the token's node, gets none. (A renewal's is nats-server's own, `_R_.…`, as it comes by an import.)
 * - **Nobody can keep it busy**: ten questions in ten seconds for each token and node, 256 at once in all; what is more is
 *   counted and not answered, and a node asks again anyway.
 * - A question that fails for the hub's own reasons, a full disk for one, is not answered: it was not refused.
 */
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { messageOf } from "../errors.ts";
import type { EnrolDesk } from "./desk.ts";
import { enrol } from "./enrolment.ts";
import { UnreadableQuestion } from "./question.ts";
import { RefusalLog } from "./refusal-log.ts";
import { renew } from "./renewal.ts";

export interface EnrolService extends AsyncDisposable {
  /** How often each reason for a refusal came since the start; `BUSY` for what was not looked at. */
  readonly refusals: Readonly<Record<string, number>>;
}

const windowMs = 10_000;
const mostInWindow = 10;
const mostAtOnce = 256;

/** @param nc of the service's user in ENROL; it is closed with the service */
export async function startEnrolService(nc: NatsConnection, desk: EnrolDesk): Promise<EnrolService> {
  const refusals = new RefusalLog(desk.log);
  const asked = new Map<string, number>();
  const window = setInterval(() => asked.clear(), windowMs);
  window.unref();
  const under = new Set<Promise<void>>();

  const listen = (subject: string, answer: (of: string, message: Msg) => Promise<void>) => {
    nc.subscribe(subject, {
      callback: (error, message) => {
        if (error) return;
        const of = message.subject.slice(message.subject.indexOf(".") + 1);
        const times = (asked.get(message.subject) ?? 0) + 1;
        asked.set(message.subject, times);
        if (times > mostInWindow || under.size >= mostAtOnce) {
          refusals.add("BUSY", { node: of }, "too many questions at once");
          return;
        }
        const done = answer(of, message)
          .catch((failure: unknown) => {
            if (failure instanceof UnreadableQuestion)
              refusals.add("QUESTION_INVALID", { node: of }, failure.message);
            else desk.log.error("a question was not answered", { subject: message.subject, error: failure });
          })
          .finally(() => under.delete(done));
        under.add(done);
      },
    });
  };

  listen("enrol.*", async (token, message) => {
    const known = desk.registry.tokens.get(token)?.node;
    if (known !== undefined && !message.reply?.startsWith(`_INBOX_${known}.`)) {
      refusals.add("REPLY_FORGED", { node: known, token }, `its reply subject is ${message.reply}`);
      return;
    }
    const { answer, node, refused, fresh } = await enrol(desk, message.string(), token);
    if (refused) refusals.add(refused.code, { node, token }, refused.text);
    else if (fresh) desk.log.info("node enrolled", { node, token });
    if (known === undefined && !/^_INBOX_[a-z0-9-]+\./.test(message.reply ?? "")) return;
    message.respond(answer);
  });
  listen("renew.*", async (node, message) => {
    const { answer, refused } = await renew(desk, node, message.string());
    if (refused) refusals.add(refused.code, { node }, refused.text);
    message.respond(JSON.stringify(answer));
  });
  await nc.flush();

  return {
    get refusals() {
      return refusals.counts;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(window);
      await nc.drain().catch((error: unknown) => desk.log.debug("drain", { error: messageOf(error) }));
      await Promise.all(under);
    },
  };
}
