'use strict';
// The dialect `process`: what is refused, with which code and text, and that the connection and its
// other processes go on.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { sh, startParams, startProcess } = require('../lib/sessions');
const { startServer } = require('../lib/server');
const { ready, connect } = require('../lib/clients');
const { assertError } = require('../lib/peer');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };

function errorTest(name, options, fn) {
  test(`process/error/${name}`, options, async (t) => {
    const server = await startServer(t);
    const peer = await ready(t, server);
    await fn(t, peer, server);
    // Whatever was refused, the connection still serves.
    const after = await startProcess(t, peer, { argv: ['/bin/true'] });
    await after.waitClosed();
  });
}

function good(t, part) {
  return startParams(t, { argv: ['/bin/true'], ...part });
}

errorTest('argv-must-not-be-empty', BOTH, async (t, peer) => {
  await peer.refused('process/start', good(t, { argv: [] }), -32602, 'argv must not be empty');
});

errorTest('duplicate-process-id', BOTH, async (t, peer) => {
  const params = good(t, { argv: ['/bin/cat'], pipeStdin: true });
  const view = await startProcess(t, peer, params);
  await peer.refused('process/start', params, -32600, `process ${params.processId} already exists`);
  await view.write('alive', '1');
  await view.waitText('alive');
});

// The tombstone of a process holds its id for a time.
errorTest('duplicate-process-id-after-the-end', BOTH, async (t, peer) => {
  const params = good(t);
  const view = await startProcess(t, peer, params);
  await view.waitClosed();
  await peer.refused('process/start', params, -32600, `process ${params.processId} already exists`);
});

errorTest('duplicate-process-id-while-starting', BOTH, async (t, peer) => {
  const params = good(t, { argv: ['/bin/sleep', '1000'] });
  const first = peer.post('process/start', params);
  const second = peer.post('process/start', params);
  assert.equal((await peer.result(first)).processId, params.processId);
  assertError(await peer.response(second), -32600, `process ${params.processId} already exists`);
  await peer.request('process/terminate', { processId: params.processId });
  await peer.waitMessage((msg) => msg.method === 'process/closed', 'the close');
  assert.equal(peer.log.filter(({ msg }) => msg.method === 'process/exited').length, 1);
});

errorTest('unknown-program', BOTH, async (t, peer) => {
  for (const tty of [false, true]) {
    for (const name of ['/no/such/program-here', 'no-such-program-here']) {
      const error = await peer.refused('process/start', good(t, { argv: [name], tty }), -32603);
      if (!t.isExecport) continue;
      assert.ok(error.message.includes(name), `the program is named in: ${error.message}`);
      assert.match(error.message, /No such file or directory/);
    }
  }
});

errorTest('program-without-permission', BOTH, async (t, peer) => {
  const error = await peer.refused('process/start', good(t, { argv: ['/etc/passwd'] }), -32603,
    /Permission denied/);
  if (t.isExecport) assert.ok(error.message.includes('/etc/passwd'), error.message);
});

errorTest('program-of-no-known-format', OURS, async (t, peer) => {
  const fs = require('node:fs');
  const program = `${t.dir()}/not-a-program`;
  fs.writeFileSync(program, Buffer.from([1, 2, 3, 4]), { mode: 0o755 });
  await peer.refused('process/start', good(t, { argv: [program] }), -32603, /not-a-program/);
});

errorTest('directory-that-is-not-there', BOTH, async (t, peer) => {
  await peer.refused('process/start', good(t, { cwd: 'file:///no/such/directory' }), -32603,
    /No such file or directory/);
});

errorTest('directory-that-is-a-file', OURS, async (t, peer) => {
  await peer.refused('process/start', good(t, { cwd: 'file:///etc/passwd' }), -32603,
    /Not a directory/);
});

errorTest('cwd-that-is-no-local-path', BOTH, async (t, peer) => {
  for (const cwd of ['http://host/x', 'file://host/tmp', 'relative', 'file:///a%00b']) {
    await peer.refused('process/start', good(t, { cwd }), -32602);
  }
});

errorTest('missing-params', BOTH, async (t, peer) => {
  const whole = good(t);
  for (const name of ['processId', 'argv', 'cwd', 'env', 'tty']) {
    const { [name]: dropped, ...rest } = whole;
    assert.notEqual(dropped, undefined);
    await peer.refused('process/start', rest, -32602, new RegExp(name));
  }
  await peer.refused('process/start', undefined, -32602);
  await peer.refused('process/write', { processId: 'x' }, -32602);
  await peer.refused('process/terminate', {}, -32602);
  await peer.refused('process/signal', { processId: 'x' }, -32602);
});

