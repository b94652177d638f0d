import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ByteReader } from "./byte-reader.ts";
import { command, commandFlags, magic, option, optionReply } from "./nbd-wire.ts";

/** A client of the NBD protocol, as much as tests need. */
export class NbdClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #from: ByteReader;
  #bytes = 0;
  #flags = 0;
  #handle = 0n;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#from = new ByteReader(socket);
  }

  static async connect(path: string): Promise<NbdClient> {
    const socket = connect(path);
    await once(socket, "connect");
    const client = new NbdClient(socket);
    const greeting = await client.#take(18);
    if (greeting.readBigUInt64BE(0) !== magic.greeting) throw new Error("no NBD server");
    socket.write(uint32(3));
    return client;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get flags(): number {
    return this.#flags;
  }

  /** Sends an option, and gives the kinds of all replies to it up to the last. */
  async option(asked: number, data: Buffer = Buffer.alloc(0)): Promise<number[]> {
    const head = Buffer.alloc(16);
    head.writeBigUInt64BE(magic.option, 0);
    head.writeUInt32BE(asked, 8);
    head.writeUInt32BE(data.length, 12);
    this.#socket.write(Buffer.concat([head, data]));
    const types: number[] = [];
    for (;;) {
      const reply = await this.#take(20);
      const type = reply.readUInt32BE(12);
      types.push(type);
      const body = await this.#take(reply.readUInt32BE(16));
      if (type === optionReply.info && body.readUInt16BE(0) === 0) {
        this.#bytes = Number(body.readBigUInt64BE(2));
        this.#flags = body.readUInt16BE(10);
      }
      if (type === optionReply.ack || type >= 0x80000000) return types;
    }
  }

  async go(): Promise<void> {
    await this.option(option.go, Buffer.alloc(6));
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const error = await this.#ask(command.read, offset, length);
    if (error !== 0) throw new Error(`error ${error}`);
    return this.#take(length);
  }

  /** Resolves with the number of the error, 0 for none. */
  write(offset: number, data: Buffer, { fua = false } = {}): Promise<number> {
    return this.#ask(command.write, offset, data.length, fua ? commandFlags.fua : 0, data);
  }

  flush(): Promise<number> {
    return this.#ask(command.flush, 0, 0);
  }

  trim(offset: number, length: number): Promise<number> {
    return this.#ask(command.trim, offset, length);
  }

  /** Sends any command, and gives the number of the error. */
  async #ask(
    type: number,
    offset: number,
    length: number,
    flags = 0,
    data: Buffer = Buffer.alloc(0),
  ): Promise<number> {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(magic.request, 0);
    head.writeUInt16BE(flags, 4);
    head.writeUInt16BE(type, 6);
    head.writeBigUInt64BE(++this.#handle, 8);
    head.writeBigUInt64BE(BigInt(offset), 16);
    head.writeUInt32BE(length, 24);
    this.#socket.write(Buffer.concat([head, data]));
    const reply = await this.#take(16);
    if (reply.readBigUInt64BE(8) !== this.#handle) throw new Error("a reply to something else");
    return reply.readUInt32BE(4);
  }

  /** The connection breaks without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  async #take(count: number): Promise<Buffer> {
    const bytes = await this.#from.take(count);
    if (!bytes) throw new Error("the server has gone");
    return bytes;
  }
}

function uint32(value: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(value);
  return body;
}
