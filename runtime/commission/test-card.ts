/** A card with all that a card can ask for, for tests. Its keys and certificates are nobody's. */
import { drivers } from "../drivers.ts";
import { formatToken } from "../enrol-wire.ts";
import { formatFinding } from "../target/finding.ts";
import type { Card } from "./card-schema.ts";
import { type CheckedCard, checkCard } from "./check-card.ts";

export const credentials = `-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJuYW1lIjoibGFtcCJ9.c2lnbmF0dXJl
------END NATS USER JWT------

************************* IMPORTANT *************************

-----BEGIN USER NKEY SEED-----
SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4
------END USER NKEY SEED------
`;

export const ca = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUNR0tSF/eW9GkhtP/pUtrQS1EKwUwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdW1lYyB0ZXN0IENBMCAXDTI2MTEyNDE1NDQ0NloYDzIxMjYx
MDMxMTU0NDQ2WjAXMRUwEwYDVQQDDAx1bWVjIHRlc3QgQ0EwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASdNqKl7aeIudthY0ltMzZaqcIFWEjXP4fWFKfm7DYdL0SV
VhTEogj5a1079FL3kYpAo4+ZqEkt9oL3WHNsQoOPo1MwUTAdBgNVHQ4EFgQUPu9r
lHMFs6O/9T8K25uQXLO8sVIwHwYDVR0jBBgwFoAUPu9rlHMFs6O/9T8K25uQXLO8
sVIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAhXpcsvpUVLoI
MZuEz+Ikbu7XY7PO8Lr1hJR1azSAAiQCIE4iWpwIualYx3V/tgem6CxBEo1jFYrX
8ZKssAksYQVa
-----END CERTIFICATE-----
`;

/** Nobody's, for the node of {@link full}; good until 2100. */
export const token = formatToken({
  node: "lamp-0042",
  id: "0123456789abcdef",
  secret: Buffer.alloc(32, 7).toString("base64url"),
  creds: credentials,
  issuedAtMs: Date.UTC(2026, 10, 1),
  expiresAtMs: Date.UTC(2100, 0, 1),
});

export const full = {
  node: "lamp-0042",
  hub: { urls: ["tls://hub-1.example.org:7422", "tls://hub-2.example.org"], credentials, token },
  target: {
    outbox: { quotaBytes: "64MiB" },
    link: { reconnectMs: 1000 },
    plugins: {
      meter: {
        driver: "modbus",
        options: { host: "10.0.0.7", units: { a: { unit: 1, registers: { power: { address: 0 } } } } },
      },
    },
  },
  ssh: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPsQT4SO+SfajT41TBMkGPFan+5dyMJ4gUBDAQ8arBq me@desk"],
  network: {
    interface: "end0",
    address: "192.168.7.20/24",
    gateway: "192.168.7.1",
    dns: ["192.168.7.1", "fd00::1"],
    ntp: ["ntp.example.org"],
  },
};

export function checked(card: unknown, nowMs?: number): Promise<CheckedCard> {
  const text = typeof card === "string" ? card : JSON.stringify(card, null, 2);
  return checkCard(text, { path: "umec.json", drivers, ...(nowMs !== undefined && { nowMs }) });
}

export async function cardOf(value: unknown): Promise<Card> {
  const { card, findings } = await checked(value);
  if (card) return card;
  throw new Error(findings.map(formatFinding).join("\n"));
}
