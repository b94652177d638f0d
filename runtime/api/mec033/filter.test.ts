import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilter } from "./filter.ts";

const info = {
  deviceId: "hall lamp, left",
  enabled: true,
  port: 10,
  deviceMetadata: [
    { key: "driver", value: "modbus" },
    { key: "unit", value: "it's" },
  ],
  "a/b": "x",
};
const attributes = [...Object.keys(info), "absent"];

const holding = [
  "(eq,enabled,TRUE)",
  "(eq,enabled,true)",
  "(neq,enabled,FALSE)",
  "(eq,deviceId,'hall lamp, left')",
  "(cont,deviceId,lamp)",
  "(cont,deviceId,moon,lamp)",
  "(ncont,deviceId,moon)",
  "(in,port,9,10)",
  "(nin,port,9,11)",
  "(gt,port,9)",
  "(gte,port,10)",
  "(lt,port,10.5)",
  "(lte,port,10)",
  "(gt,deviceId,hall)",
  "(eq,deviceMetadata/value,modbus)",
  "(eq,deviceMetadata/value,'it''s')",
  "(eq,a~1b,x)",
  "(neq,absent,x)",
  "(nin,absent,x,y)",
  "(ncont,absent,x)",
  "(eq,enabled,TRUE);(eq,port,10)",
];

const failing = [
  "(eq,enabled,FALSE)",
  "(eq,deviceId,hall)",
  "(in,port,1,2)",
  "(gt,port,9e9)",
  "(lt,port,9)",
  "(eq,absent,x)",
  "(cont,absent,x)",
  "(gt,absent,0)",
  "(eq,deviceMetadata,modbus)",
  "(neq,deviceMetadata/value,modbus)",
  "(eq,enabled,TRUE);(eq,port,11)",
];

const unreadable: readonly [string, RegExp][] = [
  ["", /\( is needed at character 1, not the end/],
  ["eq,enabled,TRUE", /\( is needed at character 1/],
  ["(eq,enabled,TRUE", /, or \) is needed at character 17, not the end/],
  ["(eq,enabled,TRUE)x", /; or the end is needed at character 18/],
  ["(eq,enabled,TRUE);", /\( is needed at character 19/],
  ["(eq,deviceId,'open)", /' is needed at character 20/],
  ["(like,deviceId,x)", /no operator "like"/],
  ["(eq,deviceId)", /eq has no value/],
  ["(eq,deviceId,a,b)", /eq takes one value, 2 are given/],
  ["(eq,colour,red)", /no attribute "colour"/],
  ["(eq,constructor,red)", /no attribute "constructor"/],
];

for (const filter of holding) {
  test(`${filter} holds`, () => assert.equal(parseFilter(filter, attributes)(info), true));
}
for (const filter of failing) {
  test(`${filter} does not hold`, () => assert.equal(parseFilter(filter, attributes)(info), false));
}
for (const [filter, reason] of unreadable) {
  test(`${filter || "an empty filter"} is refused with the place`, () => {
    assert.throws(() => parseFilter(filter, attributes), reason);
  });
}
