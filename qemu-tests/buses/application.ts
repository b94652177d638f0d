import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { editTarget } from "../edit-target.ts";
import { ApiClient } from "../kit/api-client.ts";
import { type BoardStory, node } from "../shared-board.ts";

const secret = "of the weather board";
const viewer = {
  appInstanceId: randomUUID(),
  secretSha256: createHash("sha256").update(secret).digest("hex"),
  read: ["sensors/**"],
};
const dnsRules = { edge: { domainName: "edge.example", ipAddress: "10.9.9.9", active: true } };
const trafficRules = {
  quiet: { filterType: "FLOW", filters: [{ dstAddress: ["10.9.0.0/16"] }], action: "DROP", active: true },
};
const api = { host: "0.0.0.0", bus: { port: 8444 } };
interface Device {
  enabled: boolean;
  deviceMetadata: { key: string; value: string }[];
}
interface Reading {
  v: number;
  u: string;
}

/** Reads the thermometer that another story has on the bus. */
export function application(): BoardStory {
  return {
    name: "an application outside reads a sensor and is cut off when its right is revoked; its rules hold, and end with the API",
    plugins: {},
    target: { api, apps: { viewer: { ...viewer, dnsRules, trafficRules } } },
    async tell({ board, hub }) {
      const hall = board.i2c("hall");
      await hall.set({ celsius: 18.5 });
      const isNew = ({ value }: { value: unknown }) => value === 18.5;
      await hub.sample({
        node,
        plugin: "sensors",
        name: "hall/temperature",
        where: isNew,
        timeoutMs: 60_000,
      });
      const app = await ApiClient.open({ network: board.network, app: "viewer", secret });

      // MEC 033 says where the sensor is, by HTTP and on the bus.
      const device = await app.get("/iots/v1/registered_devices/sensors.hall.temperature");
      const { enabled, deviceMetadata } = (await device.json()) as Device;
      const { property, uplinkTopic } = Object.fromEntries(
        deviceMetadata.map(({ key, value }) => [key, value]),
      );
      assert.deepEqual([device.status, enabled], [200, true]);
      const byHttp = await app.get(property!, "application/senml+json");
      const [reading] = (await byHttp.json()) as [Reading];
      assert.deepEqual([reading.v, reading.u], [18.5, "Cel"]);

      const bus = await app.bus(viewer.appInstanceId);
      const readings = bus.subscribe(uplinkTopic!);
      await bus.flush();
      await hall.set({ celsius: -5.25 });
      for await (const message of readings) if (message.json<[Reading]>()[0].v === -5.25) break;
      assert.equal((await (await app.get(property!)).json()) as number, -5.25);

      // Both ways end at once.
      const beganMs = performance.now();
      assert.equal((await board.sh(editTarget("s#sensors/\\*\\*#other/**#"))).status, 0);
      await bus.closed();
      assert.ok(performance.now() - beganMs < 10_000);
      assert.equal((await app.get(property!)).status, 403);
      await assert.rejects(async () => {
        await using other = await app.bus(viewer.appInstanceId);
        for await (const _ of other.subscribe(uplinkTopic!)) break;
      }, /permissions violation/i);

      // What it asked of the node beside.
      const sh = async (command: string) => (await board.sh(command, { timeoutMs: 300_000 })).output;
      await sh("until nft list table ip umec 2>/dev/null; do sleep 1; done");
      const rule = /ct reply ip saddr 10\.9\.0\.0\/16 .* drop comment "/;
      assert.match(await sh("nft list table ip umec"), rule);
      await sh("until systemctl -q is-active umec-dns; do sleep 1; done");
      assert.match(await sh("nslookup edge.example 127.0.0.1"), /Address.*10\.9\.9\.9/);
      assert.match(await sh("ps -o user,args | grep [d]nsmasq"), /^umec-dns /);
      await sh(editTarget("/^api:/,/^[a-z]*:/{/^api:/d;/^ /d}"));
      await sh(
        "while systemctl -q is-active umec-dns || nft list table ip umec; do sleep 1; done 2>/dev/null",
      );
    },
  };
}
