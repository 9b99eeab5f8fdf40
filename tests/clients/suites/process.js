'use strict';
// The dialect `process` as far as a client starts children, talks to them and sees them end.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { pathToFileURL } = require('node:url');
const { test } = require('../lib/harness');
const { sh, startParams, startProcess } = require('../lib/sessions');
const { startServer } = require('../lib/server');
const { ready, connect } = require('../lib/clients');
const { Witness } = require('../lib/witness');

const BOTH = { on: ['execport', 'codex'] };

async function open(t) {
  const server = await startServer(t);
  return { server, peer: await ready(t, server) };
}

// name, options and a function of (t, peer, server).
function processTest(name, options, fn) {
  test(`process/${name}`, options, async (t) => {
    const { peer, server } = await open(t);
    await fn(t, peer, server);
  });
}

test('process/initialize', BOTH, async (t) => {
  const server = await startServer(t);
  const peer = await connect(t, server.url);
  const result = await peer.request('initialize', { clientName: 'x', resumeSessionId: null });
  assert.equal(typeof result.sessionId, 'string');
  assert.ok(result.sessionId.length > 0);
  assert.equal(typeof result.environmentInfo.shell.name, 'string');
  assert.match(result.environmentInfo.shell.path, /^\//);
  if (t.isExecport) assert.equal(result.protocolVersion, 'exec-server.v0');
  const other = await ready(t, server);
  assert.notEqual(other.initialized.sessionId, result.sessionId);
});

// What execport tells of a process that does not run, beside what both servers say.
const told = (t, members) => (t.isExecport ? members : {});
const NEVER = { reason: 'neverExisted' };

processTest('output-exited-closed-without-holes', BOTH, async (t, peer) => {
  const script = 'for i in 1 2 3 4 5; do echo out-$i; echo err-$i >&2; done; exit 3';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitClosed();
  assert.equal(view.exitCode, 3);
  assert.equal(view.text('stdout'), 'out-1\nout-2\nout-3\nout-4\nout-5\n');
  assert.equal(view.text('stderr'), 'err-1\nerr-2\nerr-3\nerr-4\nerr-5\n');
});

processTest('no-output-gives-two-events', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/true'] });
  await view.waitClosed();
  assert.equal(view.seq, 2);
  assert.equal(view.exitCode, 0);
});

processTest('ten-megabytes-arrive-whole', { ...BOTH, timeoutMs: 60000 }, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('seq 1 1400000') });
  await view.waitClosed(50000);
  const parts = [];
  for (let n = 1; n <= 1400000; n++) parts.push(n);
  assert.ok(view.text() === `${parts.join('\n')}\n`, 'the bytes differ');
});

processTest('output-that-stands-in-the-pipe-at-the-exit-arrives', BOTH, async (t, peer) => {
  for (let round = 0; round < 20; round++) {
    const view = await startProcess(t, peer, { argv: sh('head -c 60000 /dev/zero') });
    await view.waitClosed();
    assert.equal(view.output('stdout').length, 60000);
  }
});

processTest('bytes-are-not-text', BOTH, async (t, peer) => {
  const script = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitClosed();
  assert.deepEqual([...view.output('stdout')], Array.from({ length: 256 }, (unused, i) => i));
});

processTest('pipe-stdin-write-and-echo', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  assert.deepEqual(await view.write('hello\n', 'w1'), { status: 'accepted' });
  await view.waitText('hello\n');
  assert.deepEqual(await view.write('\x00\xff\x80bytes', 'w2'), { status: 'accepted' });
  await view.waitText('hello\n\x00\xff\x80bytes');
  assert.deepEqual(await view.terminate(), { running: true });
  await view.waitClosed();
});

