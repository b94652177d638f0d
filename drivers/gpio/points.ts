import Type from "typebox";
import type { Point } from "../../runtime/plugin/sdk.ts";
import { defaults, type GpioOptions, type InputOptions, maxPulseMs } from "./options.ts";

const switched = Type.Union([
  Type.Boolean(),
  Type.Object(
    {
      pulseMs: Type.Number({ minimum: 1, maximum: maxPulseMs, description: "True for so long, then false." }),
    },
    { additionalProperties: false },
  ),
]);
const modulated = Type.Number({ minimum: 0, maximum: 100 });
const pulses = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What a plugin with these options offers. */
export function pointsOf({ inputs = {}, outputs = {} }: GpioOptions): Point[] {
  return [
    ...Object.entries(inputs).flatMap(([name, input]) => inputPoints(name, input)),
    ...Object.entries(outputs).map(([name, { pwmHz }]): Point => {
      const access = "read-write";
      return pwmHz === undefined
        ? { name, access, schema: switched, summary: "Whether it is on" }
        : { name, access, schema: modulated, unit: "%", summary: "Duty cycle" };
    }),
  ];
}

function inputPoints(name: string, input: InputOptions): Point[] {
  const { report = defaults.input.report, count = defaults.input.count } = input;
  const points: Point[] = report ? [{ name, summary: "Its level, at each edge" }] : [];
  if (count) {
    const summary = "Pulses in all; a command sets it";
    points.push({ name: `${name}/count`, unit: "count", access: "read-write", schema: pulses, summary });
    points.push({ name: `${name}/rate`, unit: "1/s", summary: "Pulses per second since the last report" });
  }
  if ((input.edge ?? defaults.input.edge) !== "none") {
    points.push({ name: `${name}/lost`, unit: "count", summary: "Edges that went missing since the start" });
  }
  return points;
}
