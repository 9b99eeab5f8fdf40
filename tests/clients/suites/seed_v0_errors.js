'use strict';
// The seed behaviours of exec-server.v0: every error that a client can bring about, with its exact
// text, and what closes the connection. Two texts of the dialect cannot be brought about from
// outside: `session ID already exists` (ids are made by the server) and `failed to write to process
// stdin` (a write is accepted into a queue).

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { sh, execParams, startExec } = require('../lib/sessions');
const { assertError } = require('../lib/peer');
const { openV0, readyV0 } = require('../lib/v0');
const { Witness } = require('../lib/witness');
const { ready } = require('../lib/clients');

const INIT = { clientName: 'seed' };
const NO_INITIALIZE = 'client must call initialize before using exec methods';
const NO_INITIALIZED = 'client must send initialized before using exec methods';

function forEachTransport(name, fn) {
  ['stdio', 'ws'].forEach((kind) => test(`v0/${kind}/error/${name}`, {}, (t) => fn(t, kind)));
}

function execMethods(t) {
  return [['command/exec', execParams(t, { argv: ['/bin/true'] })],
    ['command/exec/write', { sessionId: 'session-1', chunk: 'eA==' }],
    ['command/exec/terminate', { sessionId: 'session-1' }]];
}

// A child that lives, and the connection's dialect is v0 from here on.
async function withSession(t, kind, options) {
  const opened = await readyV0(t, kind);
  opened.exec = await startExec(t, opened.peer, { argv: ['/bin/sleep', '1000'], ...options });
  return opened;
}

// The connection must close, and with it the session that lived on it.
async function closesConnection(t, kind, message) {
  const { peer, server } = await readyV0(t, kind);
  server.expectEnd();
  const witness = new Witness(t);
  await startExec(t, peer, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  peer.send(message);
  await peer.waitClosed();
  await witness.waitAllGone('the death of the connection\'s process');
}

forEachTransport('argv-must-not-be-empty', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  await peer.refused('command/exec', execParams(t, { argv: [] }), -32602,
    'argv must not be empty');
});

forEachTransport('initialize-only-once', async (t, kind) => {
  const { peer } = await openV0(t, kind);
  const text = 'initialize may only be sent once per connection';
  await peer.request('initialize', INIT);
  await peer.refused('initialize', INIT, -32600, text);
  peer.notify('initialized', {});
  await peer.refused('initialize', INIT, -32600, text);
  await startExec(t, peer, { argv: ['/bin/true'] });
  await peer.refused('initialize', INIT, -32600, text);
});

forEachTransport('exec-methods-before-initialize', async (t, kind) => {
  for (const index of [0, 1, 2]) {
    const { peer } = await openV0(t, kind);
    const [method, params] = execMethods(t)[index];
    await peer.refused(method, params, -32600, NO_INITIALIZE);
  }
});

forEachTransport('exec-methods-before-initialized', async (t, kind) => {
  for (const index of [0, 1, 2]) {
    const { peer } = await openV0(t, kind);
    await peer.request('initialize', INIT);
    const [method, params] = execMethods(t)[index];
    await peer.refused(method, params, -32600, NO_INITIALIZED);
    peer.notify('initialized', {});
    await startExec(t, peer, { argv: ['/bin/true'] });
  }
});

forEachTransport('write-to-an-unknown-session', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  for (const sessionId of ['session-2', 'nonsense', '']) {
    await peer.refused('command/exec/write', { sessionId, chunk: 'eA==' }, -32600,
      `unknown session id ${sessionId}`);
  }
});

test('v0/ws/error/write-to-a-session-of-another-connection', {}, async (t) => {
  const { peer, server } = await withSession(t, 'ws', { tty: true });
  const other = await ready(t, server);
  await other.refused('command/exec/write', { sessionId: 'session-1', chunk: 'eA==' }, -32600,
    'unknown session id session-1');
  assert.deepEqual(await other.request('command/exec/terminate', { sessionId: 'session-1' }),
    { running: false });
  assert.deepEqual(await peer.request('command/exec/terminate', { sessionId: 'session-1' }),
    { running: true });
});

forEachTransport('stdin-is-closed-for-a-pipe-session', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  await peer.refused('command/exec/write', { sessionId: 'session-1', chunk: 'eA==' }, -32600,
    'stdin is closed for session session-1');
});

forEachTransport('unknown-program', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  for (const tty of [false, true]) {
    const params = execParams(t, { argv: ['/no/such/program-here'], tty });
    await peer.refused('command/exec', params, -32603, /program-here.*No such file or directory/);
  }
});

