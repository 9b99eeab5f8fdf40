'use strict';
// What is told of a process that is gone: that it exited, who ended it, that its time is over, or
// that it never existed; by each method that can be asked.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { ready } = require('../lib/clients');

// The end of the output is seen, however late.
const DRAIN = ['--drain-max', '1h', '--drain-quiet', '1h'];

function goneTest(name, args, fn) {
  test(`gone/${name}`, { on: ['execport'] }, async (t) => {
    const server = await startServer(t, { args: [...DRAIN, ...args] });
    await fn(t, await ready(t, server));
  });
}

// Everything that a tombstone answers, given what ended the process.
async function assertAnswers(peer, processId, { exitCode, endedBy, text }) {
  const ask = (method, params) => peer.request(`process/${method}`, { processId, ...params });
  const read = await ask('read', { waitMs: 60000 });
  assert.equal(Buffer.concat(read.chunks.map(({ chunk }) => Buffer.from(chunk, 'base64')))
    .toString(), text);
  assert.deepEqual([read.exited, read.exitCode, read.closed], [true, exitCode, true]);
  const snapshot = await ask('snapshot');
  assert.deepEqual([Buffer.from(snapshot.stdout, 'base64').toString(), snapshot.exitCode,
    snapshot.running], [text, exitCode, false]);
  const record = await ask('wait');
  assert.deepEqual([record.exitCode, record.endedBy, record.closeReason],
    [exitCode, endedBy, 'eof']);
  const listed = (await peer.request('process/list')).processes
    .find((one) => one.processId === processId);
  assert.deepEqual([listed.state, listed.exit], ['closed', record]);
  const { ready: any } = await peer.request('process/waitAny',
    { processes: [{ processId, afterSeq: read.nextSeq - 1 }] });
  assert.deepEqual(any.map(({ reason }) => reason), ['closed']);
  assert.deepEqual(await ask('write', { chunk: 'aGk=' }), { status: 'stdinClosed' });
  assert.deepEqual(await ask('signal', { signal: 'interrupt' }), {});
  assert.deepEqual(await ask('terminate'), { running: false });
}

// Nobody answers for it any more, or ever did.
async function assertIsUnknown(peer, processId, reason) {
  const text = `unknown process id ${processId}`;
  for (const [method, params] of [['read', {}], ['snapshot', {}], ['wait', {}], ['closeStdin', {}],
    ['resize', { rows: 1, cols: 1 }]]) {
    const error = await peer.refused(`process/${method}`, { processId, ...params }, -32600, text);
    assert.deepEqual(error.data, { reason }, method);
  }
  const { processes } = await peer.request('process/list');
  assert.deepEqual(processes.filter((one) => one.processId === processId), []);
  const { ready: any } = await peer.request('process/waitAny', { processes: [{ processId }] });
  assert.deepEqual(any.map((one) => one.reason), ['unknown']);
  assert.deepEqual(await peer.request('process/write', { processId, chunk: 'aGk=' }),
    { status: 'unknownProcess' });
  assert.deepEqual(await peer.request('process/signal', { processId, signal: 'interrupt' }), {});
  assert.deepEqual(await peer.request('process/terminate', { processId }), { running: false });
}

goneTest('exited', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo out; exit 3') });
  await view.waitClosed();
  await assertAnswers(peer, view.id, { exitCode: 3, endedBy: 'itself', text: 'out\n' });
});

goneTest('ended-by-a-client', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo out; exec sleep 1000') });
  await view.waitText('out');
  await view.terminate();
  await view.waitClosed();
  await assertAnswers(peer, view.id, { exitCode: 137, endedBy: 'client', text: 'out\n' });
});

// Each limit of a start is named in the record. Their programs would never end by themselves; how
// far they come is not known.
const LIMITS = [
  ['time_limit', { wallMs: 200 }, 'echo out; exec sleep 1000'],
  ['idle_limit', { idleMs: 200 }, 'echo out; exec sleep 1000'],
  ['no_output_limit', { noOutputMs: 200 }, 'echo out; exec sleep 1000'],
];

for (const [endedBy, limits, script] of LIMITS) {
  goneTest(`ended-by-${endedBy}`, [], async (t, peer) => {
    const view = await startProcess(t, peer, { argv: sh(script), limits });
    await view.waitClosed();
    await assertAnswers(peer, view.id, { exitCode: view.exitCode, endedBy, text: view.text() });
    assert.ok(view.exitCode > 128, `exit code ${view.exitCode}`);
  });
}

goneTest('expired', ['--tombstone-ttl', '0'], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/true'] });
  await view.waitClosed();
  // Its handles are closed a moment after the close was told; the list has it until then.
  const isListed = async () => (await peer.request('process/list')).processes.length > 0;
  while (await isListed()) continue;
  await assertIsUnknown(peer, view.id, 'expired');
});

goneTest('never-existed', [], async (t, peer) => {
  await assertIsUnknown(peer, 'nobody', 'neverExisted');
});

// A start that failed has left nothing to ask for.
goneTest('failed-to-start', [], async (t, peer) => {
  await peer.refused('process/start', { processId: 'p', argv: ['/no/such/program'], cwd: '/',
    env: {}, tty: false }, -32603);
  await assertIsUnknown(peer, 'p', 'neverExisted');
});
