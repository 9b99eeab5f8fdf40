'use strict';
// The end of a WebSocket connection while answers and output are on their way: the close frame is
// the last thing that the server sends (RFC 6455, 5.5.1), and what it had to say comes before.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { OP, frame, closePayload, rawConnect, upgradeHead } = require('../lib/raw');
const { killOwn, mustBecome, servingPid, sleep, statFields } = require('../lib/proc');
const { PATIENT, mustStall, toldArgv } = require('../lib/flood');
const { startParams } = require('../lib/sessions');
const { opened } = require('../lib/ws_case');
const { Witness } = require('../lib/witness');

const OURS = { on: ['execport'], timeoutMs: 60000 };

function text(message) {
  return frame(OP.TEXT, JSON.stringify(message));
}

function start(t, id, options) {
  return { id, method: 'process/start', params: startParams(t, options) };
}

// A process that writes nothing and lives on; gives its id.
async function sleeper(t, raw) {
  const request = start(t, 'sleeper', { argv: ['/bin/sleep', '1000'] });
  raw.write(text(request));
  assert.equal((await raw.nextMessage()).id, 'sleeper');
  return request.params.processId;
}

// Requests that are answered when the connection ends, when a program has started, or by many
// sessions together: about when the close frame is sent, or behind it.
function lateRequests(t, processId) {
  const params = { processId };
  return Buffer.concat([
    text({ id: 'wait', method: 'process/wait', params }),
    text({ id: 'read', method: 'process/read', params: { processId, waitMs: 60000 } }),
    ...Array.from({ length: 8 }, (unused, n) => text(start(t, `s${n}`, { argv: ['/bin/true'] }))),
    text({ id: 'list', method: 'process/list', params: {} }),
    text({ id: 'terminate', method: 'process/terminate', params }),
  ]);
}

// Everything until the end: messages, then one close frame and nothing more. Gives both.
async function readToTheEnd(raw) {
  const messages = [];
  let close;
  try {
    for (;;) {
      const got = await raw.nextFrame('the end of the connection', 20000);
      assert.equal(close, undefined, `opcode ${got.opcode} came after the close frame`);
      if (got.opcode === OP.CLOSE) close = got.payload.readUInt16BE(0);
      else if (got.opcode === OP.TEXT) messages.push(JSON.parse(got.payload.toString()));
    }
  } catch (error) {
    if (!raw.ended) throw error;
  }
  assert.equal(raw.input.length, 0, 'half a frame was sent');
  assert.ok(close, 'there was no close frame');
  return { messages, close };
}

// A client that has not read for so long that its session waits.
async function floodedClient(t, server) {
  const raw = await opened(t, server);
  const witness = new Witness(t);
  const request = start(t, 'flood', { argv: toldArgv(witness, 'exec cat /dev/zero') });
  raw.write(text(request));
  assert.equal((await raw.nextMessage()).id, 'flood');
  raw.socket.pause();
  const [pid] = await witness.waitLines(1);
  await mustStall(Number(pid));
  return raw;
}

test('closing/nothing-follows-the-close-that-answers-a-close', OURS, async (t) => {
  const server = await startServer(t);
  for (let round = 0; round < 20; round++) {
    const raw = await opened(t, server);
    const late = lateRequests(t, await sleeper(t, raw));
    raw.write(Buffer.concat([late, frame(OP.CLOSE, closePayload(1000))]));
    assert.equal((await readToTheEnd(raw)).close, 1000);
  }
});

test('closing/nothing-follows-the-close-of-the-server', OURS, async (t) => {
  const server = await startServer(t);
  for (let round = 0; round < 20; round++) {
    const raw = await opened(t, server);
    const late = lateRequests(t, await sleeper(t, raw));
    raw.write(Buffer.concat([late, text({ method: 'process/terminate' })]));
    assert.equal((await readToTheEnd(raw)).close, 1008);
  }
});

test('closing/output-that-waits-is-sent-before-the-close-of-the-server', OURS, async (t) => {
  const raw = await floodedClient(t, await startServer(t, { args: PATIENT }));
  raw.write(text({ method: 'process/terminate' }));
  raw.socket.resume();
  const { messages, close } = await readToTheEnd(raw);
  assert.equal(close, 1008);
  const chunks = messages.filter(({ method }) => method === 'process/output');
  assert.ok(chunks.length > 0, 'what was queued did not come');
});

test('closing/a-close-does-not-wait-behind-output', OURS, async (t) => {
  const raw = await floodedClient(t, await startServer(t, { args: PATIENT }));
  raw.write(frame(OP.CLOSE, closePayload(1000)));
  raw.socket.resume();
  assert.equal((await readToTheEnd(raw)).close, 1000);
});

test('closing/shutdown-tells-the-exits-before-it-closes', OURS, async (t) => {
  const server = await startServer(t);
  const raw = await opened(t, server);
  const processId = await sleeper(t, raw);
  server.expectEnd();
  server.signal('SIGTERM');
  const { messages, close } = await readToTheEnd(raw);
  assert.equal(close, 1001);
  assert.deepEqual(messages.filter(({ params }) => params && params.processId === processId)
    .map(({ method }) => method), ['process/exited', 'process/closed']);
});

// They stand in the listener's queue, and are accepted about when the server begins to end.
test('closing/whoever-connects-while-the-server-stops-does-not-hold-it-up', OURS, async (t) => {
  const server = await startServer(t);
  const serving = servingPid(server.pid);
  killOwn(serving, 'SIGSTOP');
  await mustBecome(() => statFields(serving)[0] === 'T', 5000, 'the server stands still');
  const late = await Promise.all(Array.from({ length: 40 }, () => rawConnect(t, server.url)));
  late.forEach((raw) => raw.write(Buffer.concat([
    Buffer.from(upgradeHead('dGhlIHNhbXBsZSBub25jZQ==')),
    text({ id: 1, method: 'initialize', params: { clientName: 'late' } }),
    text({ method: 'initialized' })])));
  killOwn(serving, 'SIGTERM');
  killOwn(serving, 'SIGCONT');
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
  await Promise.all(late.map((raw) => raw.waitEnded()));
});

// Its program has exited, and what it wrote waits to be taken.
test('closing/a-client-that-does-not-read-does-not-hold-up-a-forced-end', OURS, async (t) => {
  const server = await startServer(t, { args: ['--shutdown-grace', '10m'] });
  await floodedClient(t, server);
  server.signal('SIGTERM');
  await sleep(500); // within a quarter of a second two signals may be one that came two ways
  server.signal('SIGTERM');
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
});
