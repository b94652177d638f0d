import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { UmecError } from "../../runtime/errors.ts";
import { type ProxyTarget, startProxy, type TcpProxy } from "./proxy.ts";
import type { Qmp } from "./qmp.ts";

/** The id of the board's network backend in QEMU; `set_link` on it moves the guest's carrier too. */
export const networkId = "net0";

/** Where a guest sees 127.0.0.1 of this machine (QEMU's user network, "Network emulation" in QEMU's manual). */
export const hostInGuest = "10.0.2.2";

/** The board's network cable, and what lies behind it. */
export class Network implements AsyncDisposable {
  readonly #proxies: TcpProxy[] = [];
  /** Ports of this machine's loopback by the guest's. */
  readonly #forwarded = new Map<number, number>();
  #qmp: Qmp | undefined;
  #up = true;
  #delayMs = 0;

  /** Whether the cable is plugged in. It stays as it is over a power cut. */
  get up(): boolean {
    return this.#up;
  }

  /** Pulls the cable: the guest loses its carrier, and connections hear nothing, as from a dead line. */
  async cut(): Promise<void> {
    await this.#set(false);
  }

  /** Plugs it in again. */
  async restore(): Promise<void> {
    await this.#set(true);
  }

  /** Delays what passes between the board and the servers behind `open`, each way, in milliseconds from 0. */
  delay(ms: number): void {
    for (const proxy of this.#proxies) proxy.delay(ms);
    this.#delayMs = ms;
  }

  /**
   * Opens a way from the board to a server on this machine, and returns the address that the guest dials. It stays the
   * same when the server comes back on another port: `target` is asked for each connection.
   */
  async open(target: () => ProxyTarget): Promise<{ host: string; port: number }> {
    const proxy = await startProxy(target);
    proxy.delay(this.#delayMs);
    this.#proxies.push(proxy);
    return { host: hostInGuest, port: proxy.port };
  }

  /** Opens a way from this machine's loopback to a port of the board, also of its later lives; gives the port here. */
  async forward(guestPort: number): Promise<number> {
    const there = this.#forwarded.get(guestPort);
    if (there !== undefined) return there;
    // QEMU does not tell which port it took, so one that was just free is named.
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, "close");
    this.#forwarded.set(guestPort, port);
    if (this.#qmp) await forwardIn(this.#qmp, port, guestPort);
    return port;
  }

  /** Breaks the connections to the servers behind `open`; the cable stays. */
  break(): void {
    for (const proxy of this.#proxies) proxy.break();
  }

  /** A new QEMU has the cable as it was. */
  async attach(qmp: Qmp): Promise<void> {
    this.#qmp = qmp;
    if (!this.#up) await this.#tell();
    for (const [guestPort, port] of this.#forwarded) await forwardIn(qmp, port, guestPort);
  }

  detach(): void {
    this.#qmp = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies.splice(0)) await proxy[Symbol.asyncDispose]();
  }

  async #set(up: boolean): Promise<void> {
    this.#up = up;
    await this.#tell();
  }

  async #tell(): Promise<void> {
    try {
      await this.#qmp?.execute("set_link", { name: networkId, up: this.#up });
    } catch (cause) {
      throw new UmecError("NETWORK_NOT_CHANGED", "the network cable could not be moved", { cause });
    }
  }
}

/** QMP has no command for it; the monitor for people answers with words when it fails, and with nothing else. */
async function forwardIn(qmp: Qmp, port: number, guestPort: number): Promise<void> {
  const line = `hostfwd_add ${networkId} tcp:127.0.0.1:${port}-:${guestPort}`;
  const said = await qmp.execute<string>("human-monitor-command", { "command-line": line });
  if (said.trim() !== "") throw new UmecError("NETWORK_NOT_CHANGED", `QEMU: ${line}: ${said.trim()}`);
}
