/**
 * The listening sockets in the kernel's tables (`/proc/net/tcp`, `tcp6`, `udp` and `udp6`, each behind a line with its
 * name, as `head` prints them), sorted: `tcp 22`, or `tcp loopback` for any port that only this machine reaches. A UDP
 * socket that is bound and has no peer listens.
 */
export function listening(tables: string): string[] {
  const found = new Set<string>();
  let protocol = "";
  for (const line of tables.split("\n")) {
    protocol = /\/proc\/net\/(tcp|udp)6?/.exec(line)?.[1] ?? protocol;
    const [, address = "", port = "", state] =
      /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})/.exec(line) ?? [];
    // include/net/tcp_states.h: TCP_LISTEN; an unconnected UDP socket is TCP_CLOSE.
    if (state !== (protocol === "tcp" ? "0A" : "07")) continue;
    found.add(`${protocol} ${isLoopback(address) ? "loopback" : Number.parseInt(port, 16)}`);
  }
  return [...found].sort();
}

/** Words of four bytes in the machine's order, little-endian on all of our boards. */
function isLoopback(address: string): boolean {
  if (address.length === 8) return address.endsWith("7F");
  return /^0{24}(01000000)$/.test(address) || /^0{16}FFFF0000......7F$/.test(address);
}
