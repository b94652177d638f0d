import assert from "node:assert/strict";
import { test } from "node:test";
import { createScratch } from "../runtime/test-scratch.ts";
import type { DeviceAttachment, MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { machines } from "./machines.ts";

export const node = "lamp-0042";

/** A story that shares its board. Boards take long to start, so those that do not harm each other are told on one. */
export interface BoardStory {
  name: string;
  /** Of node.yaml. No two stories have the same plugin or device. */
  plugins: Readonly<Record<string, object>>;
  devices?: readonly DeviceAttachment[];
  /** Other parts of node.yaml. @default none */
  target?: object;
  /** Keys of the card's owner. @default none */
  ssh?: readonly string[];
  /** How often it restarts the board. @default 0 */
  reboots?: number;
  tell(at: { board: Board; hub: Hub }): Promise<void>;
}

/** @param dir for files; it goes when the tests are done */
export type MakeBoardStory = (machine: MachineName, dir: string) => BoardStory | Promise<BoardStory>;

/** Tells stories one after the other, on a board of each kind that has any. */
export function onOneBoard(
  name: string,
  storiesOf: (machine: MachineName) => readonly MakeBoardStory[],
): void {
  const scratch = createScratch();
  for (const machine of machines) {
    const makers = storiesOf(machine);
    if (makers.length === 0) continue;
    test(`${name} (${machine})`, { timeout: 1_500_000 }, async (t) => {
      const dir = await scratch();
      const stories = await Promise.all(makers.map((make) => make(machine, dir)));
      await using hub = await Hub.start({ nodes: [node] });
      const targets = stories.map(({ target }) => target);
      const ssh = stories.flatMap((story) => story.ssh ?? []);
      await using board = await Board.boot({
        machine,
        hub,
        node,
        target: Object.assign({}, ...targets, {
          plugins: Object.assign({}, ...stories.map(({ plugins }) => plugins)),
        }),
        ...(ssh.length > 0 && { config: { ssh } }),
        devices: stories.flatMap(({ devices }) => devices ?? []),
        debugShell: true,
      });
      for (const story of stories)
        await t.test(`${story.name} (${machine})`, () => story.tell({ board, hub }));
      const reboots = stories.reduce((sum, story) => sum + (story.reboots ?? 0), 0);
      assert.equal(board.reboots, reboots);
    });
  }
}
