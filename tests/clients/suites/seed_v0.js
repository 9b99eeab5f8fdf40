'use strict';
// The seed behaviours of the dialect exec-server.v0: the ordinary path, over stdio and over
// WebSocket. The errors are in seed_v0_errors.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { sh, execParams, startExec } = require('../lib/sessions');
const { Witness } = require('../lib/witness');
const { openV0, readyV0 } = require('../lib/v0');
const { startServer } = require('../lib/server');
const { ready } = require('../lib/clients');

const TRANSPORTS = ['stdio', 'ws'];

// One test for each transport.
function forEachTransport(name, fn) {
  TRANSPORTS.forEach((kind) => test(`v0/${kind}/${name}`, {}, (t) => fn(t, kind)));
}

forEachTransport('initialize', async (t, kind) => {
  const { peer } = await openV0(t, kind);
  const result = await peer.request('initialize', { clientName: 'seed' });
  assert.equal(result.protocolVersion, 'exec-server.v0');
  assert.equal(typeof result.sessionId, 'string');
  assert.equal(typeof result.environmentInfo.shell.name, 'string');
  assert.ok(path.isAbsolute(result.environmentInfo.shell.path));
  peer.notify('initialized', {});
  const exec = await startExec(t, peer, { argv: ['/bin/true'] });
  assert.equal(await exec.waitExit(), 0);
});

forEachTransport('initialized-ignores-its-params', async (t, kind) => {
  for (const params of [undefined, null, { some: ['thing'] }]) {
    const { peer } = await openV0(t, kind);
    await peer.request('initialize', { clientName: 'seed' });
    peer.notify('initialized', params);
    await startExec(t, peer, { argv: ['/bin/true'] });
  }
});

forEachTransport('exec-output-and-exit', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const exec = await startExec(t, peer, { argv: sh('echo out; echo err >&2; exit 7') });
  assert.equal(exec.id, 'session-1');
  await exec.waitText('out\n', 'stdout');
  await exec.waitText('err\n', 'stderr');
  assert.equal(await exec.waitExit(), 7);
  assert.equal(exec.text('stdout'), 'out\n');
  assert.equal(exec.text('stderr'), 'err\n');
});

forEachTransport('pty-output-write-and-echo', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const script = 'stty size; echo ready; read line; echo "got:$line"; exit 4';
  const exec = await startExec(t, peer, { argv: sh(script), tty: true });
  await exec.waitText('24 80\r\nready\r\n');
  assert.deepEqual(await exec.write('hello\n'), { accepted: true });
  await exec.waitText('hello\r\ngot:hello\r\n');
  assert.equal(await exec.waitExit(), 4);
  assert.equal(exec.text('stdout'), '24 80\r\nready\r\nhello\r\ngot:hello\r\n');
  assert.equal(exec.text('stderr'), '');
});

forEachTransport('pipe-stdin-is-closed-from-the-start', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const exec = await startExec(t, peer, { argv: sh('cat; echo end') });
  await exec.waitText('end\n');
  assert.equal(await exec.waitExit(), 0);
});

forEachTransport('three-megabytes-arrive-whole', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const exec = await startExec(t, peer, { argv: sh('seq 1 450000; echo END') });
  await exec.waitText(/END\n$/);
  let wanted = '';
  for (let n = 1; n <= 450000; n++) wanted += `${n}\n`;
  assert.ok(exec.text() === `${wanted}END\n`, 'the bytes differ');
});

forEachTransport('argv-cwd-env-and-arg0-reach-the-child', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const cwd = fs.realpathSync(t.dir());
  const named = await startExec(t, peer,
    { argv: ['/bin/cat', '/proc/self/cmdline'], arg0: 'renamed' });
  await named.waitText('renamed\0/proc/self/cmdline\0');
  const placed = await startExec(t, peer, { argv: ['/bin/pwd'], cwd });
  await placed.waitText(`${cwd}\n`);
  const params = execParams(t, { argv: ['/usr/bin/env'], env: { ODD: 'a=b \u00e9' } });
  const listed = await startExec(t, peer, { argv: params.argv, env: { ODD: 'a=b \u00e9' } });
  assert.equal(await listed.waitExit(), 0);
  const lines = Object.entries(params.env).map(([name, value]) => `${name}=${value}`).sort();
  await listed.waitText(/ODD=/);
  assert.deepEqual(listed.output('stdout').toString('utf8').trim().split('\n').sort(), lines);
});

forEachTransport('exit-code-of-a-signal-is-128-plus-it', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  for (const tty of [false, true]) {
    for (const [name, number] of [['TERM', 15], ['KILL', 9], ['SEGV', 11]]) {
      const exec = await startExec(t, peer, { argv: sh(`kill -${name} $$`), tty });
      assert.equal(await exec.waitExit(), 128 + number, `${name}, tty ${tty}`);
    }
  }
});

forEachTransport('terminate-ends-the-tree', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const witness = new Witness(t);
  const exec = await startExec(t, peer,
    { argv: sh(`${witness.open}; sleep 1000 & echo up >&9; wait`) });
  await witness.allUp(1);
  assert.deepEqual(await exec.terminate(), { running: true });
  assert.ok([137, 143].includes(await exec.waitExit()));
  await witness.waitAllGone('the death of the tree');
});

