/**
 * Enrolment of a node that can't reach its hub: the question and the answer in files that somebody carries. The checks are
 * those of the link.
 *
 * Between the two lies `<data>/keys/question.json`, `{ "token", "nonce" }`: an answer is to the latest question, and to no
 * other. The token stays secret, and stays on the node: neither file holds it.
 */
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makePrivateDirectory, writeDurable } from "../durable-file.ts";
import { UmecError } from "../errors.ts";
import type { NodeIdentity } from "../identity/types.ts";
import { writeClaims } from "./claims-file.ts";
import { askWith, readToken, takeAnswer } from "./exchange.ts";
import { type SettleOptions, settle } from "./settle.ts";
import { readTokenText } from "./token-file.ts";
import { claimsPath, tokenPath } from "./types.ts";

export interface HandOptions extends SettleOptions {
  node: string;
  identity(): Promise<NodeIdentity>;
}

export interface Hand {
  /** The text of a question. @throws UmecError `ENROL_NO_TOKEN`, and as `readToken` does */
  question(): Promise<string>;
  /**
   * Takes the answer to the latest question; a running node goes on with it by itself.
   *
   * @throws UmecError the hub's refusal, by its code; `ENROL_NO_QUESTION`, `ENROL_NO_TOKEN`, `ANSWER_INVALID`
   */
  answer(text: string): Promise<{ node: string; expiresAtMs: number }>;
}

export function createHand(options: HandOptions): Hand {
  const { node, dataPath, targetPath, identity } = options;
  const questionPath = join(dirname(claimsPath(dataPath)), "question.json");
  const token = async () => {
    const path = tokenPath(targetPath);
    const text = await readTokenText(path);
    if (text !== undefined) return readToken(text, node);
    throw new UmecError("ENROL_NO_TOKEN", `there is no token ${path}`, {
      hint: "put there what `umec hub token` prints; a node that has enrolled needs none",
    });
  };
  return {
    async question() {
      const shown = await token();
      const { envelope, nonce } = await askWith(shown, await identity());
      await makePrivateDirectory(dirname(questionPath));
      await writeDurable(questionPath, JSON.stringify({ token: shown.id, nonce }));
      return JSON.stringify(envelope);
    },
    async answer(text) {
      const shown = await token();
      const asked = JSON.parse(await readFile(questionPath, "utf8").catch(() => "{}"));
      if (asked.token !== shown.id) {
        throw new UmecError("ENROL_NO_QUESTION", "this node has asked nothing with its token", {
          hint: "write a question first: umec enrol question --out question.json",
        });
      }
      const answer = takeAnswer(text, asked.nonce, shown, await identity());
      if ("refused" in answer) {
        throw new UmecError(answer.refused.code, `the node is not enrolled: ${answer.refused.text}`, {
          hint: "docs/enrolment.md says what each refusal means",
        });
      }
      await writeClaims(dataPath, answer);
      await rm(questionPath, { force: true });
      const { expiresAtMs } = await settle(answer, options);
      return { node, expiresAtMs };
    },
  };
}
