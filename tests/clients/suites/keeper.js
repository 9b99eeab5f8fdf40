'use strict';
// No child survives the server, whatever ends it: its death, that of a keeper above it, a signal.
// Children say that they live by holding a FIFO open; its end is their death.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams, startProcess, startExec } = require('../lib/sessions');
const { ready } = require('../lib/clients');
const { Witness } = require('../lib/witness');
const { childrenOf, killOwn, mayMakeCgroups, mustBecome, mustDie, serverChain, servingPid,
  sleep, statFields } = require('../lib/proc');

const OURS = { on: ['execport'], timeoutMs: 40000 };

// Forks twice with a session of its own in between: its parent is no longer any of the session's
// processes.
const DOUBLE_FORK = '(setsid sh -c "(setsid sh -c \\"echo up >&9; exec sleep 1000\\" &) & exit" &)';

function keeperTest(name, fn) {
  test(`keeper/${name}`, OURS, fn);
}

// A server with children of every kind: pipe, terminal, background, session of its own, forked
// twice. Five holders of the witness.
async function populated(t, options) {
  const server = await startServer(t, options);
  const serving = servingPid(server.pid);
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const quiet = 'trap "" HUP';
  await startProcess(t, peer,
    { argv: sh(`${witness.open}; ${quiet}; sleep 1000 & echo up >&9; wait`) });
  await startProcess(t, peer,
    { argv: sh(`${witness.open}; ${quiet}; echo up >&9; exec sleep 1000`), tty: true });
  await startProcess(t, peer,
    { argv: sh(`${witness.open}; ${quiet}; ${DOUBLE_FORK}; echo up >&9; exec sleep 1000`) });
  await startProcess(t, peer,
    { argv: sh(`${witness.open}; ${quiet}; ${DOUBLE_FORK}; exit 0`), tty: true });
  await witness.allUp(5);
  assert.equal(witness.allGone, false);
  return { server, serving, peer, witness };
}

keeperTest('sigkill-of-the-server', async (t) => {
  const { server, serving, witness } = await populated(t);
  server.expectEnd();
  killOwn(serving, 'SIGKILL');
  await witness.waitAllGone('the death of all children');
  const exit = await server.waitExit(10000);
  assert.notEqual(exit.code, 0, 'the keeper hid the death of the server');
});

// Each of the processes is killed in turn, one of a fresh server each time.
keeperTest('sigkill-of-any-keeper', async (t) => {
  for (let index = 0; index < 4; index++) {
    const { server, witness } = await populated(t);
    const chain = serverChain(server.pid);
    assert.ok(chain.length >= 2, 'a keeper stands above the server');
    if (index >= chain.length) break;
    server.expectEnd();
    killOwn(chain[index], 'SIGKILL');
    await witness.waitAllGone(`the death of all children when process ${index} was killed`);
    for (const pid of chain) await mustDie(pid, 10000, 'a process of the server');
  }
});

keeperTest('sigsegv-of-the-server', async (t) => {
  const { server, serving, witness } = await populated(t);
  server.expectEnd();
  killOwn(serving, 'SIGABRT');
  await witness.waitAllGone('the death of all children');
  const exit = await server.waitExit(10000);
  assert.notEqual(exit.code, 0);
});

