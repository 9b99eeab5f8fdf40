'use strict';
// process/wait, process/waitAny and process/list: what answers them and when, that each is answered
// once, and that nothing is left of those whose connection has gone.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { connect, ready, resume } = require('../lib/clients');
const { rawUpgraded, frame, OP } = require('../lib/raw');

const OURS = { on: ['execport'], timeoutMs: 60000 };
const UNKNOWN = (id) => `unknown process id ${id}`;
const base64 = (text) => Buffer.from(text, 'latin1').toString('base64');
const cat = (t, peer) => startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
// Exits with its standard output still held open, so that the close does not follow at once.
const exits = (status) => sh(`read line; sleep 1000 & exit ${status}`);
const waitAny = (peer, processes, timeoutMs) =>
  peer.request('process/waitAny', { processes, timeoutMs });

function suiteTest(name, fn, args) {
  test(`list-wait/${name}`, OURS, async (t) => {
    const server = await startServer(t, { args });
    await fn(t, server, await ready(t, server));
  });
}

// A client that answers no ping, initialized; call() passes over notifications.
async function rawReady(t, server) {
  const raw = await rawUpgraded(t, server.url);
  let lastId = 100;
  raw.post = (id, method, params) => raw.write(frame(OP.TEXT, JSON.stringify(
    { id, method, params })));
  raw.call = async (method, params) => {
    const id = ++lastId;
    raw.post(id, method, params);
    for (;;) {
      const msg = await raw.nextMessage();
      if (msg.id !== id) continue;
      assert.ok(msg.result, JSON.stringify(msg));
      return msg.result;
    }
  };
  raw.initialized = await raw.call('initialize', { clientName: 'raw' });
  raw.write(frame(OP.TEXT, JSON.stringify({ method: 'initialized' })));
  return raw;
}

// The replies to ids that are posted from now on. A wait of each id's own looks through the whole
// log at each message, which is too much for thousands.
function collect(peer) {
  const replies = new Map();
  peer.listeners.push((msg) => {
    if (msg.method) return;
    if (replies.has(msg.id)) peer.faults.push(`a second reply to ${msg.id}`);
    replies.set(msg.id, msg);
  });
  return async (ids) => {
    const missing = new Set(ids);
    await peer.wait(() => {
      for (const id of missing) {
        if (!replies.has(id)) return undefined;
        missing.delete(id);
      }
      return true;
    }, `${ids.length} replies`, 30000);
    return ids.map((id) => replies.get(id).result || replies.get(id).error);
  };
}

// Starts so many at once.
function startMany(t, peer, count, options) {
  return Promise.all(Array.from({ length: count }, () => startProcess(t, peer, options)));
}

async function noSecondReply(peer, id) {
  await peer.request('process/list', {}); // whatever was on its way has come before
  assert.equal(peer.log.filter(({ msg }) => msg.id === id && !msg.method).length, 1);
}

function checkRecord(record, wanted) {
  assert.deepEqual(Object.keys(record), ['exitCode', 'code', 'signal', 'endedBy', 'startedAtMs',
    'exitedAtMs', 'durationMs', 'cpuUserUs', 'cpuSystemUs', 'peakRssBytes', 'bytesIn', 'bytesOut',
    'closeReason']);
  assert.ok(record.startedAtMs > 1.6e12 && record.exitedAtMs >= record.startedAtMs);
  assert.ok(Math.abs(record.exitedAtMs - record.startedAtMs - record.durationMs) < 60000);
  Object.entries(wanted).forEach(([key, value]) => assert.deepEqual(record[key], value, key));
}

// ---- process/wait ----

// How a program ended that gave 0.
const BY_ITSELF = { exitCode: 0, endedBy: 'itself' };

suiteTest('wait-answers-with-the-record', async (t, server, peer) => {
  const view = await startProcess(t, peer,
    { argv: sh('read line; echo "$line"; echo err >&2; exit 3'), pipeStdin: true });
  const id = peer.post('process/wait', { processId: view.id });
  await view.write('hello\n', 'a');
  checkRecord(await peer.result(id), { exitCode: 3, code: 3, signal: 0, endedBy: 'itself',
    bytesIn: 6 });
  await noSecondReply(peer, id);
});

