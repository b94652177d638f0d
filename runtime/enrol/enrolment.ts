/**
 * Brings a node without a credentials file to its hub, and keeps it there.
 *
 * | the node has | it |
 * |---|---|
 * | nothing | waits for a token |
 * | a token | links with the token's credentials, asks, and takes the answer (`asking`) |
 * | claims | links with them and its own key, and has them renewed (`enrolled`) |
 * | claims, and a token | asks once more, as after a new card; when that leads to nothing it goes on with its claims |
 *
 * What it promises:
 * 1. **It goes on where it was**, whatever dies: what is decided is on disk before the next step (claims-file.ts, settle.ts),
 *    and whatever else is lost is asked for again. The hub answers the same keys alike, however often.
 * 2. **It never gives up**, and never hurries: waits grow and are drawn at random, for days. While there is no link it
 *    waits for the kernel's and nats-server's notice and asks nobody. A refusal is told once, the link is hung up, and the
 *    question comes again after an hour or so; at once when there is another token.
 * 3. **The node's samples are not its matter**: they are stored meanwhile, whatever the hub says.
 * 4. **Claims are renewed in time**: at the moment that the hub named, and else once a day and at each start, as a board
 *    may not know what day it is. With new claims the link is dialled anew when nothing is on its way, or after a while.
 *    What was in flight then is found out by the next session (../link/session.ts), so nothing is lost or stored twice.
 *
 * Whether claims still hold is for the hub to judge: those that have ended by the node's clock are dialled with too.
 */
import type { NatsConnection } from "@nats-io/nats-core";
import type { Bus } from "../bus/types.ts";
import type { Clock } from "../clock.ts";
import { enrolSubject, type Refusal, renewSubject, type Token } from "../enrol-wire.ts";
import { isUmecError, messageOf } from "../errors.ts";
import type { NodeIdentity } from "../identity/types.ts";
import type { Log } from "../log.ts";
import { formatCredentials } from "../nats/claims.ts";
import { readClaims, type StoredClaims, writeClaims } from "./claims-file.ts";
import { askForRenewal, askWith, readToken, takeAnswer, takeRenewal } from "./exchange.ts";
import { takeHubCa } from "./hub-ca.ts";
import { removeRunFile, runDirectory, writeRunFile } from "./run-file.ts";
import { type CheckText, settle } from "./settle.ts";
import { TokenFile } from "./token-file.ts";
import { type EnrolmentStatus, tokenPath } from "./types.ts";
import { Patience, pause } from "./wait.ts";

/** A clock that can be told that it is later than it shows. */
export interface EnrolClock extends Clock {
  notBefore(unixMs: number): Promise<void>;
}

/** The node's link, as this part uses it. */
export interface EnrolLink {
  /** Dials with a token's credentials; nothing but the question goes over that link. */
  dialWithToken(credentialsFile: string): Promise<void>;
  /** Dials with the node's own credentials; its samples go over that link. */
  dial(credentialsFile: string): Promise<void>;
  hangUp(): Promise<void>;
  /** Dials anew, so that nats-server reads the credentials again; within `withinMs` when nothing is on its way. */
  redial(withinMs: number, signal: AbortSignal): Promise<void>;
}

export interface EnrolmentOptions {
  node: string;
  dataPath: string;
  targetPath: string;
  identity: NodeIdentity;
  /** The file of the target state's `link.ca`, for the CAs that the hub will name. @default they are not taken */
  caPath?: string;
  clock: EnrolClock;
  bus: Pick<Bus, "connectLink" | "leafState" | "onLeafChange" | "onLeafTrouble">;
  link: EnrolLink;
  check: CheckText;
  log: Log;
  /** Ends it; nothing on disk depends on when. */
  signal: AbortSignal;
  /** @default process.env */
  env?: NodeJS.ProcessEnv;
}

const ownName = "hub.creds";
const bootstrapName = "enrolment.creds";
const answerMs = 5_000;
const longestPauseMs = 600_000;
/** How long a node that has claims tries to ask with a token instead. */
const askBesideMs = 120_000;
const askRefusedAgainMs = 3_600_000;
const dayMs = 86_400_000;
/** Longest time that new claims wait for a link with nothing on its way. */
const calmMs = 60_000;

