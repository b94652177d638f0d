import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import { countFindings, formatFindings } from "./target-file.ts";
import { plural } from "./units.ts";

export function addCommissionCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "commission",
    summary: "take over what a card's umec.json says",
    description:
      "Checks umec.json and writes what it asks for to its places: the target state, the hub's credentials, keys for " +
      "ssh, the network. Then the file is blanked. The image does this at its start, and does nothing when the file " +
      "is blank; an invalid file changes nothing.",
    examples: [
      "umec commission /boot/umec.json                     # on a node",
      "umec commission umec.json --check                   # at the desk: find every error",
      "umec commission umec.json --root /mnt/card --keep   # into a mounted system",
    ],
  })
    .argument("<file>", "the card's umec.json")
    .option("--root <directory>", "where the node's files are", "/")
    .option("--check", "only check")
    .option("--keep", "leave the file as it is")
    .action(async (file: string, options: { root: string; check?: true; keep?: true }) => {
      await commission(file, options, context);
    });
}

async function commission(
  file: string,
  { root, check, keep }: { root: string; check?: true; keep?: true },
  { stdout, stderr }: Context,
): Promise<void> {
  const [{ readCardFile, markTaken }, { checkCard }, { applyCard, nodeBefore }, { drivers }] =
    await Promise.all([
      import("../commission/card-file.ts"),
      import("../commission/check-card.ts"),
      import("../commission/apply.ts"),
      import("../drivers.ts"),
    ]);
  const state = await readCardFile(file).catch((cause: Error) => {
    throw new UmecError("CARD_UNREADABLE", `${file} can't be read: ${cause.message}`, {
      cause,
      hint: "name the card's umec.json; on a node it is /boot/umec.json",
    });
  });
  if (state.kind === "taken" && state.torn && !check && !keep) {
    await markTaken(file, state.node);
    stdout.write(`${file} was taken over by ${state.node}; what a power cut had left of it is blanked now\n`);
    return;
  }
  if (state.kind !== "new") {
    const why = state.kind === "blank" ? "is blank" : `was taken over by ${state.node}`;
    stdout.write(`${file} ${why}: nothing to do\n`);
    return;
  }
  const at = check ? { nowMs: Date.now() } : {};
  const { card, findings } = await checkCard(state.text, { path: file, drivers, ...at });
  stderr.write(formatFindings(findings));
  if (!card) {
    const { errors } = countFindings(findings);
    throw new UmecError("CARD_INVALID", `${file} has ${plural(errors, "error")}: nothing was changed`, {
      hint: "correct the file; `umec commission --check` shows the findings again",
    });
  }
  if (check) {
    stdout.write(`${file}: ok, for ${card.node}\n`);
    return;
  }
  const before = await nodeBefore(root);
  await applyCard(card, root);
  if (!keep) await markTaken(file, card.node);
  const renamed = before === undefined || before === card.node ? "" : `; the node was ${before}`;
  stdout.write(`${card.node} is commissioned${renamed}\n`);
}
