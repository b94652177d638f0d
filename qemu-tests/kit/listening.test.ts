import assert from "node:assert/strict";
import { test } from "node:test";
import { listening } from "./listening.ts";

test("listening sockets are told from connections, and loopback from the rest", () => {
  const tables = `==> /proc/net/tcp <==
  sl  local_address rem_address   st tx_queue
   0: 0100007F:9649 00000000:0000 0A 00000000:00000000
   1: 0F02000A:D19E 0202000A:9B8B 01 00000000:00000000
==> /proc/net/tcp6 <==
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000
==> /proc/net/udp <==
  12: 0F02000A:0044 00000000:0000 07 00000000:00000000
  13: 0F02000A:8001 0202000A:007B 01 00000000:00000000
`;
  assert.deepEqual(listening(tables), ["tcp 22", "tcp loopback", "udp 68"]);
});
