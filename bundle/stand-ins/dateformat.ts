/** `dateformat` as far as the log's times need it: local time, in hours, minutes, seconds and milliseconds. */
export default function dateformat(date: Date, mask: string): string {
  const fields = {
    HH: [date.getHours(), 2],
    MM: [date.getMinutes(), 2],
    ss: [date.getSeconds(), 2],
  } as const;
  return mask.replace(/HH|MM|ss|l|[A-Za-z]+/g, (token) => {
    if (token === "l") return String(date.getMilliseconds()).padStart(3, "0");
    const field = fields[token as keyof typeof fields];
    if (field) return String(field[0]).padStart(field[1], "0");
    throw new Error(`${token} in the mask of a time: see bundle/stand-ins/dateformat.ts`);
  });
}