processTest('writes-keep-their-order', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  let wanted = '';
  const replies = [];
  for (let n = 0; n < 500; n++) {
    const text = `${n}:${'x'.repeat(n % 50)}\n`;
    wanted += text;
    replies.push(view.write(text, `w-${n}`));
  }
  for (const reply of await Promise.all(replies)) assert.deepEqual(reply, { status: 'accepted' });
  await view.waitText(/499:x*\n$/);
  assert.ok(view.text() === wanted, 'the bytes differ');
});

processTest('big-writes-pass-through-a-slow-reader', BOTH, async (t, peer) => {
  const script = 'sleep 0.3; head -c 3000000 | wc -c';
  const view = await startProcess(t, peer, { argv: sh(script), pipeStdin: true });
  const replies = [];
  for (let n = 0; n < 30; n++) replies.push(view.write('y'.repeat(100000), `w-${n}`));
  for (const reply of await Promise.all(replies)) assert.deepEqual(reply, { status: 'accepted' });
  await view.waitText('3000000\n');
});

processTest('stdin-is-closed-without-pipe-stdin', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('cat; sleep 1000') });
  assert.deepEqual(await view.write('x', 'w'), { status: 'stdinClosed' });
});

processTest('repeated-write-id-writes-once', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  for (const id of ['a', 'a', 'b', 'a', 'b']) {
    assert.deepEqual(await view.write(`${id}.`, id), { status: 'accepted' });
  }
  await view.write('end', 'c');
  await view.waitText('end');
  assert.equal(view.text(), 'a.b.end');
});

processTest('write-without-write-id-always-writes', { on: ['execport'] }, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await view.write('same');
  await view.write('same');
  await view.waitText('samesame');
});

processTest('tty-size-and-stream', BOTH, async (t, peer) => {
  const script = 'tty >/dev/null && stty size; echo err >&2';
  const view = await startProcess(t, peer, { argv: sh(script), tty: true });
  await view.waitClosed();
  assert.equal(view.text('pty'), '24 80\r\nerr\r\n');
  assert.equal(view.text('stdout') + view.text('stderr'), '');
});

processTest('tty-write-and-echo', BOTH, async (t, peer) => {
  const script = 'read x; echo "got:$x"; stty -echo; echo off; read y; echo "got2:$y"';
  const view = await startProcess(t, peer, { argv: sh(script), tty: true });
  assert.deepEqual(await view.write('one\n', '1'), { status: 'accepted' });
  await view.waitText('off\r\n', 'pty');
  await view.write('two\n', '2');
  await view.waitClosed();
  assert.equal(view.text('pty'), 'one\r\ngot:one\r\noff\r\ngot2:two\r\n');
});

processTest('tty-is-the-controlling-terminal', BOTH, async (t, peer) => {
  const script = 'echo via-tty >/dev/tty; ps -o tpgid= -o pgid= -o sid= -p $$';
  const view = await startProcess(t, peer, { argv: sh(script), tty: true });
  await view.waitClosed();
  const [first, ids] = view.text('pty').split('\r\n');
  assert.equal(first, 'via-tty');
  assert.equal(new Set(ids.trim().split(/\s+/)).size, 1, `one id for all: ${ids}`);
});

processTest('signal-interrupt', BOTH, async (t, peer) => {
  for (const tty of [false, true]) {
    const argv = sh('trap "echo caught; exit 6" INT; echo up; while :; do sleep 0.05; done');
    const view = await startProcess(t, peer, { argv, tty });
    await view.waitText('up', tty ? 'pty' : 'stdout');
    const params = { processId: view.id, signal: 'interrupt' };
    assert.deepEqual(await peer.request('process/signal', params), {});
    await view.waitClosed();
    assert.equal(view.exitCode, 6);
    assert.deepEqual(await peer.request('process/signal', params),
      told(t, { reason: 'exited', exitCode: 6, endedBy: 'itself' }));
  }
});

processTest('signal-to-an-unknown-process', BOTH, async (t, peer) => {
  const params = { processId: 'nobody', signal: 'interrupt' };
  assert.deepEqual(await peer.request('process/signal', params), told(t, NEVER));
});

