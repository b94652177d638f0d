import { resolve } from "node:path";
import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";

interface Options {
  data: string;
  out: string;
  json?: true;
}

export function addHubEnrolCommand(hub: Command, context: Context): void {
  addCommand(hub, {
    usage: "enrol",
    summary: "answer a node that can't reach the hub to enrol",
    description:
      "Answers the question that a node wrote into a file, with the same checks as over its link. A refusal is written too, so " +
      "that the node can say it. Neither file holds a secret.",
    examples: [
      "umec hub enrol question.json --out answer.json",
      "umec hub enrol question.json --out answer.json --data /srv/hub",
    ],
  })
    .argument("<question>", "the node's file")
    .requiredOption("--out <file>", "where the answer goes")
    .option("--data <directory>", "the hub's", "hub")
    .option("--json", "one JSON object")
    .action((question: string, options: Options) => answer(question, options, context));
}

interface Answered {
  answer: string;
  node: string;
  refused?: { code: string; text: string };
}

async function answer(
  path: string,
  { data, out, json }: Options,
  { stdout, signal }: Context,
): Promise<void> {
  const [{ askHub }, { textOf }, { writePrivateFile }] = await Promise.all([
    import("./hub-ask.ts"),
    import("./hub-token-parts.ts"),
    import("../nats/private-file.ts"),
  ]);
  const question = (await textOf(path)).trim();
  const { answer: text, node, refused } = await askHub<Answered>(data, "/enrol", { question }, signal);
  await writePrivateFile(resolve(out), `${text}\n`);
  if (refused) {
    throw new UmecError(refused.code, `${node} was not enrolled: ${refused.text}`, {
      hint: "docs/enrolment.md says what each refusal means; the answer says it to the node",
    });
  }
  stdout.write(
    json ? `${JSON.stringify({ node, path: resolve(out) })}\n` : `${node} is enrolled: take ${out} to it\n`,
  );
}