suiteTest('wait-is-for-the-exit-not-the-close', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: exits(7), pipeStdin: true });
  const id = peer.post('process/wait', { processId: view.id });
  await view.write('go\n', 'a');
  checkRecord(await peer.result(id), { exitCode: 7, closeReason: null });
  assert.equal(view.closed, undefined);
  // What has exited answers at once, also when it may take no time.
  checkRecord(await peer.request('process/wait', { processId: view.id, timeoutMs: 0 }),
    { exitCode: 7, closeReason: null });
}, ['--drain-max', '1h', '--drain-quiet', '1h']);

suiteTest('a-closed-one-answers-everything-for-a-time', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: sh('exit 2') });
  await view.waitClosed();
  checkRecord(await peer.request('process/wait', { processId: view.id }),
    { exitCode: 2, closeReason: 'eof' });
  const any = async (item) =>
    (await waitAny(peer, [{ processId: view.id, ...item }])).ready[0].reason;
  assert.equal(await any({}), 'exited');
  assert.equal(await any({ afterSeq: 1 }), 'closed');
  assert.equal(await any({ match: base64('x') }), 'exited');
  assert.equal(await any({ match: base64('x'), afterSeq: 2 }), 'closed');
  const { processes: [entry] } = await peer.request('process/list', {});
  assert.equal(entry.state, 'closed');
  checkRecord(entry.exit, { exitCode: 2, closeReason: 'eof' });
}, ['--drain-max', '1h', '--drain-quiet', '1h', '--tombstone-ttl', '10m']);

suiteTest('wait-tells-the-signal-and-who-ended-it', async (t, server, peer) => {
  const view = await cat(t, peer);
  const id = peer.post('process/wait', { processId: view.id, timeoutMs: 60000 });
  await view.terminate();
  checkRecord(await peer.result(id), { exitCode: 137, code: 0, signal: 9, endedBy: 'client' });
});

suiteTest('wait-times-out', async (t, server, peer) => {
  const view = await cat(t, peer);
  assert.deepEqual(await peer.request('process/wait', { processId: view.id, timeoutMs: 0 }),
    { timedOut: true });
  const before = Date.now();
  assert.deepEqual(await peer.request('process/wait', { processId: view.id, timeoutMs: 200 }),
    { timedOut: true });
  assert.ok(Date.now() - before >= 195);
});

suiteTest('wait-for-what-is-not-there', async (t, server, peer) => {
  await peer.refused('process/wait', { processId: 'x' }, -32600, UNKNOWN('x'));
  await peer.refused('process/wait', { processId: 'x', timeoutMs: -1 }, -32602);
  await peer.refused('process/wait', {}, -32602);
  // A start that fails is waited for until it has.
  const params = { processId: 'bad', argv: ['/does/not/exist'], cwd: '/', env: {}, tty: false };
  const start = peer.post('process/start', params);
  const wait = peer.post('process/wait', { processId: 'bad' });
  const any = peer.post('process/waitAny', { processes: [{ processId: 'bad' }] });
  assert.equal((await peer.response(start)).error.code, -32603);
  assert.equal((await peer.response(wait)).error.message, UNKNOWN('bad'));
  assert.deepEqual(await peer.result(any),
    { ready: [{ processId: 'bad', reason: 'unknown', nextSeq: 0, unknownReason: 'neverExisted' }],
      timedOut: false });
});

suiteTest('a-start-need-not-be-answered-before-a-wait', async (t, server, peer) => {
  const params = { processId: 'early', argv: sh('exit 4'), cwd: '/', env: {}, tty: false };
  const start = peer.post('process/start', params);
  const wait = peer.post('process/wait', { processId: 'early' });
  await peer.result(start);
  checkRecord(await peer.result(wait), { exitCode: 4 });
});

suiteTest('many-clients-wait-for-one-process', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: exits(5), pipeStdin: true });
  const replies = collect(peer);
  const ids = Array.from({ length: 500 }, (_, i) => (i % 2 === 0
    ? peer.post('process/wait', { processId: view.id })
    : peer.post('process/waitAny', { processes: [{ processId: view.id }] })));
  await view.write('go\n', 'a');
  (await replies(ids)).forEach((result, i) => {
    if (i % 2 === 0) checkRecord(result, { exitCode: 5 });
    else assert.equal(result.ready[0].reason, 'exited');
  });
});

