/** When a node may restart into a new version: a time of day, UTC, such as `02:00-04:00`; it may cross midnight. */
export const windowPattern = "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$";

/** Whether `nowMs`, Unix time, lies in the window. One that ends where it begins is the whole day. */
export function inWindow(window: string, nowMs: number): boolean {
  const [from = 0, to = 0] = window.split("-").map(minutesOf);
  const now = Math.floor(nowMs / 60_000) % 1440;
  if (from === to) return true;
  return from < to ? now >= from && now < to : now >= from || now < to;
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(":").map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}
