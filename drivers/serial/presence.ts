/**
 * Whether the device is there: with its first good frame it is, without one for `silentMs` or without its port it is
 * not. Each change is told once.
 */
export interface PresenceOptions {
  /** 0: it is there while its port is. */
  silentMs: number;
  onChange: (online: boolean, reason: string) => void;
}

export interface Presence {
  /** The port is open. */
  opened(): void;
  /** A good frame came. */
  heard(): void;
  /** The port is gone. */
  lost(reason: string): void;
  /** Nothing is told any more. */
  stop(): void;
}

export function createPresence({ silentMs, onChange }: PresenceOptions): Presence {
  let online: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;

  function tell(now: boolean, reason: string): void {
    if (online === now) return;
    online = now;
    onChange(now, reason);
  }

  function wait(): void {
    if (silentMs === 0) return;
    if (timer) timer.refresh();
    else timer = setTimeout(() => tell(false, `nothing came for ${silentMs} ms`), silentMs);
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    opened() {
      if (silentMs === 0) tell(true, "the port is open");
      else wait();
    },
    heard() {
      tell(true, "it sends");
      wait();
    },
    lost(reason) {
      stop();
      tell(false, reason);
    },
    stop,
  };
}
