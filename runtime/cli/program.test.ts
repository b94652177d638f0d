import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { Command } from "commander";
import { UmecError } from "../errors.ts";
import type { Context } from "./context.ts";
import { exitCodeMeanings, exitCodeOf } from "./exit-codes.ts";
import { formatError } from "./main.ts";
import { createProgram } from "./program.ts";
import { umec } from "./test-program.ts";

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : [command, ...command.commands.flatMap(leaves)];
}

function helpOf(command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help;
}

function program(): Command {
  const { stdout, stderr } = process;
  const context: Context = { stdout, stderr, signal: new AbortController().signal, exitCode: 0 };
  return createProgram(context);
}

/** The first teaches by doing, the others are started by the node or its image alone and shown in no help. */
const withoutExamples = ["demo", "plugin-process", "program-install", "session", "people", "apply"];

test("every command's help teaches by two examples or more", () => {
  const commands = leaves(program()).filter((command) => !withoutExamples.includes(command.name()));
  assert.ok(commands.length > 10);
  for (const command of commands) {
    const help = helpOf(command);
    const examples = help.slice(help.indexOf("Examples:")).match(/^ {2}umec /gm) ?? [];
    assert.ok(examples.length >= 2, `${command.name()}:\n${help}`);
  }
});

test("each example is a command line that the program takes", async () => {
  const lines = leaves(program()).flatMap((command) => {
    const help = command.name() === "demo" ? "" : helpOf(command);
    return [...help.matchAll(/^ {2}umec (.*)$/gm)].map(([, line]) => line!);
  });
  for (const line of new Set(lines)) {
    const args = line.replace(/ +[#|>].*$/, "").split(/ +/);
    const parsed = program();
    for (const command of leaves(parsed)) command.action(() => {});
    await assert.doesNotReject(parsed.parseAsync(args, { from: "user" }), line);
  }
});

test("the help and the version are asked for with status 0, and the help has the table of statuses", async () => {
  const help = await umec(["--help"]);
  assert.equal(help.code, 0);
  for (const [code, meaning] of exitCodeMeanings)
    assert.ok(help.stdout.includes(`${code} `) && help.stdout.includes(meaning));
  const version = await umec(["--version"]);
  assert.deepEqual([version.code, version.stderr], [0, ""]);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("docs/cli.md has the same table of statuses", async () => {
  const docs = await readFile(new URL("../../docs/cli.md", import.meta.url), "utf8");
  for (const [code, meaning] of exitCodeMeanings)
    assert.ok(docs.includes(`| ${code} | ${meaning} |`), meaning);
});

test("a wrong command line is status 2, with one line and where to read on", async () => {
  const wrong = await umec(["chek"]);
  assert.equal(wrong.code, 2);
  assert.equal(wrong.stderr, "umec: unknown command 'chek'\n(Did you mean check?)\nhint: see umec --help\n");
  const option = await umec(["hub", "read", "--lane", "fast", "n1", "p1"]);
  assert.equal(option.code, 2);
  assert.match(option.stderr, /^umec: option '--lane <lane>' .*\nhint: see umec hub read --help\n$/);
});

test("an error is its message and a hint; its stack comes with --debug or UMEC_DEBUG=1", async () => {
  const error = await umec(["check", "/nowhere/node.yaml"]);
  assert.equal(error.code, 3);
  assert.match(error.stderr, /^umec: there is no file \/nowhere\/node\.yaml\nhint: .*\n$/);
  const debug = await umec(["check", "/nowhere/node.yaml", "--debug"]);
  assert.match(debug.stderr, /^umec: .*\nhint: .*\nUmecError: .*\n {4}at /);
  const byEnvironment = await umec(["check", "/nowhere/node.yaml"], { env: { UMEC_DEBUG: "1" } });
  assert.match(byEnvironment.stderr, /\n {4}at /);
});

test("errors without a status of their own, and what is no error of ours, are status 1", () => {
  assert.equal(exitCodeOf(new UmecError("SOME_THING", "x")), 1);
  assert.equal(exitCodeOf("thrown"), 1);
  assert.equal(formatError("thrown"), "umec: thrown\n");
});
