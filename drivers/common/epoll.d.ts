/** The npm package has no types of its own. */
declare module "epoll" {
  export class Epoll {
    static readonly EPOLLIN: number;
    static readonly EPOLLPRI: number;
    static readonly EPOLLERR: number;
    static readonly EPOLLHUP: number;
    constructor(callback: (error: Error | null, fd: number, events: number) => void);
    add(fd: number, events: number): this;
    remove(fd: number): this;
    close(): void;
  }
}
