/** Why a slot was given up, in a sentence for people. */
import type { Evidence } from "./evidence.ts";
import type { Health } from "./health.ts";

const mostCharacters = 240;

/** `plugin rs485 did not sample in 120 s`. What is known for sure goes before what is only likely. */
export function explain(evidence: Evidence): string {
  return (ended(evidence) ?? crashed(evidence) ?? unexplained(evidence)).slice(0, mostCharacters);
}

/** By the deadline. */
function ended({ deadlineS, service, health, journal }: Evidence): string | undefined {
  if (deadlineS === undefined) return undefined;
  const within = `in ${deadlineS} s`;
  if (service && (service.activeState !== "active" || service.restarts > 1)) {
    const starts = service.restarts + 1;
    const what =
      starts > 1
        ? `µMEC was started ${starts} times and did not stay up ${within}`
        : `µMEC ended (${service.result})`;
    const error = lastErrorOf(journal);
    return error === undefined ? what : `${what}: ${error}`;
  }
  if (!health) return `µMEC said nothing of its health ${within}`;
  const [failure] = health.failed;
  if (failure !== undefined) return `${failure} (not mended ${within})`;
  if (health.ok) return `its root slot was not read to its end ${within}`;
  return `${missing(health)} ${within}`;
}

/** `plugin a and plugin b did not sample, the hub did not answer`. */
export function missing({ waitingFor }: Pick<Health, "waitingFor">): string {
  const silent = waitingFor.filter((what) => what.startsWith("plugin "));
  const parts = [
    ...(waitingFor.includes("outbox") ? ["the outbox was not opened"] : []),
    ...(silent.length > 0 ? [`${silent.join(" and ")} did not sample`] : []),
    ...(waitingFor.includes("hub") ? ["the hub did not answer"] : []),
  ];
  if (parts.length === 0) return "the target state was not reached";
  return parts.join(", ");
}

function crashed({ kernel, watchdog, boots }: Evidence): string | undefined {
  if (/verity.*corrupted|dm-verity device corrupted/.test(kernel))
    return "a block of its root slot is damaged";
  const panic = last(kernel, /Kernel panic - not syncing: ([^\n]*)/g);
  if (panic !== undefined) return `the kernel panicked: ${panic.trim()}`;
  const gaveUp = last(kernel, /umec-init: ([^\n]*): restarting/g);
  if (gaveUp !== undefined) return `it could not be started: ${gaveUp}`;
  if (!watchdog) return undefined;
  return boots === 0
    ? "it hung before systemd, and the watchdog ended it"
    : "it hung, and the watchdog ended it";
}

function unexplained({ boots }: Evidence): string {
  if (boots === 0) return "none of its starts came as far as /data, and the kernel left no words";
  return `it restarted ${boots === 1 ? "once" : `${boots} times`} before it was good, and left no words`;
}

function lastErrorOf(journal: readonly string[]): string | undefined {
  const line = journal.findLast((text) => /\bumec\[\d+\]: .*\berror\b/i.test(text));
  return line?.replace(/^.*?\bumec\[\d+\]: /, "");
}

function last(text: string, pattern: RegExp): string | undefined {
  return [...text.matchAll(pattern)].at(-1)?.[1];
}