forEachTransport('terminate-tells-whether-it-ran', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const exec = await startExec(t, peer, { argv: ['/bin/true'] });
  await exec.waitExit();
  assert.deepEqual(await exec.terminate(), { running: false });
  assert.deepEqual(await peer.request('command/exec/terminate', { sessionId: 'session-99' }),
    { running: false });
});

forEachTransport('ids-count-up', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  for (let n = 1; n <= 5; n++) {
    const exec = await startExec(t, peer, { argv: sh(`exit ${n}`) });
    assert.equal(exec.id, `session-${n}`);
    assert.equal(await exec.waitExit(), n);
  }
});

forEachTransport('ids-count-up-for-pipelined-requests', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const posted = [];
  for (let n = 1; n <= 20; n++) {
    posted.push(peer.post('command/exec', execParams(t, { argv: sh(`exit ${n}`) })));
  }
  for (let n = 1; n <= 20; n++) {
    assert.deepEqual(await peer.result(posted[n - 1]), { sessionId: `session-${n}` });
  }
  for (let n = 1; n <= 20; n++) {
    const exited = await peer.waitMessage((msg) => msg.method === 'command/exec/exited' &&
      msg.params.sessionId === `session-${n}`, `the exit of session-${n}`);
    assert.equal(exited.msg.params.exitCode, n);
  }
});

forEachTransport('a-client-sent-session-id-is-ignored', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const argv = ['/bin/sleep', '1000'];
  const first = await startExec(t, peer, { argv, sessionId: 'session-7' });
  const second = await startExec(t, peer, { argv, sessionId: 'session-1' });
  assert.equal(first.id, 'session-1');
  assert.equal(second.id, 'session-2');
});

// Until the exit has been reported the id stands for the session; after it the id is unknown.
forEachTransport('ids-are-reserved-until-exit-clean-up', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  const exec = await startExec(t, peer, { argv: sh('echo up; read x'), tty: true });
  await exec.waitText('up\r\n');
  const early = peer.post('command/exec/terminate', { sessionId: exec.id });
  const next = peer.post('command/exec', execParams(t, { argv: ['/bin/sleep', '1000'] }));
  assert.deepEqual(await peer.result(early), { running: true });
  assert.deepEqual(await peer.result(next), { sessionId: 'session-2' });
  await exec.waitExit();
  assert.deepEqual(await exec.terminate(), { running: false });
  await peer.refused('command/exec/write', { sessionId: exec.id, chunk: 'eA==' }, -32600,
    'unknown session id session-1');
});

// The child would write a marker when its sleep ends; it dies with the connection instead.
forEachTransport('disconnect-terminates-the-processes', async (t, kind) => {
  const { peer, server } = await readyV0(t, kind);
  const witness = new Witness(t);
  const marker = path.join(t.dir(), 'marker');
  const script = `${witness.open}; echo up >&9; sleep 1000; echo late > '${marker}'`;
  await startExec(t, peer, { argv: sh(script) });
  await startExec(t, peer, { argv: sh(script), tty: true });
  await witness.allUp(2);
  if (kind === 'stdio') peer.end();
  else peer.destroy();
  await witness.waitAllGone('the death of the connection\'s processes');
  assert.ok(!fs.existsSync(marker), 'the marker was written');
  if (kind === 'stdio') assert.equal((await server.expectEnd().waitExit(10000)).code, 0);
});

forEachTransport('requests-with-string-ids', async (t, kind) => {
  const { peer } = await readyV0(t, kind);
  peer.send({ id: 'one', method: 'command/exec', params: execParams(t, { argv: ['/bin/true'] }) });
  assert.deepEqual((await peer.response('one')).result, { sessionId: 'session-1' });
});

test('v0/ws/each-connection-counts-for-itself', {}, async (t) => {
  const server = await startServer(t);
  const one = await ready(t, server);
  const two = await ready(t, server);
  const argv = sh('echo up; read x');
  const first = await startExec(t, one, { argv, tty: true });
  const second = await startExec(t, two, { argv, tty: true });
  assert.equal(first.id, 'session-1');
  assert.equal(second.id, 'session-1');
  await first.waitText('up');
  await second.waitText('up');
});

test('v0/ws/disconnect-leaves-other-connections-alone', {}, async (t) => {
  const server = await startServer(t);
  const one = await ready(t, server);
  const two = await ready(t, server);
  const witness = new Witness(t);
  await startExec(t, one, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  const other = await startExec(t, two, { argv: sh('echo up; read x; echo "got:$x"'), tty: true });
  await witness.allUp(1);
  one.destroy();
  await witness.waitAllGone('the death of the first connection\'s process');
  await other.write('still\n');
  await other.waitText('got:still');
});

test('v0/ws/close-frame-terminates-the-processes', {}, async (t) => {
  const { peer } = await readyV0(t, 'ws');
  const witness = new Witness(t);
  await startExec(t, peer, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  peer.end();
  assert.equal((await peer.waitClosed()).code, 1000);
  await witness.waitAllGone('the death of the process');
});