errorTest('params-of-the-wrong-type', BOTH, async (t, peer) => {
  const wrong = [{ argv: '/bin/true' }, { argv: [1] }, { argv: [null] }, { cwd: 1 }, { env: ['A'] },
    { env: { A: 1 } }, { tty: 1 }, { processId: 5 }, { pipeStdin: 'yes' }, { arg0: 1 }];
  for (const part of wrong) {
    await peer.refused('process/start', { ...good(t), ...part }, -32602);
  }
  await peer.refused('process/write', { processId: 1, chunk: '', writeId: '1' }, -32602);
  await peer.refused('process/signal', { processId: 'x', signal: 'kill' }, -32602);
});

errorTest('nul-and-equals-in-names', OURS, async (t, peer) => {
  const wrong = [{ argv: ['/bin/true', 'a\0b'] }, { argv: ['\0'] }, { cwd: '/tmp\0' },
    { arg0: 'a\0' }, { env: { 'A\0': '1' } }, { env: { A: '\0' } }, { env: { 'A=B': '1' } }];
  for (const part of wrong) {
    await peer.refused('process/start', { ...good(t), ...part }, -32602);
  }
});

errorTest('bad-base64', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  const bad = ['a', 'ab', 'abc', 'a===', '!!!!', 'eA==\n', 'e A=', 'eB==', 'eA=', '____',
    'eA==eA=='];
  for (const [index, chunk] of bad.entries()) {
    await peer.refused('process/write',
      { processId: view.id, chunk, writeId: `w-${index}` }, -32602);
  }
  await view.write('only this', 'last');
  await view.waitText('only this');
  assert.equal(view.text(), 'only this');
});

errorTest('empty-write-id', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await peer.refused('process/write', { processId: view.id, chunk: 'eA==', writeId: '' }, -32602);
});

// The id still stands for the ended process; there is nobody to write to any more.
errorTest('write-after-the-exit', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await view.terminate();
  await view.waitClosed();
  const id = peer.post('process/write', { processId: view.id, chunk: 'eA==', writeId: '1' });
  const reply = await peer.response(id);
  if (reply.error) return assertError(reply, -32603, 'failed to write to process stdin');
  const { status } = reply.result;
  return assert.ok(['stdinClosed', 'unknownProcess'].includes(status), status);
});

// A child that closed its standard input does not take the server down.
errorTest('write-to-a-child-that-closed-its-stdin', OURS, async (t, peer) => {
  const argv = sh('exec 0<&-; echo closed; sleep 1000');
  const view = await startProcess(t, peer, { argv, pipeStdin: true });
  await view.waitText('closed');
  for (let n = 0; n < 5; n++) {
    const { status } = await view.write('x'.repeat(1000), `w-${n}`);
    assert.ok(['accepted', 'stdinClosed'].includes(status), status);
  }
});

errorTest('sandbox-that-cannot-be-enforced', OURS, async (t, peer) => {
  const entries = [{ path: { type: 'special', value: { kind: 'minimal' } }, access: 'read' }];
  const sandbox = { permissions: { type: 'managed', file_system: { type: 'restricted', entries },
    network: 'restricted' }, cwd: 'file:///tmp', workspaceRoots: ['file:///tmp'] };
  const text = /^execport cannot enforce the sandbox that was asked for: ./;
  await peer.refused('process/start', good(t, { sandbox }), -32602, text);
  await peer.refused('process/start', good(t, { sandbox: {} }), -32602, text);
  await peer.refused('process/start', good(t, { sandbox: 'read-only' }), -32602, text);
  await peer.refused('process/start', good(t, { enforceManagedNetwork: true }), -32602, text);
});

test('process/error/methods-before-initialize', BOTH, async (t) => {
  const server = await startServer(t);
  const peer = await connect(t, server.url);
  const calls = [['process/start', good(t)], ['process/terminate', { processId: 'x' }],
    ['process/write', { processId: 'x', chunk: '', writeId: '1' }],
    ['process/signal', { processId: 'x', signal: 'interrupt' }]];
  for (const [method, params] of calls) {
    await peer.refused(method, params, -32600,
      'client must call initialize before using exec methods');
  }
  await peer.request('initialize', { clientName: 'x' });
  for (const [method, params] of calls) {
    await peer.refused(method, params, -32600,
      'client must send initialized before using exec methods');
  }
  peer.notify('initialized', {});
  await startProcess(t, peer, { argv: ['/bin/true'] });
});

test('process/error/initialize-only-once', BOTH, async (t) => {
  const peer = await ready(t, await startServer(t));
  await peer.refused('initialize', { clientName: 'x' }, -32600,
    'initialize may only be sent once per connection');
});

test('process/error/resume-of-an-unknown-id', BOTH, async (t) => {
  const peer = await connect(t, (await startServer(t)).url);
  const resumeSessionId = 'no-such-session';
  await peer.refused('initialize', { clientName: 'x', resumeSessionId }, -32600,
    'unknown session id no-such-session');
});

test('process/error/initialize-without-client-name', BOTH, async (t) => {
  const peer = await connect(t, (await startServer(t)).url);
  await peer.refused('initialize', {}, -32602, /clientName/);
  await peer.refused('initialize', { clientName: 5 }, -32602);
  await peer.request('initialize', { clientName: 'x' });
});