processTest('terminate-kills-the-tree', BOTH, async (t, peer) => {
  for (const tty of [false, true]) {
    const witness = new Witness(t);
    const script = `${witness.open}; trap "" TERM INT HUP; sleep 1000 & echo up >&9; wait`;
    const view = await startProcess(t, peer, { argv: sh(script), tty });
    await witness.allUp(1);
    assert.deepEqual(await view.terminate(), { running: true });
    await view.waitClosed();
    await witness.waitAllGone('the death of the tree');
    if (t.isExecport) assert.equal(view.exitCode, 137);
    assert.deepEqual(await view.terminate(), { running: false,
      ...told(t, { reason: 'exited', exitCode: 137, endedBy: 'client' }) });
  }
});

// What killed one tree must not reach the next process, even if that inherits something of it.
processTest('a-start-after-a-kill-is-not-killed', BOTH, async (t, peer) => {
  for (let round = 0; round < 30; round++) {
    const killed = await startProcess(t, peer,
      { argv: sh('sleep 1000 & wait'), tty: round % 2 === 1 });
    await killed.terminate();
    await killed.waitClosed();
    const next = await startProcess(t, peer, { argv: sh('sleep 0.01; exit 5') });
    assert.equal(await next.waitExit(), 5, `round ${round}`);
  }
});

processTest('terminate-of-an-unknown-process', BOTH, async (t, peer) => {
  assert.deepEqual(await peer.request('process/terminate', { processId: 'nobody' }),
    { running: false, ...told(t, NEVER) });
});

processTest('exit-code-of-a-signal-is-128-plus-it', { on: ['execport'] }, async (t, peer) => {
  const signals = Object.entries({ HUP: 1, INT: 2, KILL: 9, SEGV: 11, TERM: 15 });
  for (const tty of [false, true]) {
    for (const [name, number] of signals) {
      const view = await startProcess(t, peer, { argv: sh(`kill -${name} $$`), tty });
      assert.equal(await view.waitExit(), 128 + number, `${name}, tty ${tty}`);
    }
  }
});

processTest('exit-codes-pass-unchanged', BOTH, async (t, peer) => {
  for (const code of [0, 1, 2, 100, 127, 128, 130, 254, 255]) {
    const view = await startProcess(t, peer, { argv: sh(`exit ${code}`) });
    assert.equal(await view.waitExit(), code);
  }
});

processTest('statuses-of-an-unknown-process', BOTH, async (t, peer) => {
  const params = { processId: 'nobody', chunk: 'eA==', writeId: '1' };
  assert.deepEqual(await peer.request('process/write', params),
    { status: 'unknownProcess', ...told(t, NEVER) });
});

processTest('cwd-as-uri-and-as-path', BOTH, async (t, peer) => {
  const dir = `${fs.realpathSync(t.dir())}/with space %41 \u00e9`;
  fs.mkdirSync(dir);
  const forms = [pathToFileURL(dir).href, ...(t.isExecport ? [dir] : [])];
  for (const cwd of forms) {
    const view = await startProcess(t, peer, { argv: ['/bin/pwd'], cwd });
    await view.waitClosed();
    assert.equal(view.output('stdout').toString('utf8'), `${dir}\n`);
  }
});

processTest('env-is-exactly-what-was-given', BOTH, async (t, peer) => {
  const params = startParams(t, { argv: ['/usr/bin/env'], env: { ODD: 'a=b', EMPTY: '' } });
  const view = await startProcess(t, peer, params);
  await view.waitClosed();
  const wanted = Object.entries(params.env).map(([name, value]) => `${name}=${value}`).sort();
  assert.deepEqual(view.text().trim().split('\n').sort(), wanted);
});

