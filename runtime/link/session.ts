/**
 * One session of the link: from a connection to its end. Each frame is stored at the hub exactly once, in order.
 *
 * A plugin's lane has two chains. Rows that waited when the session began are its *backlog*; rows committed since
 * are its *live run*, so fresh samples never wait behind an outage. On each chain one frame is in flight.
 * A publish names the sequence of the chain's last message (`Nats-Expected-Last-Subject-Sequence`); the hub
 * refuses it if that has changed. At the first use of a lane both last messages are looked up, and their headers
 * tell which rows the hub has already: these are erased, not sent. A header counts only if this node's own key has signed
 * that frame: whoever else may write at the hub can't make a node erase what was never stored. (Of a node whose keys were
 * made anew nothing before counts; if an acknowledgement was lost just then, those rows are stored twice.)
 *
 * What makes this exact, whatever dies in between:
 * - A frame whose answer was lost is *unknown*. On the backlog chain that does no harm: whatever goes there next
 *   has the same condition, so only one of the two is stored, and its header tells which.
 * - A live frame's rows would become backlog, on another chain, where the condition does not protect them. So an
 *   unknown live frame is sent first, unchanged, on its own chain (`retry`), until it is known to be stored;
 *   the lane's backlog waits for that. After a restart of the process the frame itself is forgotten; then a
 *   *fence* is appended to each lane with waiting rows and sent as its first live row: once it is stored, the
 *   old frame is either before it, and its header was read, or can't be stored any more.
 * - A new live run hides the range of the last one. Before its first frame, what that range says is made
 *   durable: erased rows by `flush` when the session begins, rows that a crash brought back by `markSent`.
 *
 * Bounds: live rows in memory `liveBytes`; when the hub is too slow for them the session ends, and all that
 * waits becomes backlog, to be read from the file. Backlog in memory about 4 frames, two in flight, under a
 * rate cap.
 */
import type { Log } from "../log.ts";
import type { OutboxSource, Row, RowRange } from "../outbox/types.ts";
import type { Lane } from "../plugin/contract.ts";
import { lanes as laneNames } from "../subjects.ts";
import { buildFrame, type Frame, takeRun } from "./frame-builder.ts";
import type { HubPort } from "./hub-port.ts";
import { createLanes, dequeue, enqueue, isStored, type Lanes, type Leg, storedRange } from "./leg.ts";
import type { RateCap } from "./rate-cap.ts";
import { Semaphore } from "./semaphore.ts";

export interface SessionOptions {
  node: string;
  outbox: OutboxSource;
  hub: HubPort;
  log: Log;
  frameBytes: number;
  liveBytes: number;
  rateCap: RateCap;
  memory: Memory;
  onStored(frame: Frame, tookMs: number): void;
  /** The chain's last message is of another outbox, or not signed by this node's key. */
  onForeign(chain: string, forged: boolean): void;
  onBacklog(waiting: boolean): void;
}

/** What one session leaves to the next. */
export class Memory {
  /** Live frames of unknown fate, by chain. */
  readonly unknown = new Map<number, Frame>();
  /** Chains whose rows on disk may be stored already, since this process has not seen them sent. */
  readonly unsure = new Set<number>();
  /** Chains that need a fence: a process before this one may have had a live frame in flight. */
  readonly unfenced = new Set<number>();

  constructor(outbox: OutboxSource) {
    this.doubtAll(outbox);
    for (const { id, waitingRows } of outbox.chains()) if (waitingRows > 0) this.unfenced.add(id);
  }

  /** After a start or a salvage: rows may be back that were sent. */
  doubtAll(outbox: OutboxSource): void {
    for (const { id } of outbox.chains()) this.unsure.add(id);
  }
}

/** Why a session ended: to begin the next at once, or after a wait. */
export type End = { kind: "again" } | { kind: "lost"; error: unknown } | { kind: "refused"; reason: string };

const backlogInFlight = 2;

