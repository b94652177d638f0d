import type { Component } from "./contents.ts";

const rule = "=".repeat(100);

/** One text for all licences; components with the very same text share it. */
export function writeLicences(
  own: { version: string; text: string },
  components: readonly Component[],
): string {
  const sharers = new Map<string, Component[]>();
  for (const component of components) {
    const text = component.licenceText.replaceAll("\r\n", "\n").trim();
    sharers.set(text, [...(sharers.get(text) ?? []), component]);
  }
  const sections = [...sharers].map(([text, list]) => {
    const names = list.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    return `${rule}\n${names.join("\n")}\n${rule}\n\n${text}\n`;
  });
  const head = `umec ${own.version} (Apache-2.0), and below it all that it carries\n`;
  return [`${rule}\n${head}${rule}\n\n${own.text.trim()}\n`, ...sections].join("\n");
}