suiteTest('too-many-waits-are-refused', async (t, server, peer) => {
  const view = await cat(t, peer);
  const replies = collect(peer);
  const ids = Array.from({ length: 10001 },
    () => peer.post('process/wait', { processId: view.id }));
  assert.equal((await replies([ids.pop()]))[0].data.resource, 'waiting requests');
  const unknown = Array.from({ length: 16384 }, () => ({ processId: 'x' }));
  assert.equal((await waitAny(peer, unknown)).ready.length, 16384);
  // A call that does not fit in what one connection may wait for is refused whole.
  const other = await cat(t, peer);
  const known = Array.from({ length: 9000 }, () => ({ processId: other.id }));
  const more = Array.from({ length: 7 }, () => peer.post('process/waitAny', { processes: known }));
  assert.equal((await replies([more.pop()]))[0].data.resource, 'waiting requests');
  await view.terminate();
  (await replies(ids)).forEach((record) => assert.equal(record.exitCode, 137));
});

// ---- process/waitAny ----

suiteTest('any-tells-output-exit-and-close', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: exits(0), pipeStdin: true });
  const other = await cat(t, peer);
  const both = (afterSeq) => [{ processId: other.id }, { processId: view.id, afterSeq }];
  assert.deepEqual(await waitAny(peer, both(0), 0), { ready: [], timedOut: true });
  assert.deepEqual(await waitAny(peer, both(0), 100), { ready: [], timedOut: true });
  const id = peer.post('process/waitAny', { processes: both(0), timeoutMs: 60000 });
  await other.write('hello\n', 'a');
  assert.deepEqual(await peer.result(id),
    { ready: [{ processId: other.id, reason: 'output', nextSeq: 2 }], timedOut: false });
  await view.write('go\n', 'a');
  await view.waitExit();
  const exited = { processId: view.id, reason: 'exited', nextSeq: 2, ...BY_ITSELF };
  // All that are ready, in the order of the request.
  assert.deepEqual(await waitAny(peer, both(0), 0),
    { ready: [{ processId: other.id, reason: 'output', nextSeq: 2 }, exited], timedOut: false });
  const known = { processId: other.id, afterSeq: 1 };
  assert.deepEqual(await waitAny(peer, [known, ...both(0).slice(1)]),
    { ready: [exited], timedOut: false });
  // The exit is known: the close is what remains.
  assert.deepEqual(await waitAny(peer, [known, { processId: view.id, afterSeq: 1 }], 100),
    { ready: [], timedOut: true });
  await noSecondReply(peer, id);
}, ['--drain-max', '1h', '--drain-quiet', '1h']);

suiteTest('any-tells-the-close', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: sh('read line'), pipeStdin: true });
  const id = peer.post('process/waitAny', { processes: [{ processId: view.id, afterSeq: 1 }] });
  await view.write('go\n', 'a');
  assert.deepEqual(await peer.result(id),
    { ready: [{ processId: view.id, reason: 'closed', nextSeq: 3, ...BY_ITSELF }],
      timedOut: false });
});

suiteTest('any-of-200-finds-a-marker-in-two-writes', async (t, server, peer) => {
  const views = await startMany(t, peer, 200, { argv: ['/bin/cat'], pipeStdin: true });
  const processes = views.map(({ id }) => ({ processId: id, match: base64('=END=') }));
  const id = peer.post('process/waitAny', { processes });
  const chosen = views[137];
  await Promise.all(views.map((view) => view.write('=EN=D=', 'a')));
  await chosen.waitText('=EN=D=');
  await chosen.write('abc=E', 'b');
  await chosen.waitText('abc=E');
  await chosen.write('ND=def', 'c');
  const { ready: [found, ...others], timedOut } = await peer.result(id);
  assert.deepEqual(others, []);
  assert.equal(timedOut, false);
  // The chunk with the last byte of the match, and the offset behind it.
  assert.deepEqual(found, { processId: chosen.id, reason: 'match', nextSeq: 4, matchSeq: 3,
    matchOffset: 3 });
  // What came before the request is searched too.
  assert.deepEqual((await waitAny(peer, processes, 0)).ready, [found]);
  const behind = [{ processId: chosen.id, afterSeq: 2, match: base64('=END=') }];
  assert.deepEqual(await waitAny(peer, behind, 0), { ready: [], timedOut: true });
  await noSecondReply(peer, id);
});

