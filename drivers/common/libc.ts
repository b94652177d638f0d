/**
 * The few calls of the C library that Node.js does not have: ioctl, mmap, munmap.
 *
 * koffi calls them. Calls block the thread for as long as the kernel takes, so this is for calls that do not wait.
 */
import { getSystemErrorName } from "node:util";
import koffi from "koffi";
import { UmecError } from "../../runtime/plugin/sdk.ts";

/** A failed call, with the kernel's name of the error: `EBUSY`. */
export class LibcError extends UmecError {
  readonly errno: string;

  constructor(call: string, errno: string) {
    super("LIBC_FAILED", `${call}: ${errno}`);
    this.errno = errno;
  }
}

export function isLibcError(error: unknown, errno?: string): error is LibcError {
  return error instanceof LibcError && (errno === undefined || error.errno === errno);
}

/** Memory that the kernel shares with this process. */
export interface Mapping extends Disposable {
  /** Not a copy. After the mapping was disposed of, touching it ends the process. */
  readonly bytes: Uint8Array;
}

export interface Libc {
  /**
   * ioctl(2) with a structure as its argument, which the kernel reads and writes.
   *
   * @param request the number that the kernel's header gives, with direction and size
   * @throws LibcError
   */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** mmap(2), shared, to read and write. @throws LibcError */
  mmap(fd: number, length: number, offset: number): Mapping;
}

let loaded: Libc | undefined;

/** @throws LibcError `LIBC_FAILED` from its calls */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const library = koffi.load(null);
  const ioctl = library.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");
  const mmap = library.func("void *mmap(void *at, size_t length, int prot, int flags, int fd, int64 offset)");
  const munmap = library.func("int munmap(void *at, size_t length)");
  const failed = (call: string): LibcError => new LibcError(call, getSystemErrorName(-koffi.errno()));
  return {
    ioctl(fd, request, argument) {
      const result = ioctl(fd, request >>> 0, argument) as number;
      if (result < 0) throw failed(`ioctl 0x${(request >>> 0).toString(16)}`);
      return result;
    },
    mmap(fd, length, offset) {
      const readAndWrite = 3;
      const shared = 1;
      const address = mmap(null, length, readAndWrite, shared, fd, offset) as bigint;
      if (address === mapFailed) throw failed("mmap");
      return {
        bytes: new Uint8Array(koffi.view(address, length)),
        [Symbol.dispose]: () => void munmap(address, length),
      };
    },
  };
}

/** MAP_FAILED, (void *) -1. */
const mapFailed = 0xffff_ffff_ffff_ffffn;
