'use strict';
// Real WebSocket clients: npm `ws` and npm `websocket-driver`, with what they do by themselves.

const assert = require('node:assert/strict');
const { test, withDeadline } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { connect, connectDriver, initialize, ready } = require('../lib/clients');

// The peer drops the connection where a close frame should be given back.
const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const WAIT_MS = 10000;

function once(emitter, event) {
  return withDeadline(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))),
    WAIT_MS, `the event ${event}`);
}

test('ws-clients/ws/session', BOTH, async (t) => {
  const peer = await ready(t, await startServer(t));
  const view = await startProcess(t, peer, { argv: sh('read x; echo "got:$x"'), tty: true });
  await view.write('line\n', '1');
  await view.waitClosed();
  assert.equal(view.text('pty'), 'line\r\ngot:line\r\n');
});

test('ws-clients/ws/offers-compression-and-goes-without', BOTH, async (t) => {
  const server = await startServer(t);
  const peer = await connect(t, server.url, { ws: { perMessageDeflate: true } });
  assert.equal(peer.transport.socket.extensions, '');
  await initialize(peer);
  const view = await startProcess(t, peer, { argv: sh('head -c 100000 /dev/zero') });
  await view.waitClosed();
  assert.equal(view.output('stdout').length, 100000);
});

test('ws-clients/ws/fragments-binary-and-pings', BOTH, async (t) => {
  const peer = await ready(t, await startServer(t));
  const { socket } = peer.transport;
  const text = '{"id":"cut","method":"process/terminate","params":{"processId":"x"}}';
  socket.send(text.slice(0, 10), { fin: false });
  socket.ping('in between');
  socket.send(text.slice(10, 30), { fin: false });
  socket.send(text.slice(30), { fin: true });
  assert.equal((await peer.response('cut')).result.running, false);
  socket.send(Buffer.from(text.replace('cut', 'bin')), { binary: true });
  assert.equal((await peer.response('bin')).result.running, false);
  const pong = once(socket, 'pong');
  socket.ping('payload');
  assert.equal((await pong)[0].toString(), 'payload');
});

test('ws-clients/ws/close-codes', OURS, async (t) => {
  const server = await startServer(t);
  for (const [code, reason] of [[1000, ''], [1001, 'going'], [4000, 'own']]) {
    const peer = await ready(t, server);
    peer.transport.socket.close(code, reason);
    assert.equal((await peer.waitClosed()).code, code);
  }
});

test('ws-clients/ws/forty-connections-at-once', BOTH, async (t) => {
  const server = await startServer(t);
  const peers = await Promise.all(Array.from({ length: 40 }, () => ready(t, server)));
  const views = await Promise.all(peers.map((peer, index) => startProcess(t, peer,
    { argv: sh(`head -c 50000 /dev/zero | tr '\\0' ${'abcdefghij'[index % 10]}`) })));
  for (const [index, view] of views.entries()) {
    await view.waitClosed();
    assert.ok(view.text() === 'abcdefghij'[index % 10].repeat(50000), `connection ${index}`);
  }
});

test('ws-clients/websocket-driver/session', BOTH, async (t) => {
  const server = await startServer(t);
  const peer = await initialize(await connectDriver(t, server.url));
  const view = await startProcess(t, peer, { argv: sh('cat'), pipeStdin: true });
  await view.write('through the driver\n', '1');
  await view.waitText('through the driver\n');
  await view.terminate();
  await view.waitClosed();
});

test('ws-clients/websocket-driver/binary-and-pings', BOTH, async (t) => {
  const server = await startServer(t);
  const peer = await initialize(await connectDriver(t, server.url));
  const { driver } = peer.transport;
  const text = JSON.stringify({ id: 'b', method: 'process/terminate', params: { processId: 'x' } });
  driver.binary(Buffer.from(text));
  assert.equal((await peer.response('b')).result.running, false);
  await withDeadline(new Promise((resolve) => driver.ping('hello', resolve)), WAIT_MS, 'the pong');
});

test('ws-clients/websocket-driver/close', OURS, async (t) => {
  const server = await startServer(t);
  const peer = await initialize(await connectDriver(t, server.url));
  peer.transport.driver.close('done', 1000);
  assert.equal((await peer.waitClosed()).code, 1000);
});