processTest('arg0', BOTH, async (t, peer) => {
  const argv = ['/bin/cat', '/proc/self/cmdline'];
  const view = await startProcess(t, peer, { argv, arg0: 'renamed' });
  await view.waitClosed();
  assert.equal(view.text(), 'renamed\0/proc/self/cmdline\0');
});

processTest('program-is-looked-up-in-the-childs-path', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['true'] });
  assert.equal(await view.waitExit(), 0);
});

processTest('a-child-has-three-descriptors', { on: ['execport'] }, async (t, peer) => {
  for (const tty of [false, true]) {
    const view = await startProcess(t, peer, { argv: sh('ls /proc/$$/fd; exec 0<&-'), tty });
    await view.waitClosed();
    assert.deepEqual(view.text(tty ? 'pty' : 'stdout').trim().split(/\s+/).sort(), ['0', '1', '2']);
  }
});

processTest('a-child-has-default-signals', { on: ['execport'] }, async (t, peer) => {
  const argv = ['/bin/grep', '^Sig[BI]', '/proc/self/status'];
  const view = await startProcess(t, peer, { argv });
  await view.waitClosed();
  assert.match(view.text(), /SigBlk:\s+0+\n/);
  assert.match(view.text(), /SigIgn:\s+0+\n/);
});

// The leader is gone, a grandchild holds the streams: the exit is told at once and not at their
// end.
processTest('exited-does-not-wait-for-a-grandchild', BOTH, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('sleep 1000 & echo up; exit 5') });
  assert.equal(await view.waitExit(), 5);
  await view.waitText('up');
  if (t.isExecport) await view.waitClosed();
});

processTest('two-hundred-at-once', { ...BOTH, timeoutMs: 60000 }, async (t, peer) => {
  const starts = Array.from({ length: 200 }, (unused, index) => startProcess(t, peer,
    { argv: sh(`echo n-${index}; exit ${index % 100}`), tty: index % 2 === 1 }, 50000));
  const views = await Promise.all(starts);
  for (const [index, view] of views.entries()) {
    await view.waitClosed(50000);
    assert.equal(view.text(index % 2 ? 'pty' : 'stdout').trim(), `n-${index}`);
    assert.equal(view.exitCode, index % 100);
  }
});

processTest('connections-do-not-see-each-others-processes', BOTH, async (t, peer, server) => {
  const other = await ready(t, server);
  const params = startParams(t, { argv: ['/bin/cat'], pipeStdin: true });
  const mine = await startProcess(t, peer, params);
  assert.deepEqual(await other.request('process/write',
    { processId: mine.id, chunk: 'eA==', writeId: '1' }),
  { status: 'unknownProcess', ...told(t, NEVER) });
  const theirs = await startProcess(t, other, params);
  await theirs.write('theirs', '1');
  await theirs.waitText('theirs');
  await mine.write('mine', '1');
  await mine.waitText('mine');
  assert.equal(mine.text(), 'mine');
});

const DETACH = { on: ['execport'], timeoutMs: 60000, background: true };

processTest('end-of-the-connection-ends-its-processes', DETACH, async (t, peer) => {
  const witness = new Witness(t);
  const argv = sh(`${witness.open}; echo up >&9; sleep 1000`);
  await startProcess(t, peer, { argv });
  await startProcess(t, peer, { argv, tty: true });
  await witness.allUp(2);
  peer.destroy();
  // Where sessions can be resumed they outlive the connection for the detach time, 30 s.
  await witness.waitAllGone('the death of the processes', 45000);
});

processTest('seq-survives-bursts-on-both-streams', BOTH, async (t, peer) => {
  const script = 'i=0; while [ $i -lt 2000 ]; do echo $i; echo $i >&2; i=$((i+1)); done';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitClosed();
  let wanted = '';
  for (let n = 0; n < 2000; n++) wanted += `${n}\n`;
  assert.ok(view.text('stdout') === wanted, 'stdout differs');
  assert.ok(view.text('stderr') === wanted, 'stderr differs');
});

