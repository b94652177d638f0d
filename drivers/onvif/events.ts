/**
 * Events by a pull point: WS-BaseNotification as ONVIF has it (Core section 9.2).
 *
 * The reference that a camera gives for a subscription may carry parameters, which go back as headers of each request
 * (WS-Addressing 1.0 section 2.2), and may name a wrong host like every other address.
 */
import { randomUUID } from "node:crypto";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { type Notification, readNotifications } from "./notification.ts";
import type { Soap } from "./soap.ts";
import { child, escapeXml, find, textAt, writeElement, type XmlTree } from "./xml.ts";

export interface Subscription {
  /** How long it lives from its creation or last renewal, in milliseconds. */
  readonly lifeMs: number;
  /** Waits at the camera until there is something. @param waitMs how long at most */
  pull(waitMs: number, signal: AbortSignal): Promise<Notification[]>;
  renew(signal: AbortSignal): Promise<void>;
  /** Asks the camera to tell the state of all properties again. */
  synchronize(signal: AbortSignal): Promise<void>;
  unsubscribe(signal: AbortSignal): Promise<void>;
}

const tev = "http://www.onvif.org/ver10/events/wsdl";
const wsnt = "http://docs.oasis-open.org/wsn/b-2";
const actions = {
  create: `${tev}/EventPortType/CreatePullPointSubscriptionRequest`,
  pull: `${tev}/PullPointSubscription/PullMessagesRequest`,
  synchronize: `${tev}/PullPointSubscription/SetSynchronizationPointRequest`,
  renew: "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest",
  unsubscribe: "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest",
};
/** Most messages of one answer. */
const messageLimit = 100;
const maxHeaderLength = 16 * 1024;

/** @param lifeMs how long the subscription is to live without a renewal */
export async function subscribe(
  soap: Soap,
  {
    address,
    lifeMs,
    timeoutMs,
    signal,
  }: { address: string; lifeMs: number; timeoutMs: number; signal: AbortSignal },
): Promise<Subscription> {
  const termination = `PT${Math.ceil(lifeMs / 1000)}S`;
  const answer = await soap.call({
    address,
    action: actions.create,
    header: addressing(actions.create, address),
    body:
      `<CreatePullPointSubscription xmlns="${tev}"><InitialTerminationTime>${termination}</InitialTerminationTime>` +
      `</CreatePullPointSubscription>`,
    signal,
  });
  const reference = child(answer, "SubscriptionReference") ?? find(answer, "SubscriptionReference");
  const to = textAt(reference, "Address");
  if (to === undefined)
    throw new UmecError("ONVIF_XML", "CreatePullPointSubscription: the answer names no address");
  const given = [...(child(reference, "ReferenceParameters")?.children ?? [])].map(writeElement).join("");
  if (given.length > maxHeaderLength)
    throw new UmecError("ONVIF_TOO_LARGE", "the subscription's reference is too long");

  const call = (action: string, body: string, ownMs: number, inSignal: AbortSignal): Promise<XmlTree> =>
    soap.call({
      address: to,
      action,
      header: addressing(action, to) + given,
      body,
      timeoutMs: ownMs,
      signal: inSignal,
    });

  return {
    lifeMs: lifeOf(answer) ?? lifeMs,
    async pull(waitMs, inSignal) {
      const body =
        `<PullMessages xmlns="${tev}"><Timeout>PT${waitMs / 1000}S</Timeout>` +
        `<MessageLimit>${messageLimit}</MessageLimit></PullMessages>`;
      return readNotifications(await call(actions.pull, body, waitMs + timeoutMs, inSignal));
    },
    async renew(inSignal) {
      const body = `<Renew xmlns="${wsnt}"><TerminationTime>${termination}</TerminationTime></Renew>`;
      await call(actions.renew, body, timeoutMs, inSignal);
    },
    async synchronize(inSignal) {
      await call(actions.synchronize, `<SetSynchronizationPoint xmlns="${tev}"/>`, timeoutMs, inSignal);
    },
    async unsubscribe(inSignal) {
      await call(actions.unsubscribe, `<Unsubscribe xmlns="${wsnt}"/>`, timeoutMs, inSignal);
    },
  };
}

function addressing(action: string, to: string): string {
  const id = `<a:MessageID>urn:uuid:${randomUUID()}</a:MessageID>`;
  return `<a:Action>${escapeXml(action)}</a:Action><a:To>${escapeXml(to)}</a:To>${id}`;
}

/** By the camera's own two times, so that its clock does not matter. */
function lifeOf(answer: XmlTree): number | undefined {
  const now = Date.parse(textAt(answer, "CurrentTime") ?? "");
  const end = Date.parse(textAt(answer, "TerminationTime") ?? "");
  return end > now ? end - now : undefined;
}
