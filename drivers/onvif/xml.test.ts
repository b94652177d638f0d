import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf } from "./fault.ts";
import { child, escapeXml, find, parseTree, textAt, writeElement } from "./xml.ts";

test("prefixes do not count, whether they are declared or not", () => {
  const tree = parseTree(`\uFEFF <a:x xmlns="u"><b><y:c z:n="1"> t </y:c></b></a:x>`);
  assert.equal(tree.name, "x");
  assert.equal(textAt(tree, "b", "c"), "t");
  assert.equal(child(tree, "b", "c")?.attributes.n, "1");
  assert.equal(find(tree, "c")?.name, "c");
  assert.equal(textAt(tree, "b", "none"), undefined);
});

test("no entity but XML's own five is expanded", () => {
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>`;
  for (const entity of ["b", "f"]) {
    assert.throws(() => parseTree(`${bomb}<x>&${entity};</x>`), { code: "ONVIF_XML" });
  }
  assert.equal(parseTree("<x>&lt;&amp;&#x41;</x>").text, "<&A");
});

test("what is no XML says what it is", () => {
  for (const [text, message] of [
    ["", /empty/],
    ["<!DOCTYPE html><html>", /HTML page/],
    ["<a><b></a>", /broken XML/],
    ["hello", /broken XML/],
  ] as const) {
    assert.throws(() => parseTree(text), { code: "ONVIF_XML", message });
  }
});

test("escaped text comes back as it was, without what XML can't say", () => {
  const text = `<a b="c">&'\u0000\u000b`;
  assert.equal(parseTree(`<x y="${escapeXml(text)}"/>`).attributes.y, `<a b="c">&'`);
});

test("an element is written with the declarations that hold for it", () => {
  const tree = parseTree(`<r xmlns:p="u" xmlns="d"><p:e q="&lt;"><p:f>1 &amp; 2</p:f></p:e></r>`);
  const e = find(tree, "e");
  assert.ok(e);
  const again = parseTree(writeElement(e));
  assert.equal(again.element.attributes["xmlns:p"], "u");
  assert.equal(again.element.attributes.xmlns, "d");
  assert.equal(again.attributes.q, "<");
  assert.equal(textAt(again, "f"), "1 & 2");
});

test("faults of SOAP 1.1 and 1.2", () => {
  const old = parseTree(
    `<Body><s:Fault><faultcode>s:Client.ter:NotAuthorized</faultcode><faultstring>no</faultstring></s:Fault></Body>`,
  );
  assert.equal(faultOf("Get", old)?.code, "ONVIF_UNAUTHORIZED");
  const now = parseTree(
    `<Body><Fault><Code><Value>s:Sender</Value><Subcode><Value>ter:InvalidArgVal</Value><Subcode><Value>ter:NoProfile</Value>` +
      `</Subcode></Subcode></Code><Reason><Text>no such profile</Text></Reason></Fault></Body>`,
  );
  const fault = faultOf("Get", now);
  assert.equal(fault?.code, "ONVIF_FAULT");
  assert.equal(fault?.message, "Get is refused (Sender/InvalidArgVal/NoProfile): no such profile");
  assert.equal(faultOf("Get", parseTree("<Body/>")), undefined);
});
