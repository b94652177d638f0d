/**
 * `node:http`, without its names of undici. The module as it is imported reads all that it exports, and three of its
 * getters load undici for that: 35 ms of a start on a fast machine, half a second on a small one, for what nobody here uses.
 * A name that is missing here fails the build; then it is added.
 */
const http = process.getBuiltinModule("node:http");

export const { Agent, ClientRequest, createServer, get, globalAgent, IncomingMessage, METHODS } = http;
export const { OutgoingMessage, request, Server, ServerResponse, STATUS_CODES } = http;
export default http;