export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #token: TokenFile;
  readonly #runDir: string;
  readonly #asking = new Patience(500, longestPauseMs);
  readonly #failing = new Patience(1_000, longestPauseMs);
  #state: Pick<EnrolmentStatus, "state" | "reason" | "sinceMs">;
  #claims: StoredClaims | undefined;
  #dialled: "own" | undefined;
  /** The token that was refused, or led nowhere, and when it may be shown again, by the monotonic clock. */
  #spent: { text: string; againMs: number; refusal?: string } | undefined;
  #renewalFault: string | undefined;
  #wake = new AbortController();
  /** Resolves when it has ended. */
  readonly done: Promise<void>;

  /** @throws UmecError `ENROL_NO_RUN_DIRECTORY` */
  constructor(options: EnrolmentOptions) {
    this.#options = options;
    const { targetPath, dataPath, identity, signal, env = process.env } = options;
    this.#runDir = runDirectory(dataPath, identity.bound, env);
    this.#token = new TokenFile(tokenPath(targetPath), signal);
    this.#state = { state: "none", sinceMs: Date.now() };
    this.done = this.#run();
  }

  status(): EnrolmentStatus {
    const { clock } = this.#options;
    const claims = this.#claims;
    if (!claims) return this.#state;
    const { renewAtMs, expiresAtMs } = claims;
    const shown = { ...this.#state, renewAtMs, expiresAtMs };
    if (shown.state !== "enrolled" || !clock.known()) return shown;
    const leftMs = expiresAtMs - clock.nowMs();
    const until = new Date(expiresAtMs).toISOString();
    if (leftMs <= 0)
      return { ...shown, state: "expired", sinceMs: expiresAtMs, reason: `the claims ended at ${until}` };
    // A renewal comes after two thirds of their time, so their time is three times what is left then.
    if (leftMs >= (expiresAtMs - renewAtMs) / 2) return shown;
    const fault = this.#renewalFault ?? "there is no link";
    return { ...shown, reason: `the claims end at ${until}, and are not renewed: ${fault}` };
  }

  /** The clock became known. */
  wake(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #run(): Promise<void> {
    const { signal, log } = this.#options;
    try {
      while (!signal.aborted) {
        const turn = new AbortController();
        const off = this.#token.onChange(() => turn.abort());
        try {
          await this.#turn(AbortSignal.any([signal, turn.signal]));
          this.#failing.reset();
        } catch (error) {
          const inMs = this.#failing.nextMs();
          if (!signal.aborted) log.warn(`enrolment: ${messageOf(error)}`, { error, inMs: Math.round(inMs) });
          await pause(inMs, signal, turn.signal);
        } finally {
          off();
        }
      }
    } finally {
      for (const name of [ownName, bootstrapName])
        await removeRunFile(this.#runDir, name).catch(() => undefined);
    }
  }

  /** Does the next thing that what is on disk asks for; ends early when there is another token. */
  async #turn(signal: AbortSignal): Promise<void> {
    const { node, dataPath, identity, clock } = this.#options;
    const text = await this.#token.read();
    this.#claims = await readClaims(dataPath, { node, link: identity.keys.link });
    if (this.#claims?.pending) this.#claims = await this.#settle(this.#claims);
    else if (text !== undefined && this.#mayShow(text)) return this.#ask(text, signal);
    if (signal.aborted) return;
    if (this.#claims) {
      // What the hub said is the time was so.
      await clock.notBefore(this.#claims.timeMs);
      return this.#serve(this.#claims, signal);
    }
    await this.#hangUp();
    const refusal = text === undefined ? undefined : this.#spent?.refusal;
    if (refusal === undefined)
      this.#set("none", `put a token into ${this.#token.path}, or name link.credentials`);
    await pause(this.#spent ? this.#spent.againMs - clock.monotonicMs() : Number.POSITIVE_INFINITY, signal);
  }

  #mayShow(text: string): boolean {
    if (this.#spent?.text !== text) this.#spent = undefined;
    return this.#spent === undefined || this.#spent.againMs <= this.#options.clock.monotonicMs();
  }

  async #ask(text: string, signal: AbortSignal): Promise<void> {
    const { node, clock, link, bus } = this.#options;
    let token: Token;
    try {
      token = readToken(text, node);
    } catch (error) {
      if (!isUmecError(error)) throw error;
      return this.#refuse(text, error.code, messageOf(error));
    }
    this.#set("asking");
    await clock.notBefore(token.issuedAtMs);
    this.#dialled = undefined;
    const connection = await bus.connectLink();
    const off = bus.onLeafTrouble((reason) => this.#set("asking", `no link to the hub: ${reason}`));
    // Who has claims must not be kept from the hub by a token that is good for nothing.
    const patience = this.#claims ? AbortSignal.any([signal, AbortSignal.timeout(askBesideMs)]) : signal;
    try {
      await link.dialWithToken(await writeRunFile(this.#runDir, bootstrapName, token.creds));
      const answer = await this.#answerTo(token, connection, patience);
      if (!answer && signal.aborted) return;
      if (!answer) this.#shelve(text);
      else if ("refused" in answer) this.#refuse(text, answer.refused.code, answer.refused.text);
      else await this.#accept(answer);
    } finally {
      off();
      await connection.close();
    }
  }

  /** Asks until there is an answer; `undefined` when `signal` aborts before. */
  async #answerTo(
    token: Token,
    connection: NatsConnection,
    signal: AbortSignal,
  ): Promise<StoredClaims | Refusal | undefined> {
    const { identity } = this.#options;
    this.#asking.reset();
    while (await this.#linked(signal)) {
      // Anew each time: a nonce is for one question.
      const { envelope, nonce } = await askWith(token, identity);
      try {
        const reply = await connection.request(enrolSubject(token.id), JSON.stringify(envelope), {
          timeout: answerMs,
        });
        return takeAnswer(reply.string(), nonce, token, identity);
      } catch (error) {
        this.#set("asking", `no answer from the hub: ${messageOf(error)}`);
        await pause(this.#asking.nextMs(), signal);
      }
    }
    return undefined;
  }

  async #accept(claims: StoredClaims): Promise<void> {
    const { dataPath, clock, log, node } = this.#options;
    await writeClaims(dataPath, claims);
    log.info("the node is enrolled", { node, until: new Date(claims.expiresAtMs).toISOString() });
    await clock.notBefore(claims.timeMs);
    this.#claims = await this.#settle(claims);
  }

  #settle(claims: StoredClaims): Promise<StoredClaims> {
    return settle(claims, { ...this.#options, removeToken: () => this.#token.remove() });
  }

  #refuse(text: string, code: string, reason: string): void {
    const told = this.#spent?.refusal === reason;
    this.#shelve(text, reason);
    this.#set("refused", reason);
    if (told) return;
    this.#options.log.error(`the node is not enrolled: ${reason}`, {
      code,
      hint: "docs/enrolment.md says what each refusal means; samples are stored meanwhile",
    });
  }

  /** The token is not shown again for a while. */
  #shelve(text: string, refusal?: string): void {
    const againMs = this.#options.clock.monotonicMs() + askRefusedAgainMs * (0.5 + Math.random());
    this.#spent = { text, againMs, ...(refusal !== undefined && { refusal }) };
  }

  /** Links with the claims and keeps them fresh. */
  async #serve(claims: StoredClaims, signal: AbortSignal): Promise<void> {
    const { link, bus } = this.#options;
    const file = await this.#writeCredentials(claims);
    const refusal = this.#spent?.refusal;
    this.#set("enrolled", refusal && `the token beside the target file is refused: ${refusal}`);
    const offs = [
      bus.onLeafTrouble((reason) => this.#judgeTrouble(reason)),
      // It may only look so until the hub has looked at the claims: the renewal shows it.
      bus.onLeafChange((connected) => connected && this.#state.state === "refused" && this.wake()),
    ];
    const connection = await bus.connectLink();
    try {
      if (this.#dialled !== "own") await link.dial(file);
      this.#dialled = "own";
      await removeRunFile(this.#runDir, bootstrapName);
      await this.#keepFresh(claims, connection, signal);
    } finally {
      for (const off of offs) off();
      await connection.close();
    }
  }

  /** The hub is there, and does not let this node in. */
  #judgeTrouble(reason: string): void {
    if (!/revoked|authori[sz]ation|authentication/i.test(reason)) return;
    // Each further attempt is told less exactly than the first.
    if (this.#state.state !== "refused") this.#tellRefused(`the hub refuses the link: ${reason}`);
  }

  #tellRefused(reason: string): void {
    if (this.#state.state === "refused" && this.#state.reason === reason) return;
    this.#set("refused", reason);
    this.#options.log.error(reason, {
      code: "NODE_REFUSED",
      hint: "samples are stored meanwhile; if the node shall link again give it a new token (docs/enrolment.md)",
    });
  }

  async #keepFresh(first: StoredClaims, connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const { clock, link, dataPath, log } = this.#options;
    const patience = new Patience(1_000, longestPauseMs);
    let claims = first;
    let dueMs = 0;
    const spentMs = () => (this.#spent ? this.#spent.againMs - clock.monotonicMs() : dayMs);
    while (await this.#linked(signal)) {
      if (dueMs > 0) {
        await pause(Math.min(dueMs, spentMs()), signal, this.#wake.signal);
        if (spentMs() <= 0) return;
        dueMs = 0;
        continue;
      }
      try {
        const answer = await this.#renewed(connection);
        patience.reset();
        if ("refused" in answer) {
          this.#renewalFault = answer.refused.text;
          this.#tellRefused(answer.refused.text);
          dueMs = askRefusedAgainMs * (0.5 + Math.random());
          continue;
        }
        this.#renewalFault = undefined;
        if (this.#state.state === "refused") this.#set("enrolled");
        await clock.notBefore(answer.timeMs);
        const otherCa = await this.#takeCa(answer.ca);
        if (answer.expiresAtMs > claims.expiresAtMs) {
          const { jwt, renewAtMs, expiresAtMs, timeMs } = answer;
          const lastMs = claims.expiresAtMs - timeMs;
          claims = { ...claims, jwt, renewAtMs, expiresAtMs, timeMs };
          await writeClaims(dataPath, claims);
          this.#claims = claims;
          await this.#writeCredentials(claims);
          await link.redial(Math.max(0, Math.min(calmMs, lastMs / 2)), signal);
          log.info("the node's claims are renewed", { until: new Date(expiresAtMs).toISOString() });
        } else if (otherCa) {
          await link.redial(calmMs, signal);
        }
        // By the hub's own clock, and not at once again, whatever it says.
        const aheadMs = Math.max(claims.renewAtMs - answer.timeMs, (claims.expiresAtMs - answer.timeMs) / 6);
        dueMs = Math.min(Math.max(aheadMs, 1_000), dayMs * (0.9 + 0.1 * Math.random()));
      } catch (error) {
        if (signal.aborted) return;
        this.#renewalFault = messageOf(error);
        log.debug("the claims were not renewed", { reason: messageOf(error) });
        await pause(patience.nextMs(), signal);
      }
    }
  }

  async #takeCa(pem: string | undefined): Promise<boolean> {
    const { caPath, log } = this.#options;
    if (pem === undefined || caPath === undefined) return false;
    try {
      const other = await takeHubCa(caPath, pem);
      if (other) log.info("the hub names other CAs", { file: caPath });
      return other;
    } catch (error) {
      log.warn(messageOf(error), { error });
      return false;
    }
  }

  async #renewed(connection: NatsConnection): Promise<ReturnType<typeof takeRenewal>> {
    const { node, identity } = this.#options;
    const question = JSON.stringify(askForRenewal(node, identity));
    const reply = await connection.request(renewSubject(node), question, { timeout: answerMs });
    return takeRenewal(reply.string(), identity);
  }

  #writeCredentials({ jwt }: StoredClaims): Promise<string> {
    const credentials = formatCredentials({ jwt, key: this.#options.identity.link });
    return writeRunFile(this.#runDir, ownName, credentials);
  }

  /** Resolves with true once there is a link, with false when `signal` aborts before. */
  async #linked(signal: AbortSignal): Promise<boolean> {
    const { bus } = this.#options;
    const up = Promise.withResolvers<void>();
    const off = bus.onLeafChange((connected) => connected && up.resolve());
    const stop = (): void => up.resolve();
    signal.addEventListener("abort", stop);
    try {
      if (signal.aborted) return false;
      if (!(await bus.leafState()).connected) await up.promise;
      return !signal.aborted;
    } finally {
      off();
      signal.removeEventListener("abort", stop);
    }
  }

  async #hangUp(): Promise<void> {
    this.#dialled = undefined;
    await this.#options.link.hangUp();
    await removeRunFile(this.#runDir, bootstrapName);
  }

  #set(state: EnrolmentStatus["state"], reason?: string): void {
    const sinceMs = this.#state.state === state ? this.#state.sinceMs : Date.now();
    this.#state = { state, sinceMs, ...(reason !== undefined && { reason }) };
  }
}