forEachTransport('program-without-permission', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const params = execParams(t, { argv: ['/etc/passwd'] });
  await peer.refused('command/exec', params, -32603, /\/etc\/passwd.*Permission denied/);
});

forEachTransport('directory-that-is-not-there', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const params = execParams(t, { argv: ['/bin/true'], cwd: '/no/such/directory' });
  await peer.refused('command/exec', params, -32603, /No such file or directory/);
});

forEachTransport('missing-and-wrong-params', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  const good = execParams(t, { argv: ['/bin/true'] });
  for (const name of ['argv', 'cwd', 'env', 'tty']) {
    const { [name]: dropped, ...rest } = good;
    assert.notEqual(dropped, undefined);
    await peer.refused('command/exec', rest, -32602, new RegExp(name));
  }
  const wrong = [{ argv: 'x' }, { argv: [1] }, { cwd: 7 }, { cwd: 'relative' }, { env: [] },
    { env: { A: 1 } }, { tty: 'yes' }, { arg0: 5 }];
  for (const part of wrong) {
    await peer.refused('command/exec', { ...good, ...part }, -32602);
  }
  await peer.refused('command/exec', undefined, -32602);
  await peer.refused('command/exec', [], -32602);
});

forEachTransport('nul-and-equals-in-names', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  const good = execParams(t, { argv: ['/bin/true'] });
  const wrong = [{ argv: ['/bin/true', 'a\0b'] }, { cwd: '/\0' }, { arg0: 'a\0' },
    { env: { 'A\0': '1' } }, { env: { A: '1\0' } }, { env: { 'A=B': '1' } }];
  for (const part of wrong) {
    await peer.refused('command/exec', { ...good, ...part }, -32602);
  }
});

forEachTransport('bad-base64', async (t, kind) => {
  const { peer } = await withSession(t, kind, { tty: true });
  for (const chunk of ['a', 'ab', 'abc', 'a===', '!!!!', 'eA==\n', 'e A=', 'eB==', 'eA=', '____']) {
    await peer.refused('command/exec/write', { sessionId: 'session-1', chunk }, -32602);
  }
  assert.deepEqual(await peer.request('command/exec/write', { sessionId: 'session-1', chunk: '' }),
    { accepted: true });
});

forEachTransport('unknown-method', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  for (const method of ['command/exec/resize', 'no/such', 'process\u00e9']) {
    await peer.refused(method, {}, -32600, `unknown method: ${method}`);
  }
});

forEachTransport('methods-of-the-other-dialect', async (t, kind) => {
  const { peer } = await withSession(t, kind);
  const error = await peer.refused('process/start', { processId: 'p', argv: ['/bin/true'],
    cwd: 'file:///', env: {}, tty: false }, -32600, /^connection speaks /);
  assert.match(error.message, /exec-server\.v0/);
});

forEachTransport('unknown-notification-closes', (t, kind) =>
  closesConnection(t, kind, { method: 'no/such', params: {} }));

forEachTransport('null-id-makes-a-notification-and-closes', (t, kind) =>
  closesConnection(t, kind, { id: null, method: 'command/exec/terminate',
    params: { sessionId: 'session-1' } }));

forEachTransport('unsolicited-response-closes', (t, kind) =>
  closesConnection(t, kind, { id: 77, result: {} }));

forEachTransport('unsolicited-error-closes', (t, kind) =>
  closesConnection(t, kind, { id: 78, error: { code: -1, message: 'what' } }));

forEachTransport('unparsable-message-closes', (t, kind) =>
  closesConnection(t, kind, '{"id":5,"method":'));

forEachTransport('initialized-before-initialize-closes', async (t, kind) => {
  const { peer, server } = await openV0(t, kind);
  server.expectEnd();
  peer.notify('initialized', {});
  await peer.waitClosed();
});

forEachTransport('notification-before-initialize-closes', async (t, kind) => {
  const { peer, server } = await openV0(t, kind);
  server.expectEnd();
  peer.notify('no/such', {});
  await peer.waitClosed();
});

// The reply of what was asked before is not lost when the connection is closed for a later message.
forEachTransport('replies-leave-before-the-close', async (t, kind) => {
  const { peer, server } = await withSession(t, kind);
  server.expectEnd();
  const id = peer.post('no/such', {});
  peer.send({ method: 'no/such', params: {} });
  await peer.waitClosed();
  assertError(await peer.response(id), -32600, 'unknown method: no/such');
});
