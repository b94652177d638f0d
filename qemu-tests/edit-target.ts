const file = "/data/umec/node.yaml";

/** A command for the board's shell that changes the node's target state, at once and as the runtime's own user. */
export function editTarget(sed: string): string {
  return `sed '${sed}' ${file} >${file}.new && chown umec:umec ${file}.new && chmod 600 ${file}.new && mv ${file}.new ${file}`;
}
