/**
 * The engine of campaigns: gives nodes their orders, wave by wave, and stops when they fail.
 *
 * What it promises:
 * 1. **It can die at any moment.** What is decided is in the bucket (campaign-store.ts) before it is done, and doing it
 *    again does no harm: at its start, and at every look, it makes the nodes' documents agree with the campaign. What the nodes
 *    have said is not kept but read from their chains, verified (reader.ts).
 * 2. **Two engines, or an engine and an operator, do not undo each other**: each change names the revision that it was made
 *    of; who loses looks again.
 * 3. **A wave begins when the one before it is over**: every node of it has ended, or, if the campaign has a patience, so
 *    many of it are good when that is over. At `maxFailures` it stops, and says which node, and why.
 * 4. **A stopped campaign takes its orders back** from nodes that have not ended: who fetches gives it up, and who has
 *    installed it does not restart for it.
 *
 * Reports and changes of campaigns wake it, and every `lookMs` it looks all the same.
 */
import type { NatsConnection, Subscription } from "@nats-io/nats-core";
import { isUmecError, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { chainSubject } from "../subjects.ts";
import { isEnd, parseOrder, updatePlugin } from "../update-wire.ts";
import { judgeCampaign, toldNodes } from "./campaign-judge.ts";
import { lastOf, readUpdates } from "./campaign-reports.ts";
import { campaignsRoot, listCampaigns, type StoredCampaign, writeCampaign } from "./campaign-store.ts";
import type { Campaign, NodeReport } from "./campaign-types.ts";
import { putDocument, readDocument, removeDocument } from "./documents.ts";

export interface CampaignOptions {
  /** In the fleet's account; stays the caller's. */
  nc: NatsConnection;
  log: Log;
  /** Copies of the nodes' documents, where there are none yet. @default 1 */
  replicas?: number | undefined;
  /** Unix time in milliseconds. @default the system's clock */
  now?: () => number;
  /** Longest time between two looks. @default 60_000 */
  lookMs?: number;
}

/** A message is heard when it is sent, which may be before it can be read: it is looked for again after each of these. */
const echoesMs = [100, 400, 1_500, 6_000];
/** Nodes that are asked about, or told, at the same time. */
const atOnce = 8;

/** Follows all campaigns until it is disposed of. */
export function startCampaigns(options: CampaignOptions): AsyncDisposable {
  const engine = new Engine(options);
  return {
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}

class Engine {
  readonly #options: CampaignOptions & { now: () => number; lookMs: number };
  /** What each node said last of each campaign, by `<id> <node>`; what is not there is to be read. */
  readonly #said = new Map<string, NodeReport | undefined>();
  /** Nodes that have the order of a campaign, by the same. */
  readonly #ordered = new Set<string>();
  readonly #ended = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  readonly #echoes = new Map<string, NodeJS.Timeout>();
  #wake = Promise.withResolvers<void>();
  readonly #done: Promise<void>;

  constructor(options: CampaignOptions) {
    this.#options = { now: Date.now, lookMs: 60_000, ...options };
    const chain = { node: "*", plugin: updatePlugin, lane: "alarm" } as const;
    for (const backlog of [false, true]) {
      this.#listen(chainSubject({ ...chain, backlog }), (subject) => subject.split(".")[1] ?? "");
    }
    this.#listen(`${campaignsRoot}.>`, () => "");
    void this.#watchConnection();
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    for (const timer of this.#echoes.values()) clearTimeout(timer);
    this.#wake.resolve();
    await this.#done;
  }

  #listen(subject: string, nodeOf: (subject: string) => string): void {
    const callback = (_error: Error | null, message?: { subject: string }): void => {
      if (message) this.#heard(nodeOf(message.subject));
    };
    this.#subscriptions.push(this.#options.nc.subscribe(subject, { callback }));
  }

  /** @param node `""` for a change of a campaign */
  #heard(node: string, echo = 0): void {
    clearTimeout(this.#echoes.get(node));
    this.#echoes.delete(node);
    if (this.#ended.signal.aborted) return;
    this.#forget(node);
    this.#notify();
    const afterMs = echoesMs[echo];
    if (afterMs !== undefined)
      this.#echoes.set(
        node,
        setTimeout(() => this.#heard(node, echo + 1), afterMs),
      );
  }

  /** What was said while the connection was away was not heard. */
  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#options.nc.status()) {
      if (this.#ended.signal.aborted) return;
      if (type !== "reconnect") continue;
      this.#forgetAll();
      this.#notify();
    }
  }

  #forgetAll(): void {
    this.#said.clear();
    this.#ordered.clear();
  }

  #forget(node: string): void {
    for (const key of this.#said.keys()) if (key.endsWith(` ${node}`)) this.#said.delete(key);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { log, lookMs } = this.#options;
    while (!this.#ended.signal.aborted) {
      const { promise } = this.#wake;
      const again = await this.#look().catch((error: unknown) => {
        if (isUmecError(error, "HUB_CAMPAIGN_CHANGED")) return true;
        if (!this.#ended.signal.aborted) log.warn(`rollouts wait: ${messageOf(error)}`, { error });
        return false;
      });
      if (again || this.#ended.signal.aborted) continue;
      const timer = setTimeout(() => {
        // A report that was not heard is found all the same.
        this.#forgetAll();
        this.#notify();
      }, lookMs);
      await promise;
      clearTimeout(timer);
    }
  }

  /** Does what is to be done now; whether there may be more at once. */
  async #look(): Promise<boolean> {
    let again = false;
    for (const stored of await listCampaigns(this.#options.nc)) {
      this.#ended.signal.throwIfAborted();
      const { state, withdrawn } = stored.campaign;
      if (state === "running") again = (await this.#advance(stored)) || again;
      else if (state === "stopped" && !withdrawn) await this.#withdraw(stored);
    }
    return again;
  }

  async #advance({ campaign, revision }: StoredCampaign): Promise<boolean> {
    const { nc, now, log } = this.#options;
    const { id, wave } = campaign;
    const reports = await this.#reports(campaign);
    const verdict = judgeCampaign(campaign, reports, now());
    switch (verdict.kind) {
      case "stop":
        await writeCampaign(nc, { ...campaign, state: "stopped", reason: verdict.reason }, revision);
        log.warn(`the rollout ${id} stops: ${verdict.reason}`, { wave: wave + 1 });
        return true;
      case "done":
        await writeCampaign(nc, { ...campaign, state: "done" }, revision);
        log.info(`the rollout ${id} is done`);
        return false;
      case "next-wave":
        await writeCampaign(nc, { ...campaign, wave: wave + 1, waveAtMs: now() }, revision);
        log.info(`the rollout ${id} begins its next wave`, { wave: wave + 2 });
        return true;
      case "wait": {
        const waiting = toldNodes(campaign).filter((node) => !hasEnded(reports.get(node)));
        await this.#each(waiting, (node) => this.#order(campaign, node));
        return false;
      }
    }
  }

  async #withdraw({ campaign, revision }: StoredCampaign): Promise<void> {
    const { nc } = this.#options;
    const reports = await this.#reports(campaign);
    const waiting = toldNodes(campaign).filter((node) => !hasEnded(reports.get(node)));
    await this.#each(waiting, async (node) => {
      if ((await this.#orderOf(node)) === campaign.id) await removeDocument(nc, node, "update");
      this.#ordered.delete(`${campaign.id} ${node}`);
    });
    await writeCampaign(nc, { ...campaign, withdrawn: true }, revision);
  }

  /** Gives a node its order, if it does not have it. */
  async #order({ id, bundle, permit }: Campaign, node: string): Promise<void> {
    const key = `${id} ${node}`;
    if (this.#ordered.has(key)) return;
    if ((await this.#orderOf(node)) !== id) {
      const { nc, replicas } = this.#options;
      const body = Buffer.from(JSON.stringify({ id, bundle, ...(permit !== undefined && { permit }) }));
      await putDocument(nc, node, "update", body, replicas === undefined ? {} : { replicas });
    }
    this.#ordered.add(key);
  }

  async #orderOf(node: string): Promise<string | undefined> {
    const document = await readDocument(this.#options.nc, node, "update");
    if (!document) return undefined;
    try {
      return parseOrder(document.body).id;
    } catch {
      return undefined;
    }
  }

  /** What the nodes that were told have said of this campaign. */
  async #reports(campaign: Campaign): Promise<Map<string, NodeReport>> {
    const { id } = campaign;
    const told = toldNodes(campaign);
    const unread = told.filter((node) => !this.#said.has(`${id} ${node}`));
    await this.#each(unread, async (node) => {
      const key = `${id} ${node}`;
      // Forgotten while it is read, it is read again.
      this.#said.set(key, undefined);
      try {
        const report = lastOf(await readUpdates(this.#options.nc, node, this.#ended.signal), id);
        if (this.#said.has(key)) this.#said.set(key, report);
      } catch (error) {
        this.#said.delete(key);
        throw error;
      }
    });
    const reports = told.map((node) => [node, this.#said.get(`${id} ${node}`)] as const);
    return new Map(reports.flatMap(([node, report]) => (report ? [[node, report]] : [])));
  }

  async #each(nodes: readonly string[], work: (node: string) => Promise<void>): Promise<void> {
    const left = nodes.values();
    const workers = Array.from({ length: Math.min(atOnce, nodes.length) }, async () => {
      for (const node of left) {
        this.#ended.signal.throwIfAborted();
        await work(node);
      }
    });
    await Promise.all(workers);
  }
}

function hasEnded(report: NodeReport | undefined): boolean {
  return report !== undefined && isEnd(report.phase);
}