suiteTest('any-searches-what-comes-after-the-exit', async (t, server, peer) => {
  // The exit closes stdin, and that makes the grandchild write.
  const script = 'exec 3<&0; read line; (read more <&3; echo =END=) & exit 0';
  const view = await startProcess(t, peer, { argv: sh(script), pipeStdin: true });
  const id = peer.post('process/waitAny',
    { processes: [{ processId: view.id, match: base64('=END=') }] });
  await view.write('go\n', 'a');
  assert.deepEqual(await peer.result(id), { ready: [{ processId: view.id, reason: 'match',
    nextSeq: 3, matchSeq: 2, matchOffset: 5 }], timedOut: false });
}, ['--drain-max', '1h', '--drain-quiet', '1h']);

suiteTest('any-with-a-match-ends-with-the-close', async (t, server, peer) => {
  const view = await startProcess(t, peer, { argv: sh('read line; echo x'), pipeStdin: true });
  const id = peer.post('process/waitAny',
    { processes: [{ processId: view.id, match: base64('=END=') }] });
  await view.write('go\n', 'a');
  assert.deepEqual(await peer.result(id),
    { ready: [{ processId: view.id, reason: 'exited', nextSeq: 4, ...BY_ITSELF }],
      timedOut: false });
});

// What is looked for in nothing is not kept.
suiteTest('any-with-an-unknown-one-and-a-match', async (t, server, peer) => {
  const view = await cat(t, peer);
  const { ready: told } = await waitAny(peer, [
    { processId: 'nobody', match: base64('x'.repeat(900)) },
    { processId: view.id, match: base64('y') }, { processId: 'neither', match: base64('z') }]);
  assert.deepEqual(told.map(({ processId, reason }) => [processId, reason]),
    [['nobody', 'unknown'], ['neither', 'unknown']]);
});

suiteTest('any-with-unknown-ones-is-answered-at-once', async (t, server, peer) => {
  const view = await cat(t, peer);
  const unknown = (processId) => ({ processId, reason: 'unknown', nextSeq: 0,
    unknownReason: 'neverExisted' });
  assert.deepEqual(await waitAny(peer, [{ processId: 'a"\u0000\u00e9' }, { processId: view.id },
    { processId: 'a"\u0000\u00e9' }]),
  { ready: [unknown('a"\u0000\u00e9'), unknown('a"\u0000\u00e9')], timedOut: false });
  await view.write('x', 'a');
  await view.waitText('x');
  const output = { processId: view.id, reason: 'output', nextSeq: 2 };
  assert.deepEqual(await waitAny(peer, [{ processId: view.id }, { processId: '' },
    { processId: view.id }]), { ready: [output, unknown(''), output], timedOut: false });
  await peer.refused('process/waitAny', { processes: [] }, -32602);
  await peer.refused('process/waitAny', { processes: [{ processId: 'x', match: '' }] }, -32602);
});

suiteTest('any-of-many-that-end-at-once', async (t, server, peer) => {
  // Answers race with each other and with the posts.
  const replies = collect(peer);
  for (let round = 0; round < 10; round++) {
    const views = await startMany(t, peer, 30, { argv: sh('read line'), pipeStdin: true });
    const processes = views.map(({ id }) => ({ processId: id }));
    const ids = [];
    views.forEach((view) => {
      ids.push(peer.post('process/waitAny', { processes, timeoutMs: 5 }));
      peer.post('process/write', { processId: view.id, chunk: base64('go\n'), writeId: 'a' });
      ids.push(peer.post('process/waitAny', { processes }));
    });
    (await replies(ids)).forEach(({ ready: some, timedOut }) =>
      assert.equal(timedOut, some.length === 0));
    await Promise.all(views.map((view) => view.waitClosed()));
  }
});

// ---- Connections that go ----

suiteTest('a-cut-connection-takes-its-waits-along', async (t, server, peer) => {
  let holder = peer;
  const { sessionId } = peer.initialized;
  const views = await startMany(t, peer, 20, { argv: ['/bin/cat'], pipeStdin: true });
  const processes = views.map(({ id }) => ({ processId: id, match: base64('never') }));
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 20; i++) {
      holder.post('process/waitAny', { processes });
      holder.post('process/wait', { processId: views[i].id });
      holder.post('process/list', {});
    }
    await holder.request('process/list', {});
    holder.destroy();
    await holder.waitClosed();
    holder = await resume(t, server, sessionId);
  }
  // Each process is watched by so many as it may be: none of the 8,000 waits is left.
  const replies = collect(holder);
  const ids = Array.from({ length: 9999 },
    () => holder.post('process/wait', { processId: views[0].id, timeoutMs: 60000 }));
  assert.deepEqual(await holder.request('process/wait',
    { processId: views[0].id, timeoutMs: 0 }), { timedOut: true });
  await holder.request('process/terminate', { processId: views[0].id });
  (await replies(ids)).forEach((record) => assert.equal(record.exitCode, 137));
});

