'use strict';
// Pieces of the WebSocket conformance cases. The server answers JSON-RPC and does not echo, so a
// case sends requests of an unknown method, padded to the length that it needs, and the id in the
// answer is the echo.

const assert = require('node:assert/strict');
const { startServer } = require('./server');
const { OP, frame, rawUpgraded } = require('./raw');

const HELLO = '{"id":"hello","method":"initialize","params":{"clientName":"conformance"}}';

// A raw connection past initialize, where the small limits for unknown clients no longer hold.
async function opened(t, server) {
  const raw = await rawUpgraded(t, (server || await startServer(t)).url);
  raw.write(frame(OP.TEXT, HELLO));
  assert.equal((await raw.nextMessage()).id, 'hello');
  raw.write(frame(OP.TEXT, '{"method":"initialized"}'));
  return raw;
}

let counter = 0;

// A request of exactly `length` bytes, or as short as can be.
function request(length = 0, id = `q${++counter}`) {
  const head = `{"id":${JSON.stringify(id)},"method":"no/such","params":"`;
  const pad = Math.max(0, length - Buffer.byteLength(head) - 2);
  const text = `${head}${'*'.repeat(pad)}"}`;
  assert.ok(length === 0 || Buffer.byteLength(text) === length);
  return { id, text };
}

// The answer to a request that was sent.
async function expectAnswer(raw, id) {
  const reply = await raw.nextMessage();
  assert.equal(reply.id, id);
  assert.equal(reply.error.code, -32601);
}

// The connection works: a request is answered.
async function alive(raw) {
  const { id, text } = request();
  raw.write(frame(OP.TEXT, text));
  await expectAnswer(raw, id);
}

// The connection ends with the close code. The peer drops some connections without saying why.
async function endsWith(t, raw, code) {
  const end = await raw.waitEnd();
  const allowed = t.isExecport ? [].concat(code) : [].concat(code, null);
  assert.ok(allowed.includes(end.code), `closed with ${end.code}, expected ${code}`);
}

// Cuts bytes into `count` fragments of one message.
function fragments(opcode, bytes, cuts) {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, index) => frame(index === 0 ? opcode : OP.CONT,
    bytes.subarray(edges[index], end), { fin: index === edges.length - 2 }));
}

module.exports = { opened, request, expectAnswer, alive, endsWith, fragments };