keeperTest('children-that-multiply-die-too', async (t) => {
  const server = (await startServer(t)).expectEnd();
  const serving = servingPid(server.pid);
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const breed = 'trap "" TERM HUP; echo up >&9; while :; do setsid sleep 1000 & sleep 0.02; done';
  await startProcess(t, peer,
    { argv: sh(`${witness.open}; (setsid sh -c '${breed}' &); sleep 1000`) });
  await witness.allUp(1);
  killOwn(serving, 'SIGKILL');
  await witness.waitAllGone('the death of all children');
  await server.waitExit(10000);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  keeperTest(`${signal.toLowerCase()}-is-a-graceful-end`, async (t) => {
    const { server, witness } = await populated(t, { args: ['--shutdown-grace', '10m'] });
    const told = new Witness(t);
    const peer = await ready(t, server);
    await startProcess(t, peer, { argv: sh(`exec 8>'${told.path}'; ` +
      'trap "echo told >&8; exit 0" TERM; echo up >&8; while :; do sleep 0.02; done') });
    await told.waitLines(1);
    server.signal(signal);
    const exit = await server.waitExit(15000);
    assert.deepEqual(exit, { code: 0, signal: null });
    await witness.waitAllGone('the death of all children');
    assert.deepEqual(await told.waitLines(2), ['up', 'told']);
  });
}

keeperTest('the-grace-ends-for-children-that-ignore-it', async (t) => {
  const server = await startServer(t, { args: ['--shutdown-grace', '300ms'] });
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const argv = sh(`${witness.open}; trap "" TERM HUP INT; echo up >&9; while :; do sleep 1; done`);
  await startProcess(t, peer, { argv });
  await startProcess(t, peer, { argv, tty: true });
  await witness.allUp(2);
  server.signal('SIGTERM');
  assert.deepEqual(await server.waitExit(10000), { code: 0, signal: null });
  await witness.waitAllGone('the death of all children');
});

// Nobody would ask it to end, and the server would wait for it.
keeperTest('nothing-starts-while-the-server-stops', async (t) => {
  const server = await startServer(t, { args: ['--shutdown-grace', '2s'] });
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const script = `${witness.open}; trap "echo told >&9" TERM; echo up >&9; ` +
    'while :; do sleep 0.05; done';
  await startProcess(t, peer, { argv: sh(script) });
  assert.deepEqual(await witness.waitLines(1), ['up']);
  server.signal('SIGTERM');
  assert.deepEqual(await witness.waitLines(2), ['up', 'told']);
  await assert.rejects(peer.request('process/start', startParams(t, { argv: ['/bin/cat'] })),
    { code: -32603, text: 'the server is ending' });
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
  await witness.waitAllGone('the death of the child');
});

keeperTest('a-second-signal-forces', async (t) => {
  const server = await startServer(t, { args: ['--shutdown-grace', '10m'] });
  server.expectEnd();
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const script = `${witness.open}; trap "echo told >&9" TERM; trap "" HUP; echo up >&9; ` +
    'while :; do sleep 0.05; done';
  await startProcess(t, peer, { argv: sh(script) });
  await witness.waitLines(1);
  server.signal('SIGTERM');
  assert.deepEqual(await witness.waitLines(2), ['up', 'told']);
  assert.equal(server.hasExited, false);
  // Two signals within a quarter of a second may be one request that came two ways.
  await sleep(500);
  server.signal('SIGTERM');
  await server.waitExit(10000, 'the forced end');
  await witness.waitAllGone('the death of the child');
});

keeperTest('signals-to-the-server-itself-work-too', async (t) => {
  const { server, serving, witness } = await populated(t);
  killOwn(serving, 'SIGTERM');
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
  await witness.waitAllGone('the death of all children');
});

keeperTest('an-inherited-ignored-sighup-stays-ignored', async (t) => {
  const wrap = (line) => ['/bin/sh', '-c', 'trap "" HUP; exec "$@"', 'sh', ...line];
  const server = await startServer(t, { wrap });
  const peer = await ready(t, server);
  server.signal('SIGHUP');
  killOwn(servingPid(server.pid), 'SIGHUP');
  const view = await startProcess(t, peer, { argv: ['/bin/true'] });
  await view.waitClosed();
  await ready(t, server);
  // The child does not inherit it: its signals are the default ones.
  const told = await startProcess(t, peer, { argv: ['/bin/grep', 'SigIgn', '/proc/self/status'] });
  await told.waitClosed();
  assert.match(told.text(), /SigIgn:\s+0+\n/);
});

keeperTest('an-inherited-ignored-sigchld-loses-no-exit-code', async (t) => {
  const wrap = (line) => ['/bin/bash', '-c', 'trap "" CHLD; exec "$@"', 'bash', ...line];
  const peer = await ready(t, await startServer(t, { wrap }));
  const view = await startProcess(t, peer, { argv: sh('exit 7') });
  assert.equal(await view.waitExit(), 7);
});

keeperTest('a-reader-that-leaves-does-not-kill-the-server', async (t) => {
  const server = await startServer(t, { args: ['--log-level', 'debug'] });
  server.child.stdout.destroy();
  server.child.stderr.destroy();
  for (let n = 0; n < 10; n++) {
    const peer = await ready(t, server);
    peer.send({ method: 'no/such' });
    await peer.waitClosed();
  }
  await startProcess(t, await ready(t, server), { argv: ['/bin/true'] });
});

keeperTest('orphans-leave-no-zombies', async (t) => {
  const server = await startServer(t);
  const peer = await ready(t, server);
  for (let n = 0; n < 20; n++) {
    const view = await startProcess(t, peer,
      { argv: sh('(setsid sh -c "exec 0</dev/null 1>&0 2>&0; sleep 0.01" &) ; exit 0') });
    await view.waitClosed();
  }
  const chain = serverChain(server.pid);
  const others = () => chain.flatMap(childrenOf).filter((pid) => !chain.includes(pid));
  await mustBecome(() => others().length === 0, 10000,
    `all orphans are reaped (${others().map((pid) => statFields(pid))})`);
});

// terminate and the end of the connection reach what left the session's process group: at once, or,
// where `atOnce` is false, when the server ends.
async function terminated(t, script, end, atOnce = true) {
  const server = await startServer(t);
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const exec = await startExec(t, peer,
    { argv: sh(`${witness.open}; ${script}; echo up >&9; exec sleep 1000`) });
  await witness.allUp(2);
  await end(peer, exec);
  if (!atOnce) await server.stop();
  await witness.waitAllGone('the death of the tree');
}

const OWN_SESSION = '(setsid sh -c "echo up >&9; exec sleep 1000") & true';

keeperTest('terminate-reaches-a-child-with-a-session-of-its-own', (t) =>
  terminated(t, OWN_SESSION, (peer, exec) => exec.terminate()));

keeperTest('terminate-reaches-a-child-that-forked-twice', (t) =>
  terminated(t, DOUBLE_FORK, (peer, exec) => exec.terminate(), mayMakeCgroups()));

keeperTest('disconnect-reaches-a-child-that-forked-twice', (t) =>
  terminated(t, DOUBLE_FORK, async (peer) => peer.destroy(), mayMakeCgroups()));

keeperTest('a-stopped-child-dies-at-shutdown', async (t) => {
  const server = await startServer(t, { args: ['--shutdown-grace', '300ms'] });
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const view = await startProcess(t, peer,
    { argv: sh(`${witness.open}; echo $$ >&9; kill -STOP $$; sleep 1000`) });
  const [pid] = (await witness.allUp(1)).map(Number);
  await mustBecome(() => (statFields(pid) || [])[0] === 'T', 5000, 'the child is stopped');
  assert.equal(view.exitCode, undefined);
  server.signal('SIGTERM');
  assert.deepEqual(await server.waitExit(10000), { code: 0, signal: null });
  await witness.waitAllGone('the death of the child');
});