suiteTest('a-connection-that-loses-its-processes-is-told', async (t, server) => {
  const params = { processId: 'cat', argv: ['/bin/cat'], cwd: '/', env: t.env(), tty: false,
    pipeStdin: true };
  const raw = await rawReady(t, server);
  const sessionId = raw.initialized.sessionId;
  await raw.call('process/start', params);
  raw.post(10, 'process/wait', { processId: 'cat' });
  raw.post(11, 'process/waitAny', { processes: [{ processId: 'cat' }] });
  await raw.call('process/list', {});
  const other = await connect(t, server.url); // the raw one answers no ping
  await other.request('initialize', { clientName: 'x', resumeSessionId: sessionId });
  const replies = [await raw.nextMessage(), await raw.nextMessage()];
  assert.deepEqual(replies.map(({ id }) => id).sort(), [10, 11]);
  replies.forEach(({ error }) => assert.equal(error.message,
    'session has been resumed by another connection'));
});

suiteTest('a-server-that-ends-answers-what-waits', async (t, server, peer) => {
  const views = await startMany(t, peer, 5, { argv: ['/bin/cat'], pipeStdin: true });
  const waits = views.map(({ id }) => peer.post('process/wait', { processId: id }));
  const any = peer.post('process/waitAny',
    { processes: views.map(({ id }) => ({ processId: id })) });
  await peer.request('process/list', {});
  server.signal('SIGTERM');
  for (const id of waits) checkRecord(await peer.result(id), { endedBy: 'shutdown' });
  assert.notEqual((await peer.result(any)).ready.length, 0);
  assert.deepEqual(await server.waitExit(20000), { code: 0, signal: null });
});

// ---- process/list ----

const MEMBERS = ['processId', 'state', 'labels', 'tty', 'pid', 'startedAtMs', 'lastActivityAtMs',
  'nextSeq', 'bytesIn', 'bytesOut', 'retainedBytes', 'omittedBytes', 'stdinQueuedBytes',
  'stdinWaits', 'windowBytes', 'unreadBytes', 'waits', 'observers', 'exit'];

suiteTest('list-tells-all', async (t, server, peer) => {
  assert.deepEqual(await peer.request('process/list', {}), { processes: [] });
  const first = await cat(t, peer);
  const second = await startProcess(t, peer, { argv: exits(9), pipeStdin: true });
  const third = await startProcess(t, peer, { argv: ['/bin/cat'], tty: true });
  await first.write('hello', 'a');
  await first.waitText('hello');
  await second.write('go\n', 'a');
  await second.waitExit();
  const { processes } = await peer.request('process/list', {});
  assert.deepEqual(processes.map((one) => one.processId),
    [first.id, second.id, third.id].sort());
  const of = (view) => processes.find((one) => one.processId === view.id);
  processes.forEach((one) => assert.deepEqual(Object.keys(one), MEMBERS));
  const entry = of(first);
  assert.ok(entry.pid > 1 && entry.lastActivityAtMs >= entry.startedAtMs);
  assert.deepEqual({ state: entry.state, tty: entry.tty, nextSeq: entry.nextSeq,
    bytesIn: entry.bytesIn, bytesOut: entry.bytesOut, retainedBytes: entry.retainedBytes,
    omittedBytes: entry.omittedBytes, waits: entry.waits, observers: entry.observers,
    exit: entry.exit },
  { state: 'running', tty: false, nextSeq: 2, bytesIn: 5,
    bytesOut: { stdout: 5, stderr: 0, pty: 0 }, retainedBytes: 5, omittedBytes: 0, waits: null,
    observers: { count: 0, behind: 0 }, exit: null });
  assert.equal(of(second).state, 'exited');
  checkRecord(of(second).exit, { exitCode: 9, closeReason: null });
  assert.equal(of(third).tty, true);
}, ['--drain-max', '1h', '--drain-quiet', '1h']);