export class Session {
  readonly #options: SessionOptions;
  readonly #lanes = new Map<number, Lanes>();
  readonly #end = Promise.withResolvers<End>();
  readonly #backlogSlots = new Semaphore(backlogInFlight);
  readonly #sending = new Set<Promise<void>>();
  /** Ends the wait for answers that can't come any more. */
  readonly #cut = new AbortController();
  #boundary = 0;
  #ended: End | undefined;
  #liveQueuedBytes = 0;
  #backlogLane: Lane | undefined = laneNames[0];
  #cursor = 0;
  #filling = false;
  /** Whether backlog was left in the file because its time is not known. */
  #leftOut = false;
  #finished = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Runs until the link is lost, the hub refuses, the session must begin anew, or `signal` aborts. */
  async run(signal: AbortSignal): Promise<End> {
    const { outbox, memory } = this.#options;
    const stopped = (): void => this.#stop({ kind: "again" });
    const off: (() => void)[] = [];
    try {
      await outbox.flush();
      off.push(outbox.onAppended((rows) => this.#takeLive(rows)));
      off.push(outbox.onClock(stopped));
      off.push(
        outbox.onReset(() => {
          memory.doubtAll(outbox);
          stopped();
        }),
      );
      signal.addEventListener("abort", stopped);
      if (signal.aborted) stopped();
      this.#boundary = outbox.lastId;
      for (const state of outbox.chains()) this.#lanesOf(state.id);
      for (const id of memory.unknown.keys()) this.#pump(this.#lanesOf(id), "live");
      void this.#fill();
      return await this.#end.promise;
    } catch (error) {
      this.#stop({ kind: "lost", error });
      return this.#ended ?? { kind: "lost", error };
    } finally {
      signal.removeEventListener("abort", stopped);
      for (const end of off) end();
      // Frames in flight are answered or time out; only then is it known what the next session must repeat.
      await Promise.allSettled(this.#sending);
      for (const lane of laneNames) outbox.protect(lane, []);
    }
  }

  /** The link is down: what is in flight will not be answered. */
  lose(error: unknown): void {
    this.#stop({ kind: "lost", error });
    this.#cut.abort(error);
  }

  #stop(end: End): void {
    this.#ended ??= end;
    this.#end.resolve(this.#ended);
  }

  #lanesOf(id: number): Lanes {
    let lanes = this.#lanes.get(id);
    if (!lanes) {
      const { memory, node, outbox } = this.#options;
      const retry = memory.unknown.get(id);
      lanes = createLanes(node, outbox.chain(id), retry, !retry && !memory.unfenced.has(id));
      this.#lanes.set(id, lanes);
    }
    return lanes;
  }

  #takeLive(rows: readonly Row[]): void {
    for (const row of rows) {
      if (row.id <= this.#boundary) continue;
      const lanes = this.#lanes.get(row.chain) ?? this.#newLanes(row);
      enqueue(lanes.live, row);
      this.#liveQueuedBytes += row.records.length;
      this.#pump(lanes, "live");
    }
    if (this.#liveQueuedBytes > this.#options.liveBytes) {
      this.#options.log.info("the hub is slower than the samples: they wait on disk");
      this.#stop({ kind: "again" });
    }
  }

  /** A chain that came up during the session: its first row begins its run. */
  #newLanes(row: Row): Lanes {
    const { memory, node, outbox } = this.#options;
    const lanes = createLanes(
      node,
      { ...outbox.chain(row.chain), nextRow: row.row },
      memory.unknown.get(row.chain),
      true,
    );
    this.#lanes.set(row.chain, lanes);
    return lanes;
  }

  /** Sends what waits on a leg, unless somebody does already. */
  #pump(lanes: Lanes, which: "live" | "backlog"): void {
    const leg = lanes[which];
    if (leg.busy || this.#ended) return;
    leg.busy = true;
    const sending = this.#drain(lanes, leg)
      .catch((error: unknown) => this.#stop({ kind: "lost", error }))
      .finally(() => {
        this.#sending.delete(sending);
        if (leg.chain.backlog) void this.#fill();
      });
    this.#sending.add(sending);
  }

  async #drain(lanes: Lanes, leg: Leg): Promise<void> {
    try {
      await this.#drainQueue(lanes, leg);
    } finally {
      // In the same step as the last look at the queue: whoever enqueues behind it pumps anew.
      leg.busy = false;
    }
  }

