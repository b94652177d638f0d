/**
 * One device at work: the client, the unit's health and the way of each request between them.
 */
import { type Host, isUmecError } from "../../runtime/plugin/sdk.ts";
import type { Client } from "./client.ts";
import type { Register, Unit } from "./config.ts";
import { isSilence, ModbusException } from "./errors.ts";
import { decodeRead, decodeWrite, encodeRead } from "./pdu.ts";
import type { Read } from "./plan.ts";
import { type Priority, priorities } from "./priority.ts";
import { createReader, type Reader } from "./reader.ts";
import { Troubles } from "./trouble.ts";
import type { Admission, UnitHealth } from "./units.ts";

/** The registers of a unit that share an interval and a priority. */
export interface Group {
  intervalMs: number;
  priority: Priority;
  reader: Reader<Register>;
  /** What the poll under way has read. */
  values: { register: Register; value: number | string | boolean }[];
  /** Its registers that have no value. */
  troubles: Troubles;
  busy: boolean;
}

export interface Asking {
  urgent?: boolean;
  priority?: Priority;
}

export interface Device {
  readonly unit: Unit;
  readonly health: UnitHealth;
  /** How often the unit has answered, be it by an exception. */
  readonly answers: number;
  /** Reads; tells the health how it went. Throws `MODBUS_*`. */
  read(read: Pick<Read, "table" | "address" | "count">, admission: Admission, how?: Asking): Promise<Buffer>;
  /** Writes the request's PDU; else like `read`. */
  write(pdu: Buffer, admission: Admission, how?: Asking): Promise<void>;
}

export function createDevice(unit: Unit, health: UnitHealth, client: Client): Device {
  let answers = 0;
  const answered = (): void => {
    answers += 1;
    health.answered();
  };
  async function ask(pdu: Buffer, admission: Admission, how: Asking): Promise<Buffer> {
    try {
      return await client.request(unit.unit, pdu, { ...how, signal: admission.signal });
    } catch (error) {
      if (isSilence(error)) health.silent(admission);
      else if (isUmecError(error, "MODBUS_FRAME")) health.damaged(admission);
      else if (isUmecError(error, "MODBUS_DISCONNECTED")) health.disconnected(admission);
      throw error;
    }
  }
  /** A gateway's exception comes as a reply, and still means silence. */
  function judged<T>(admission: Admission, decode: () => T): T {
    try {
      const decoded = decode();
      answered();
      return decoded;
    } catch (error) {
      if (isSilence(error)) health.silent(admission);
      else answered();
      throw error;
    }
  }
  return {
    unit,
    health,
    get answers() {
      return answers;
    },
    async read({ table, address, count }, admission, how = {}) {
      const pdu = encodeRead(table, address, count);
      const reply = await ask(pdu, admission, how);
      return judged(admission, () => decodeRead(pdu, reply));
    },
    async write(pdu, admission, how = {}) {
      const reply = await ask(pdu, admission, how);
      // Of a broadcast nobody says whether it came.
      if (!unit.broadcast) judged(admission, () => decodeWrite(pdu, reply));
    },
  };
}

/**
 * The unit's polled registers by priority and interval, highest and shortest first; problems are logged once each
 * until they pass.
 */
export function createGroups(unit: Unit, host: Host): Group[] {
  const polled = unit.registers.filter(({ access }) => access !== "write");
  const troubled = new Set<string>();
  const origin = unit.profile === undefined ? "" : ` (profile ${unit.profile})`;
  const warnOnce = (name: string, message: string): void => {
    if (troubled.has(name)) return;
    troubled.add(name);
    host.log.warn(message, { device: unit.name });
  };
  return [...Map.groupBy(polled, ({ priority, intervalMs }) => `${priority} ${intervalMs}`).values()]
    .toSorted(([a], [b]) => rankOf(a!) - rankOf(b!) || a!.intervalMs - b!.intervalMs)
    .map((items) => {
      const { intervalMs, priority } = items[0]!;
      const troubles = new Troubles();
      const group: Group = {
        intervalMs,
        priority,
        values: [],
        troubles,
        busy: false,
        reader: createReader({
          items,
          limits: unit.limits,
          nowMs: () => host.clock.monotonicMs(),
          onData(register, data, index) {
            try {
              group.values.push({ register, value: register.codec.decode(data, index) });
              troubles.passed(register);
              if (troubled.size > 0) troubled.delete(register.name);
            } catch (error) {
              if (!isUmecError(error, "MODBUS_VALUE")) throw error;
              troubles.failed(register, error.message);
              warnOnce(register.name, `${register.name} has no value: ${error.message}${origin}`);
            }
          },
          onRefused(register, error) {
            const { name, table, address } = register;
            troubles.failed(register, error.message);
            host.log.warn(`${name} is left out: ${table} ${address} is refused: ${error.message}${origin}`);
          },
          onFailed(read, error) {
            for (const register of read.items) {
              if (error instanceof ModbusException) troubles.failed(register, error.message);
              warnOnce(register.name, `${register.name} can't be read: ${error.message}${origin}`);
            }
          },
        }),
      };
      return group;
    });
}

function rankOf({ priority }: Register): number {
  return priorities.indexOf(priority);
}
