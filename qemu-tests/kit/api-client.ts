/** An application on this machine, as a board's API and bus see one. */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../../runtime/errors.ts";
import { connectApp, trust } from "../../runtime/test-app-bus.ts";
import type { Network } from "./network.ts";

export interface ApiClientOptions {
  network: Network;
  /** The application's name and secret. */
  app: string;
  secret: string;
  /** Of the board. @default 8443 */
  port?: number;
  /** How long the board may take to serve it. @default 300 s */
  timeoutMs?: number;
}

export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #url: string;
  #token = "";

  /** Waits for the API, believes the certificate that it shows, and gets a token. */
  static async open(options: ApiClientOptions): Promise<ApiClient> {
    const { network, port = 8443, timeoutMs = 300_000 } = options;
    const here = await network.forward(port);
    trust(await certificateAt(here, timeoutMs));
    const client = new ApiClient(options, `https://127.0.0.1:${here}`);
    await client.#login();
    return client;
  }

  private constructor(options: ApiClientOptions, url: string) {
    this.#options = options;
    this.#url = url;
  }

  /** @param accept a media type; @default JSON */
  get(path: string, accept = "application/json"): Promise<Response> {
    return fetch(`${this.#url}${path}`, { headers: { ...this.#headers, accept } });
  }

  post(path: string, body: unknown): Promise<Response> {
    const headers = { ...this.#headers, "content-type": "application/json" };
    return fetch(`${this.#url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** Connects to the bus with what the API gives the application's instance. */
  async bus(appInstanceId: string): Promise<NatsConnection> {
    const answer = await this.post(`/umec_apps/v1/applications/${appInstanceId}/bus_credentials`, {});
    if (!answer.ok) throw await refused(answer);
    const { urls, creds } = (await answer.json()) as { urls: string[]; creds: string };
    const port = await this.#options.network.forward(Number(new URL(urls[0]!).port));
    return connectApp(`wss://127.0.0.1:${port}`, this.#options.app, creds);
  }

  get #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}` };
  }

  async #login(): Promise<void> {
    const { app, secret } = this.#options;
    const answer = await fetch(`${this.#url}/oauth2/v1/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${app}:${secret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    if (!answer.ok) throw await refused(answer);
    this.#token = ((await answer.json()) as { access_token: string }).access_token;
  }
}

async function refused(answer: Response): Promise<UmecError> {
  return new UmecError("API_CLIENT", `${answer.url}: ${answer.status} ${await answer.text()}`);
}

/** What the server there shows, in PEM. A board tells nobody when it is up, so it is asked again. */
async function certificateAt(port: number, timeoutMs: number): Promise<string> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const shown = await new Promise<Buffer | Error>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().raw);
        socket.destroy();
      });
      socket.on("error", resolve);
    });
    if (!(shown instanceof Error)) {
      const lines = shown.toString("base64").match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
    }
    if (performance.now() > untilMs)
      throw new UmecError(
        "API_CLIENT",
        `nothing serves the API after ${timeoutMs / 1000} s: ${shown.message}`,
      );
    await delay(500);
  }
}