  async #drainQueue(lanes: Lanes, leg: Leg): Promise<void> {
    const backlog = leg.chain.backlog;
    while (!this.#ended && (leg.queue.length > 0 || (!backlog && lanes.retry))) {
      await this.#look(lanes);
      if (this.#ended) return;
      if (backlog) {
        if (!lanes.fenced) await this.#fence(lanes);
        if (!lanes.fenced) return; // pumped again when the live chain has moved
        this.#dropStored(lanes, leg);
        await this.#drainBacklogFrame(lanes, leg);
        void this.#fill();
      } else if (lanes.retry) {
        await this.#sendRetry(lanes, lanes.retry);
      } else {
        const frame = this.#nextFrame(lanes, leg);
        if (!frame) return; // the clock is not known yet: pumped again in the session after it is
        await this.#send(lanes, leg, frame);
      }
    }
  }

  async #drainBacklogFrame(lanes: Lanes, leg: Leg): Promise<void> {
    const frame = this.#nextFrame(lanes, leg);
    if (!frame) {
      // Rows whose time is not known yet wait in the file; a session begins when it is.
      if (leg.queue.length > 0) this.#leftOut = true;
      dequeue(leg, leg.queue.length);
      return;
    }
    const release = await this.#backlogSlots.acquire();
    try {
      await this.#options.rateCap.take(frame.payload.length);
      if (!this.#ended) await this.#send(lanes, leg, frame);
    } finally {
      release();
    }
  }

  #nextFrame(lanes: Lanes, leg: Leg): Frame | undefined {
    const rows = takeRun(leg.queue, this.#options.frameBytes, (row) => isStored(lanes, row));
    if (rows.length === 0) return undefined;
    const { node, plugin, backlog } = leg.chain;
    return buildFrame(rows, `${node}/${plugin}/`, this.#options.outbox.store, backlog ? 0 : lanes.since);
  }

  /** Looks both chains up, once, and again after each conflict. */
  #look(lanes: Lanes): Promise<void> {
    lanes.looked ??= this.#lookUp(lanes);
    return lanes.looked;
  }

  async #lookUp(lanes: Lanes): Promise<void> {
    const { hub, outbox, memory, onForeign } = this.#options;
    const [live, backlog] = await Promise.all([
      hub.last(lanes.live.chain, this.#cut.signal),
      hub.last(lanes.backlog.chain, this.#cut.signal),
    ]);
    lanes.live.expected = live.sequence;
    lanes.backlog.expected = backlog.sequence;
    for (const last of [live, backlog]) {
      if (last.sequence > 0 && last.header?.store !== outbox.store)
        onForeign(`${lanes.state.plugin} ${lanes.state.lane}`, last.forged === true);
    }
    const liveRange = storedRange(live, outbox.store, false);
    const backlogRange = storedRange(backlog, outbox.store, true);
    const { id } = lanes.state;
    const newest = Math.max(liveRange?.last ?? 0, backlogRange?.last ?? 0);
    if (newest >= outbox.chain(id).nextRow) return this.#disown(lanes, newest);
    for (const range of [liveRange, backlogRange]) if (range) lanes.stored.push(range);
    if (liveRange && liveRange.first < lanes.since && memory.unsure.has(id)) {
      const known = outbox
        .chain(id)
        .sent.some(({ first, last }) => first <= liveRange.first && liveRange.last <= last);
      if (!known) await outbox.markSent(id, liveRange);
    }
  }

  /** The hub has rows that this file is only about to number: nothing of what it has can be told apart by number. */
  async #disown(lanes: Lanes, newest: number): Promise<void> {
    const { memory, outbox } = this.#options;
    const { plugin, lane, nextRow } = outbox.chain(lanes.state.id);
    memory.unknown.clear();
    await outbox.disown(`${plugin} ${lane}: the hub has row ${newest}, the file's next is ${nextRow}`);
    this.#stop({ kind: "again" });
  }