suiteTest('list-has-what-is-starting', async (t, server, peer) => {
  const params = { processId: 'new', argv: ['/bin/cat'], cwd: '/', env: t.env(), tty: false,
    pipeStdin: true };
  const start = peer.post('process/start', params);
  const { processes } = await peer.request('process/list', {});
  await peer.result(start);
  assert.equal(processes.length, 1);
  assert.ok(['starting', 'running'].includes(processes[0].state));
  assert.equal(processes[0].state === 'starting', processes[0].pid === null);
  await peer.request('process/terminate', { processId: 'new' });
});

suiteTest('list-of-500-while-some-end', async (t, server, peer) => {
  const views = await startMany(t, peer, 500, { argv: sh('read line'), pipeStdin: true });
  const running = new Set(views.map((view) => view.id));
  for (let from = 0; from < 250; from += 25) {
    const some = views.slice(from, from + 25);
    some.forEach((view) => running.delete(view.id));
    some.forEach((view) => peer.post('process/write',
      { processId: view.id, chunk: base64('go\n'), writeId: 'a' }));
    const { processes } = await peer.request('process/list', {});
    const ids = processes.map((one) => one.processId);
    assert.deepEqual(ids, [...new Set(ids)].sort());
    const left = processes.filter((one) => running.has(one.processId));
    assert.equal(left.length, running.size);
    left.forEach((one) => assert.equal(one.state, 'running'));
    assert.equal(processes.length, 500); // those that have ended answer for a time
    processes.forEach((one) => assert.equal(one.exit !== null,
      ['exited', 'closed'].includes(one.state)));
    await Promise.all(some.map((view) => view.waitClosed()));
  }
}, ['--tombstone-ttl', '10m']);

suiteTest('list-tells-who-waits-for-the-client', async (t, server) => {
  const raw = await rawReady(t, server); // answers no ping, so what it was sent stays unread
  await raw.call('process/start', { processId: 'yes', argv: ['/usr/bin/yes'], cwd: '/',
    env: t.env(), tty: false });
  for (;;) { // the deadline is the test's
    const { processes: [{ waits, unreadBytes }] } = await raw.call('process/list', {});
    if (waits === null) continue;
    assert.equal(waits.for, 'client');
    assert.ok(Math.abs(Date.now() - waits.sinceMs) < 60000);
    assert.ok(unreadBytes > 0);
    break;
  }
});

suiteTest('list-tells-who-waits-for-a-program', async (t, server, peer) => {
  const stuck = await startProcess(t, peer, { argv: ['/bin/sleep', '1000'], pipeStdin: true });
  const look = async () => (await peer.request('process/list', {})).processes[0];
  assert.deepEqual((await look()).stdinWaits, null);
  const before = Date.now();
  await stuck.write('x'.repeat(200000), '1');
  let entry;
  do entry = await look(); while (entry.stdinWaits === null); // the deadline is the test's
  const { stdinWaits, stdinQueuedBytes, windowBytes, waits } = entry;
  assert.equal(stdinWaits.for, 'program');
  assert.ok(stdinWaits.sinceMs >= before - 1000 && stdinWaits.sinceMs <= Date.now() + 1000);
  assert.ok(stdinQueuedBytes > 100000);
  assert.equal(windowBytes, 256 * 1024);
  assert.equal(waits, null);
  const again = (await look()).stdinWaits;
  assert.equal(again.sinceMs, stdinWaits.sinceMs); // it is the same wait
}, ['--window', '256KiB']);

suiteTest('list-by-labels', async (t, server, peer) => {
  const one = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true,
    labels: { job: 'a"b', kind: 'x' } });
  const two = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true,
    labels: { job: 'c', kind: 'x' } });
  await cat(t, peer);
  const ids = async (labels) => (await peer.request('process/list', { labels })).processes
    .map(({ processId, labels: own }) => [processId, own]);
  assert.equal((await ids({})).length, 3);
  assert.deepEqual(await ids({ kind: 'x' }),
    [[one.id, { job: 'a"b', kind: 'x' }], [two.id, { job: 'c', kind: 'x' }]]
      .sort((a, b) => (a[0] < b[0] ? -1 : 1)));
  assert.deepEqual(await ids({ kind: 'x', job: 'c' }), [[two.id, { job: 'c', kind: 'x' }]]);
  assert.deepEqual(await ids({ job: 'x' }), []);
  await peer.refused('process/list', { labels: { job: 1 } }, -32602);
});
