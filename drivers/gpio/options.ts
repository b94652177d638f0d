import { type Static, Type } from "typebox";

/** What an option is when it is left out. */
export const defaults = {
  backend: "auto",
  everyMs: 60_000,
  input: {
    edge: "both",
    bias: "as-is",
    activeLow: false,
    debounceMs: 0,
    report: true,
    count: false,
    lane: "telemetry",
  },
  output: { activeLow: false, drive: "push-pull", bias: "as-is", safe: false },
} as const;

/** Longest pulse of a command, in milliseconds. */
export const maxPulseMs = 3_600_000;
/** Highest frequency of software PWM, in hertz. */
export const maxPwmHz = 100;

const name = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
const closed = { additionalProperties: false };
const oneOf = <T extends string>(values: readonly T[], options: object) =>
  Type.Unsafe<T>({ enum: [...values], ...options });
const byName = <T extends Parameters<typeof Type.Record>[1]>(value: T, description: string) =>
  Type.Record(Type.String({ pattern: name }), value, { ...closed, default: {}, description });

const line = Type.String({
  minLength: 1,
  description:
    'The line: its name in the device tree ("RELAY1"), or chip and number ("gpiochip0:3"); the chip also by its label.',
});
const activeLow = Type.Optional(
  Type.Boolean({ description: "Whether a low level is true.", default: defaults.input.activeLow }),
);
const bias = Type.Optional(
  oneOf(["as-is", "pull-up", "pull-down", "disabled"] as const, {
    description: "The pin's own resistor; as-is leaves it as the device tree or the boot loader set it.",
    default: defaults.input.bias,
  }),
);

const input = Type.Object(
  {
    line,
    activeLow,
    bias,
    edge: Type.Optional(
      oneOf(["both", "rising", "falling", "none"] as const, {
        description: "Which changes are told and counted; rising is from false to true.",
        default: defaults.input.edge,
      }),
    ),
    debounceMs: Type.Optional(
      Type.Number({
        description: "How long a level must hold before it counts, in milliseconds; 0 for no debouncing.",
        minimum: 0,
        maximum: 60_000,
        default: defaults.input.debounceMs,
      }),
    ),
    report: Type.Optional(
      Type.Boolean({
        description: "Whether each edge is a sample; false where pulses are only counted.",
        default: defaults.input.report,
      }),
    ),
    count: Type.Optional(
      Type.Boolean({
        description: "Whether pulses are counted, with a total that outlives restarts.",
        default: defaults.input.count,
      }),
    ),
    lane: Type.Optional(
      oneOf(["telemetry", "alarm"] as const, {
        description: "The lane of its edges.",
        default: defaults.input.lane,
      }),
    ),
  },
  { ...closed, description: "One input." },
);
export type InputOptions = Static<typeof input>;

const output = Type.Object(
  {
    line,
    activeLow,
    bias,
    drive: Type.Optional(
      oneOf(["push-pull", "open-drain", "open-source"] as const, {
        description: "Whether the pin drives both levels, only low or only high.",
        default: defaults.output.drive,
      }),
    ),
    safe: Type.Optional(
      Type.Boolean({
        description: "What it is set to first of all at a start, and last of all at a stop.",
        default: defaults.output.safe,
      }),
    ),
    initial: Type.Optional(
      Type.Boolean({ description: "What it becomes once all lines are held; default: it stays safe." }),
    ),
    pwmHz: Type.Optional(
      Type.Number({
        description: "Frequency of pulse width modulation by software, in hertz; default: none.",
        exclusiveMinimum: 0,
        maximum: maxPwmHz,
      }),
    ),
  },
  { ...closed, description: "One output." },
);
export type OutputOptions = Static<typeof output>;

export const optionsSchema = Type.Object(
  {
    backend: Type.Optional(
      oneOf(["auto", "chardev", "sysfs"] as const, {
        description:
          "The kernel's interface: its character devices, or the old /sys/class/gpio; auto takes the old one only where there is no other.",
        default: defaults.backend,
      }),
    ),
    everyMs: Type.Optional(
      Type.Integer({
        description:
          "Time between two reports of all levels, counts and rates, in milliseconds; edges are sent at once.",
        minimum: 100,
        maximum: 3_600_000,
        default: defaults.everyMs,
      }),
    ),
    inputs: Type.Optional(byName(input, "The inputs by name: letters, digits, - and _.")),
    outputs: Type.Optional(byName(output, "The outputs by name.")),
  },
  closed,
);
export type GpioOptions = Static<typeof optionsSchema>;
