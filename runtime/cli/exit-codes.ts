import { isUmecError } from "../errors.ts";

/** What the program's exit status says. docs/cli.md has the same table. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  invalidTarget: 3,
  notRunning: 4,
  damaged: 5,
  /** EX_TEMPFAIL of sysexits.h. */
  temporary: 75,
} as const;

export const exitCodeMeanings: readonly (readonly [code: string, meaning: string])[] = [
  ["0", "done"],
  ["1", "failed; the message says why"],
  ["2", "the command line is wrong"],
  ["3", "the target state is missing or has errors"],
  ["4", "the node is not running"],
  ["5", "some data is damaged or could not be read"],
  ["75", "locked, or no answer now: try again; of `umec run`: start me again"],
  ["130, 143", "interrupted by SIGINT, by SIGTERM"],
];

const byCode: ReadonlyMap<string, number> = new Map([
  ["CLI_USAGE", exitCodes.usage],
  ["API_FIXTURE", exitCodes.usage],
  ["API_LISTEN", exitCodes.usage],
  ["COMMAND_INVALID", exitCodes.usage],
  ["COMMAND_READ_ONLY", exitCodes.usage],
  ["COMMAND_UNKNOWN", exitCodes.usage],
  ["HUB_CAMPAIGN_EMPTY", exitCodes.usage],
  ["HUB_CAMPAIGN_EXISTS", exitCodes.usage],
  ["HUB_CAMPAIGN_UNKNOWN", exitCodes.usage],
  ["HUB_CA_STEP", exitCodes.usage],
  ["HUB_HOST_INVALID", exitCodes.usage],
  ["HUB_INIT_EXISTS", exitCodes.usage],
  ["HUB_LISTEN", exitCodes.usage],
  ["HUB_NODE_INVALID", exitCodes.usage],
  ["HUB_NODE_NAME", exitCodes.usage],
  ["HUB_OPERATOR", exitCodes.usage],
  ["HUB_QUERY_INVALID", exitCodes.usage],
  ["HUB_SERVERS", exitCodes.usage],
  ["HUB_TABLE_INVALID", exitCodes.usage],
  ["HUB_TLS_REQUIRED", exitCodes.usage],
  ["SBOM_IGNORE", exitCodes.usage],
  ["SBOM_INPUT", exitCodes.usage],
  ["SBOM_LIST", exitCodes.usage],
  ["CARD_INVALID", exitCodes.invalidTarget],
  ["CARD_UNREADABLE", exitCodes.invalidTarget],
  ["ANSWER_INVALID", exitCodes.damaged],
  ["TARGET_INVALID", exitCodes.invalidTarget],
  ["TARGET_MISSING", exitCodes.invalidTarget],
  ["TARGET_UNREADABLE", exitCodes.invalidTarget],
  ["HUB_NOT_RUNNING", exitCodes.notRunning],
  ["NODE_NOT_RUNNING", exitCodes.notRunning],
  ["FLASH_IMAGE_DAMAGED", exitCodes.damaged],
  ["FLASH_VERIFY", exitCodes.damaged],
  ["OUTBOX_CORRUPT", exitCodes.damaged],
  ["AUDIT_BUSY", exitCodes.temporary],
  ["COMMAND_BUSY", exitCodes.temporary],
  ["COMMAND_EXPIRED", exitCodes.temporary],
  ["COMMAND_NO_ANSWER", exitCodes.temporary],
  ["COMMAND_NOT_READY", exitCodes.temporary],
  ["COMMAND_TIMEOUT", exitCodes.temporary],
  ["COMMAND_UNREACHABLE", exitCodes.temporary],
  ["HUB_ACCOUNTS", exitCodes.temporary],
  ["HUB_CAMPAIGN_CHANGED", exitCodes.temporary],
  ["HUB_LOCKED", exitCodes.temporary],
  ["HUB_NOT_READY", exitCodes.temporary],
  ["HUB_NO_ANSWER", exitCodes.temporary],
  ["HUB_READ_LAGS", exitCodes.temporary],
  ["HUB_UNREACHABLE", exitCodes.temporary],
  ["NODE_NO_ANSWER", exitCodes.temporary],
  ["OUTBOX_LOCKED", exitCodes.temporary],
  ["UPDATE_BUSY", exitCodes.temporary],
  ["UPDATE_NOT_READY", exitCodes.temporary],
]);

export function exitCodeOf(error: unknown): number {
  return (isUmecError(error) ? byCode.get(error.code) : undefined) ?? exitCodes.failed;
}
