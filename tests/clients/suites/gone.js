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
  assert.deepEqual(any,
    [{ processId, reason: 'closed', nextSeq: read.nextSeq, exitCode, endedBy }]);
  const end = { reason: 'exited', exitCode, endedBy };
  assert.deepEqual(await ask('write', { chunk: 'aGk=' }), { status: 'stdinClosed', ...end });
  assert.deepEqual(await ask('signal', { signal: 'interrupt' }), end);
  assert.deepEqual(await ask('terminate'), { running: false, ...end });
  for (const [method, params] of [['closeStdin', {}], ['resize', { rows: 1, cols: 1 }]]) {
    const { data } = await peer.refused(`process/${method}`, { processId, ...params }, -32600,
      'the program has exited');
    assert.deepEqual(data, end, method);
  }
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
  assert.deepEqual(any, [{ processId, reason: 'unknown', nextSeq: 0, unknownReason: reason }]);
  assert.deepEqual(await peer.request('process/write', { processId, chunk: 'aGk=' }),
    { status: 'unknownProcess', reason });
  assert.deepEqual(await peer.request('process/signal', { processId, signal: 'interrupt' }),
    { reason });
  assert.deepEqual(await peer.request('process/terminate', { processId }),
    { running: false, reason });
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

// Requests that waited for a start that failed are answered as if it had never been asked for.
goneTest('failed-to-start-while-others-wait', [], async (t, peer) => {
  const ask = (method, params) => peer.post(`process/${method}`, { processId: 'p', ...params });
  const start = ask('start', { argv: ['/no/such/program'], cwd: '/', env: {}, tty: false });
  const write = ask('write', { chunk: 'aGk=', writeId: '1' });
  const signal = ask('signal', { signal: 'interrupt' });
  const refused = ['closeStdin', 'snapshot', 'wait'].map((method) => ask(method, {}));
  refused.push(ask('resize', { rows: 1, cols: 1 }));
  const reason = 'neverExisted';
  const read = await peer.response(ask('read', {})); // it does not wait: either answer is right
  assert.equal((await peer.response(start)).error.code, -32603);
  assert.match(read.error.message, /^(unknown process id p|process id p is starting)$/);
  if (!/starting/.test(read.error.message)) assert.deepEqual(read.error.data, { reason });
  assert.deepEqual(await peer.result(write), { status: 'unknownProcess', reason });
  assert.deepEqual(await peer.result(signal), { reason });
  for (const id of refused) {
    assert.deepEqual((await peer.response(id)).error,
      { code: -32600, message: 'unknown process id p', data: { reason } });
  }
});

// A terminate is not told that what it ends has ended; whoever asks later is, and by whom.
goneTest('running', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  const ask = (method, params) =>
    peer.request(`process/${method}`, { processId: view.id, ...params });
  assert.deepEqual(await ask('write', { chunk: 'aGk=' }), { status: 'accepted' });
  assert.deepEqual(await ask('closeStdin'), {});
  await view.waitClosed();
  const other = await startProcess(t, peer, { argv: sh('trap "" INT; echo up; exec sleep 1000') });
  await other.waitText('up');
  const params = { processId: other.id };
  assert.deepEqual(await peer.request('process/write', { ...params, chunk: 'aGk=' }),
    { status: 'stdinClosed' });
  assert.deepEqual(await peer.request('process/signal', { ...params, signal: 'interrupt' }), {});
  assert.deepEqual(await other.terminate(), { running: true });
  await other.waitClosed();
});

// Many unknown names among many expired ones: each is looked up, and none searches all others.
goneTest('many-expired', ['--tombstone-ttl', '0'], async (t, peer) => {
  const ids = Array.from({ length: 40 }, (_, n) => `gone-${n}`);
  const views = await Promise.all(ids.map((processId) =>
    startProcess(t, peer, { processId, argv: ['/bin/true'] })));
  for (const view of views) await view.waitClosed();
  const isListed = async () => (await peer.request('process/list')).processes.length > 0;
  while (await isListed()) continue;
  const processes = Array.from({ length: 16384 }, (_, n) => ({ processId: `gone-${n}` }));
  const { ready: any } = await peer.request('process/waitAny', { processes });
  assert.equal(any.length, processes.length);
  any.forEach((one, n) => assert.deepEqual(one, { processId: `gone-${n}`, reason: 'unknown',
    nextSeq: 0, unknownReason: n < ids.length ? 'expired' : 'neverExisted' }));
});
