import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import { addCommand, type Context } from "./context.ts";
import type { CardOptions } from "./flash-card.ts";

type Options = CardOptions & { yes?: true; forceLarge?: true; bmap: boolean };

const collect = (value: string, before: string[] = []) => [...before, value];

export function addFlashCommand(program: Command, context: Context): void {
  const command = addCommand(program, {
    usage: "flash",
    summary: "write an image to a card, with a node's configuration",
    description:
      "Writes an image (.img, or .img.zst) to a whole disk, or to a file, and reads it back. What lies beside the image " +
      "is used: .bmap (only what the map names is written) and .sha256. A disk that is in use is refused. The partition " +
      "table comes last, so that a card which was interrupted starts nothing.\n" +
      "A configuration is checked first and goes into umec.json on the card. Without an image only that is written.",
    examples: [
      "umec flash umec-0.1.0-rpi.img.zst /dev/sdb",
      "umec flash umec-0.1.0-rpi.img.zst /dev/sdb --config umec.json --yes    # asks nothing",
      "umec flash umec.img.zst /dev/sdb --name lamp-1 --hub tls://hub.example.org:7422 --creds lamp-1.creds",
      "umec flash --config umec.json /dev/sdb                                 # only the configuration",
    ],
  });
  command
    .argument("[image]", "an image's file")
    .argument("[disk]", "a whole disk such as /dev/sdb, or a file")
    .option("--config <umec.json>", "the node's configuration, as a whole")
    .option("--name <name>", "or made of these: the node's name")
    .option("--hub <url>", "where the hub accepts nodes; may be given again", collect)
    .option("--creds <file>", "the node's credentials for the hub")
    .option("--ca <file>", "your own CA's certificate, PEM")
    .option("--target <node.yaml>", "its keys, but for its name")
    .option(
      "--ssh-key <file>",
      "public keys that may log in, as in id_ed25519.pub; may be given again",
      collect,
    )
    .option("--no-bmap", "write all of the image, also where there is a block map")
    .option("--force-large", "the disk has more than 256 GB, and that is meant")
    .option("--yes", "do not ask")
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const only = second === undefined;
      if (first === undefined || (only && !hasConfig(options))) {
        throw new UmecError("CLI_USAGE", "name an image and a disk, or --config and a disk", {
          hint: "see umec flash --help",
        });
      }
      const { runFlash } = await import("./flash-run.ts");
      const places = only ? { destination: first } : { image: first, destination: second };
      await runFlash({ ...options, ...places }, context);
    });
}

function hasConfig({ yes: _, forceLarge: __, bmap: ___, ...card }: Options): boolean {
  return Object.values(card).some((value) => value !== undefined);
}