  /** The backlog waits for the live chain to move. If nothing is there to move it, a fence does. */
  async #fence(lanes: Lanes): Promise<void> {
    if (lanes.fenceAsked || lanes.retry || lanes.live.queue.length > 0) return;
    lanes.fenceAsked = true;
    await this.#options.outbox.fence(lanes.state.id);
  }

  async #sendRetry(lanes: Lanes, frame: Frame): Promise<void> {
    if (frame.rows.every((row) => isStored(lanes, row))) {
      await this.#settleRetry(lanes, frame);
      return;
    }
    await this.#send(lanes, lanes.live, frame);
  }

  /** The frame is stored, or never will be. Its rows must be gone for good before a new run hides it. */
  async #settleRetry(lanes: Lanes, frame: Frame, stored = true): Promise<void> {
    const { memory, outbox } = this.#options;
    memory.unknown.delete(lanes.state.id);
    if (stored) {
      lanes.settled = { first: frame.header.first, last: frame.header.last };
      lanes.stored.push(lanes.settled);
      this.#erase(lanes, frame.rows, undefined);
      await outbox.flush();
    }
    // Only now: while it stands, the backlog knows that somebody moves the live chain.
    lanes.retry = undefined;
    this.#moved(lanes);
  }

  /** The live chain has moved: the backlog may follow. */
  #moved(lanes: Lanes): void {
    const { memory } = this.#options;
    memory.unfenced.delete(lanes.state.id);
    if (lanes.fenced) return;
    lanes.fenced = true;
    this.#pump(lanes, "backlog");
  }

  async #send(lanes: Lanes, leg: Leg, frame: Frame): Promise<void> {
    const { hub, memory, onStored } = this.#options;
    const { id } = lanes.state;
    const live = !leg.chain.backlog;
    const began = performance.now();
    if (live) memory.unknown.set(id, frame);
    const answer = await hub.publish(
      leg.chain,
      frame.payload,
      frame.header,
      leg.expected ?? 0,
      this.#cut.signal,
    );
    switch (answer.kind) {
      case "stored":
        leg.expected = answer.sequence;
        onStored(frame, performance.now() - began);
        if (frame === lanes.retry) return this.#settleRetry(lanes, frame);
        return this.#take(lanes, leg, frame);
      case "conflict":
        return this.#resolveConflict(lanes, leg, frame);
      case "too-large":
        if (frame === lanes.retry) return this.#settleRetry(lanes, frame, false);
        if (live) memory.unknown.delete(id);
        return this.#shrink(leg, frame);
      case "refused":
        // It is known not to be stored.
        if (live && frame !== lanes.retry) memory.unknown.delete(id);
        this.#stop({ kind: "refused", reason: answer.reason });
    }
  }

  /** A frame of this session is stored: its rows go. */
  #take(lanes: Lanes, leg: Leg, frame: Frame): void {
    const { memory } = this.#options;
    const live = !leg.chain.backlog;
    if (live) {
      memory.unknown.delete(lanes.state.id);
      // The run that the mark was for is hidden now, and the mark is on disk.
      memory.unsure.delete(lanes.state.id);
      for (const row of frame.rows) this.#liveQueuedBytes -= row.records.length;
    }
    dequeue(leg, frame.rows.length);
    this.#erase(lanes, frame.rows, this.#doneRow(lanes, leg, frame.header.last));
    if (live) this.#moved(lanes);
  }

  /** The chain moved although nobody else writes it: by an earlier copy of this frame, or by a stranger. */
  async #resolveConflict(lanes: Lanes, leg: Leg, frame: Frame): Promise<void> {
    lanes.looked = undefined;
    await this.#look(lanes);
    const stored = frame.rows.every((row) => isStored(lanes, row));
    if (frame === lanes.retry) return; // looked at again by #sendRetry
    if (stored) this.#take(lanes, leg, frame);
    else if (!leg.chain.backlog) this.#options.memory.unknown.delete(lanes.state.id);
  }

  /** A frame that the hub does not take in one message: half of it, or, if it is one row, a gap record. */
  async #shrink(leg: Leg, frame: Frame): Promise<void> {
    const { outbox, log } = this.#options;
    if (frame.rows.length > 1) {
      this.#options.frameBytes = Math.max(1024, Math.floor(frame.payload.length / 2));
      log.warn("the hub takes no frame of this size: frames get smaller", {
        frameBytes: this.#options.frameBytes,
      });
      return;
    }
    const [row] = frame.rows;
    log.error("a pack is larger than the hub takes: it is given up", { bytes: frame.payload.length });
    if (!leg.chain.backlog) this.#liveQueuedBytes -= row!.records.length;
    dequeue(leg, 1);
    await outbox.giveUp(row!, "too-large");
  }

  /** Rows at the head of a backlog that the hub has already. */
  #dropStored(lanes: Lanes, leg: Leg): void {
    const stored = leg.queue.findIndex((row) => !isStored(lanes, row));
    const count = stored === -1 ? leg.queue.length : stored;
    if (count === 0) return;
    const rows = leg.queue.slice(0, count);
    dequeue(leg, count);
    const { first, last } = lanes.settled ?? { first: 0, last: 0 };
    const left = rows.filter(({ row }) => row < first || row > last);
    this.#erase(lanes, left, rows.at(-1)!.row);
  }

  /** Up to which row the chain is done, if that is known: the backlog goes in order, live only behind it. */
  #doneRow(lanes: Lanes, leg: Leg, last: number): number | undefined {
    if (leg.chain.backlog) return last;
    const backlogDone = this.#backlogLane === undefined && lanes.backlog.queue.length === 0 && !this.#leftOut;
    return backlogDone ? last : undefined;
  }

  #erase(lanes: Lanes, rows: readonly Row[], doneRow: number | undefined): void {
    this.#options.outbox.erase({
      chain: lanes.state.id,
      ids: runsOf(rows),
      rows: rows.length,
      samples: rows.reduce((sum, row) => sum + row.samples, 0),
      ...(doneRow !== undefined && { doneRow }),
    });
  }

  /** Reads backlog while there is room for it in memory; lanes in order of importance. */
  async #fill(): Promise<void> {
    if (this.#filling || this.#ended) return;
    this.#filling = true;
    try {
      while (!this.#ended && this.#backlogLane && this.#backlogBytes < 2 * this.#options.frameBytes) {
        await this.#readBacklog(this.#backlogLane);
      }
      this.#protect();
      if (this.#backlogLane === undefined) await this.#finishBacklog();
    } catch (error) {
      this.#stop({ kind: "lost", error });
    } finally {
      this.#filling = false;
    }
  }

  get #backlogBytes(): number {
    let bytes = 0;
    for (const { backlog } of this.#lanes.values()) bytes += backlog.queuedBytes;
    return bytes;
  }

  async #readBacklog(lane: Lane): Promise<void> {
    // Nothing of this lane is evicted between being read and being known as held.
    this.#protect(lane);
    const rows = await this.#options.outbox.read(lane, this.#cursor, 2 * this.#options.frameBytes);
    if (this.#ended) return;
    for (const row of rows) {
      if (row.id > this.#boundary) break;
      this.#cursor = row.id;
      enqueue(this.#lanesOf(row.chain).backlog, row);
    }
    const last = rows.at(-1);
    if (last === undefined || last.id > this.#boundary) {
      this.#backlogLane = laneNames[laneNames.indexOf(lane) + 1];
      this.#cursor = 0;
    }
    this.#protect();
    if (rows.length > 0 && rows[0]!.id <= this.#boundary) this.#options.onBacklog(true);
    for (const lanes of this.#lanes.values())
      if (lanes.backlog.queue.length > 0) this.#pump(lanes, "backlog");
  }

  /** Keeps rows in memory, and those of the lane that is `beingRead`, from being evicted from the file. */
  #protect(beingRead?: Lane): void {
    for (const lane of laneNames) {
      const from = lane === beingRead ? this.#cursor : this.#boundary;
      const ranges: RowRange[] = [{ first: from + 1, last: Number.MAX_SAFE_INTEGER }];
      const ids: number[] = [];
      for (const { backlog, state } of this.#lanes.values()) {
        if (state.lane === lane && backlog.queue.length > 0)
          ids.push(backlog.queue[0]!.id, backlog.queue.at(-1)!.id);
      }
      if (ids.length > 0) ranges.push({ first: Math.min(...ids), last: Math.max(...ids) });
      this.#options.outbox.protect(lane, ranges);
    }
  }

  async #finishBacklog(): Promise<void> {
    const busy = [...this.#lanes.values()].some(({ backlog }) => backlog.busy || backlog.queue.length > 0);
    if (busy || this.#finished || this.#leftOut) return;
    this.#finished = true;
    const { outbox, onBacklog } = this.#options;
    await outbox.flush();
    if (this.#ended) return;
    await outbox.verify(this.#boundary);
    onBacklog(false);
  }
}

function runsOf(rows: readonly Row[]): RowRange[] {
  const runs: RowRange[] = [];
  for (const { id } of rows) {
    const run = runs.at(-1);
    if (run && run.last === id - 1) run.last = id;
    else runs.push({ first: id, last: id });
  }
  return runs;
}
