'use strict';
// process/observe: what others than the owner see of a process, that nobody waits for them, that
// they are told exactly what they missed, and how observing ends, in every order.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams, startProcess, startExec } = require('../lib/sessions');
const { connect, ready, resume } = require('../lib/clients');
const { PATIENT } = require('../lib/flood');
const { scrape } = require('../lib/metrics');
const { sleep } = require('../lib/proc');

function observeTest(name, options, fn) {
  const { background = false } = options;
  test(`observe/${name}`, { on: ['execport'], timeoutMs: 60000, background }, async (t) => {
    const server = await startServer(t, { args: options.args });
    await fn(t, await ready(t, server), server);
  });
}

// What an observer has seen of one process, in order, with its faults.
class Observation {
  constructor(peer, name, afterSeq) {
    Object.assign(this, { peer, name, seq: afterSeq, parts: [], bytes: 0, missed: 0, gaps: [] });
    this.exitCode = undefined;
    this.closed = false;
    this.ended = undefined;
    this.isOver = false;
    peer.listeners.push((msg) => {
      const isMine = msg.method && msg.params.processId === name && !this.isOver;
      if (isMine) this.take(msg.method, msg.params);
      if (msg.method === 'process/output') peer.log.length = 0;
    });
  }

  fault(text) {
    this.peer.faults.push(`${this.name}: ${text}`);
  }

  take(method, params) {
    if (!this.replied) this.fault(`${method} before the reply`);
    if (this.closed || this.ended) this.fault(`${method} behind the end`);
    if (method === 'process/gap') this.skip(params);
    else if (method === 'process/observeEnded') this.ended = params.reason;
    else this.next(method, params);
  }

  skip(gap) {
    if (gap.firstSeq !== this.seq + 1 && gap.firstSeq !== this.seq + 2) {
      this.fault(`a gap from ${gap.firstSeq} behind ${this.seq}`);
    }
    if (gap.lastSeq < gap.firstSeq) this.fault('an empty gap');
    this.gaps.push(gap);
    this.missed += gap.bytes;
    this.seq = gap.lastSeq;
  }

  next(method, params) {
    const inGap = method === 'process/exited' && params.seq < this.seq;
    if (!inGap && params.seq !== this.seq + 1) this.fault(`seq ${params.seq} behind ${this.seq}`);
    if (!inGap) this.seq = params.seq;
    if (method === 'process/output') this.add(Buffer.from(params.chunk, 'base64'));
    else if (method === 'process/closed') this.closed = true;
    else Object.assign(this, { exitCode: params.exitCode, exitSeq: params.seq });
  }

  add(bytes) {
    this.parts.push(bytes);
    this.bytes += bytes.length;
  }

  text() {
    return Buffer.concat(this.parts).toString('latin1');
  }

  until(look, what) {
    return this.peer.wait(() => look(this) || undefined, what, 30000);
  }
}

// Observes, and gives what is seen from then on.
async function observe(peer, owner, processId, options = {}) {
  const name = options.as || processId;
  const seen = new Observation(peer, name, options.afterSeq || 0);
  const { observerKey } = owner.initialized;
  const id = peer.post('process/observe', { observerKey, processId, ...options });
  peer.listeners.unshift((msg) => {
    if (msg.id === id && !msg.method) seen.replied = true;
  });
  seen.reply = await peer.result(id, `the reply to observe ${name}`);
  assert.equal(seen.reply.processId, name);
  return seen;
}

const FLOOD_BYTES = 24 * 1024 * 1024;
const FLOOD = `head -c ${FLOOD_BYTES} /dev/zero`;

const gauge = async (t, server, name) => (await scrape(t, server.url)).get(name);

async function untilNobodyObserves(t, server) {
  while (await gauge(t, server, 'observers') > 0) await sleep(20);
}

observeTest('several-see-what-the-owner-sees', {}, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: sh('cat; echo bye >&2; exit 4'),
    pipeStdin: true });
  const first = await observe(await ready(t, server), owner, view.id);
  assert.deepEqual(first.reply, { processId: view.id, nextSeq: 1, state: 'running', tty: false,
    exitCode: null });
  const peer = await ready(t, server);
  const second = await observe(peer, owner, view.id, { as: 'mine' });
  const third = await observe(peer, owner, view.id, { as: 'mine too' });
  await view.write('hello\n');
  await view.waitText('hello\n');
  const late = await observe(await ready(t, server), owner, view.id);
  const later = await observe(await ready(t, server), owner, view.id, { afterSeq: 1 });
  assert.equal(late.reply.nextSeq, 2);
  await owner.request('process/closeStdin', { processId: view.id });
  await view.waitClosed();
  for (const seen of [first, second, third, late]) {
    await seen.until(() => seen.closed, 'the close');
    assert.deepEqual([seen.text(), seen.exitCode, seen.gaps], ['hello\nbye\n', 4, []]);
  }
  await later.until(() => later.closed, 'the close');
  assert.equal(later.text(), 'bye\n');
});

observeTest('a-closed-process', {}, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: sh('echo out; exit 3') });
  await view.waitClosed();
  const peer = await ready(t, server);
  const seen = await observe(peer, owner, view.id);
  await seen.until(() => seen.closed, 'the close');
  assert.deepEqual([seen.text(), seen.exitCode, seen.reply.state, seen.reply.exitCode],
    ['out\n', 3, 'closed', 3]);
  // The name is free when the close has been read; what is known is not told again.
  seen.isOver = true;
  const again = new Observation(peer, view.id, 2);
  again.replied = true;
  const { observerKey } = owner.initialized;
  await peer.request('process/observe', { observerKey, processId: view.id, afterSeq: 3 });
  await again.until(() => again.closed, 'the close');
  assert.equal(again.exitCode, undefined);
});

observeTest('a-process-that-is-starting', {}, async (t, owner, server) => {
  const peer = await ready(t, server);
  owner.post('process/start', startParams(t, { processId: 'p', argv: sh('echo x') }));
  const own = owner.post('process/observe', { observerKey: owner.initialized.observerKey,
    processId: 'p', as: 'own' });
  assert.equal((await owner.result(own)).processId, 'own');
  await owner.waitMessage((msg) => msg.method === 'process/closed' &&
    msg.params.processId === 'own', 'the close of own');
  owner.post('process/start', startParams(t, { processId: 'q', argv: ['/no/such'] }));
  const lost = await owner.response(owner.post('process/observe', { processId: 'q', as: 'r',
    observerKey: owner.initialized.observerKey }));
  assert.match(lost.error.message, /^unknown process id q$/);
  await peer.request('environment/status', {});
});

observeTest('refusals', { args: ['--max-observers', '2', '--max-observed', '3'] },
  async (t, owner, server) => {
    const view = await startProcess(t, owner, { argv: ['/bin/cat'], pipeStdin: true });
    const other = await startProcess(t, owner, { argv: ['/bin/cat'], pipeStdin: true });
    const { observerKey, sessionId } = owner.initialized;
    assert.match(observerKey, /^[0-9a-f]{32}$/);
    const peer = await ready(t, server);
    assert.notEqual(peer.initialized.observerKey, observerKey);
    const refused = (params, code, text) =>
      peer.refused('process/observe', { observerKey, processId: view.id, ...params }, code, text);
    for (const key of ['', 'x', sessionId, observerKey.slice(1), `${observerKey}0`,
      observerKey.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), 'x'.repeat(32)]) {
      await refused({ observerKey: key }, -32600, 'unknown observer key');
    }
    await refused({ observerKey: 7 }, -32602, /observerKey/);
    await refused({ processId: 'nobody' }, -32600, 'unknown process id nobody');
    await refused({ afterSeq: 1 }, -32602, /afterSeq/);
    // The key gives no more than a look, and what is observed cannot be asked for anything else.
    const resume = await connect(t, server.url);
    await resume.refused('initialize', { clientName: 'x', resumeSessionId: observerKey }, -32600,
      `unknown session id ${observerKey}`);
    await observe(peer, owner, view.id);
    assert.deepEqual(await peer.request('process/write', { processId: view.id, chunk: 'eA==',
      writeId: '1' }), { status: 'unknownProcess', reason: 'neverExisted' });
    assert.deepEqual(await peer.request('process/terminate', { processId: view.id }),
      { running: false, reason: 'neverExisted' });
    await peer.refused('process/read', { processId: view.id }, -32600, /unknown process id/);
    assert.deepEqual((await peer.request('process/list', {})).processes, []);
    // Names: neither twice, nor that of an own process, nor the other way round.
    await refused({}, -32600, `process ${view.id} already exists`);
    const mine = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
    await refused({ as: mine.id }, -32600, `process ${mine.id} already exists`);
    await peer.refused('process/start', startParams(t, { processId: view.id, argv: ['/bin/true'] }),
      -32600, `process ${view.id} already exists`);
    // Limits.
    await observe(peer, owner, view.id, { as: 'two' });
    const full = await refused({ as: 'three' }, -32021, 'no capacity');
    assert.equal(full.data.resource, 'observers of this process');
    await observe(peer, owner, other.id, { as: 'three' });
    const most = await refused({ processId: other.id, as: 'four' }, -32021, 'no capacity');
    assert.equal(most.data.resource, 'observed processes of this connection');
    await peer.refused('process/unobserve', { processId: 'four' }, -32600,
      'process id four is not observed');
    assert.deepEqual(await peer.request('process/unobserve', { processId: 'two' }), {});
    await peer.refused('process/unobserve', { processId: 'two' }, -32600, /not observed/);
    await observe(peer, owner, view.id, { as: 'two' });
  });

// Counts what the owner gets and keeps nothing of it.
function countBytes(owner, view) {
  const count = { bytes: 0 };
  owner.listeners.push((msg) => {
    if (msg.method !== 'process/output') return;
    count.bytes += Buffer.from(msg.params.chunk, 'base64').length;
    owner.log.length = view.bytes.stdout.length = 0;
  });
  return count;
}

// The socket of a slow observer stands still while a flood goes by. The owner gets all of it at its
// own pace; the observer then gets what was in its queue, a gap, and what is retained.
// `between(view)` runs when half of the flood was seen.
async function slowObserver(t, owner, server, script, between) {
  const view = await startProcess(t, owner, { argv: sh(script), pipeStdin: true });
  const slow = await ready(t, server);
  const seen = await observe(slow, owner, view.id);
  const quick = await observe(await ready(t, server), owner, view.id);
  const got = countBytes(owner, view);
  slow.transport.socket.pause();
  await view.write('go\n');
  await owner.wait(() => got.bytes > FLOOD_BYTES / 2 || undefined, 'half of the flood', 30000);
  await between(view);
  await owner.wait(() => got.bytes === FLOOD_BYTES + 4 || undefined, 'the flood', 30000);
  const { processes: [entry] } = await owner.request('process/list', {});
  assert.ok(entry.observers.count >= 1);
  assert.ok(entry.observers.behind > 100, `${entry.observers.behind} behind`);
  // Each has its queue, and a frame of a whole chunk more.
  const queued = await gauge(t, server, 'queue_bytes{class="observed"}');
  assert.ok(queued > 0 && queued <= 2 * (256 * 1024 + 90000), `${queued} bytes in queues`);
  slow.transport.socket.resume();
  for (const one of [seen, quick]) {
    await one.until(() => one.closed, 'the close');
    assert.equal(one.bytes + one.missed, FLOOD_BYTES + 4);
    assert.equal(one.text().slice(-4), 'end\n');
    assert.equal(one.exitCode, 5);
  }
  assert.ok(seen.gaps.length > 0 && seen.missed > FLOOD_BYTES / 4, `${seen.missed} missed`);
  assert.ok(await gauge(t, server, 'observer_gaps_total') >= seen.gaps.length);
  assert.ok(await gauge(t, server, 'observer_gap_bytes_total') >= seen.missed);
  return seen;
}

observeTest('a-slow-observer-gets-a-counted-gap', { args: PATIENT }, (t, owner, server) =>
  slowObserver(t, owner, server, `read x; ${FLOOD}; echo end; read x; exit 5`,
    (view) => view.write('x\n')));

// The exit is told wherever its number is, also in the gap: half of the flood waits for it.
observeTest('an-exit-in-a-gap', { args: [...PATIENT, '--drain-max', '1h', '--drain-quiet', '1h'] },
  async (t, owner, server) => {
    const gate = path.join(t.dir(), 'gate');
    const half = `head -c ${FLOOD_BYTES / 2 + 1} /dev/zero`;
    const rest = `head -c ${FLOOD_BYTES / 2 - 1} /dev/zero`;
    const seen = await slowObserver(t, owner, server,
      `read x; (${half}; until [ -e '${gate}' ]; do sleep 0.02; done; ${rest}; echo end) & ` +
      'read x; exit 5', async (view) => {
        await view.write('x\n');
        await view.waitExit();
        fs.writeFileSync(gate, '');
      });
    assert.ok(seen.gaps.some((gap) => gap.firstSeq < seen.exitSeq && seen.exitSeq < gap.lastSeq));
  });

// With nothing retained an observer that keeps up sees everything all the same.
observeTest('nothing-is-retained', { args: ['--retain', '0'] }, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: ['/bin/cat'], pipeStdin: true });
  const seen = await observe(await ready(t, server), owner, view.id);
  for (let i = 0; i < 20; i++) {
    await view.write(`${i}\n`);
    await view.waitText(`${i}\n`);
  }
  await owner.request('process/closeStdin', { processId: view.id });
  await seen.until(() => seen.closed, 'the close');
  assert.equal(seen.text(), view.text());
});

observeTest('the-end-of-observing-in-a-flood', { args: PATIENT }, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: sh('exec cat /dev/zero') });
  const got = countBytes(owner, view);
  const peers = [];
  for (let i = 0; i < 6; i++) peers.push(await ready(t, server));
  const all = [];
  for (const peer of peers) {
    all.push(await observe(peer, owner, view.id, { as: 'a' }));
    all.push(await observe(peer, owner, view.id, { as: 'b' }));
  }
  for (const seen of all) await seen.until(() => seen.bytes > 1e6, 'bytes');
  // Two end it and begin again, under the same name and another; two are cut; one stands still.
  peers[5].transport.socket.pause();
  for (const peer of peers.slice(0, 2)) {
    const old = all.filter((seen) => seen.peer === peer);
    assert.deepEqual(await peer.request('process/unobserve', { processId: 'a' }), {});
    old[0].closed = true; // nothing may come behind the answer
    const fresh = await observe(peer, owner, view.id, { as: 'c' });
    await fresh.until(() => fresh.bytes > 1e6, 'bytes');
    assert.ok(fresh.seq > 1);
  }
  peers[2].destroy();
  peers[3].end();
  await Promise.all([peers[2].waitClosed(), peers[3].waitClosed()]);
  const before = got.bytes;
  await owner.wait(() => got.bytes > before + 5e6 || undefined, 'more of the flood');
  await view.terminate();
  await view.waitClosed();
  const kept = all.filter((seen) => seen.peer === peers[4]);
  for (const seen of kept) await seen.until(() => seen.closed, 'the close');
  peers[5].destroy();
});

observeTest('the-owner-is-cut-and-resumes', {}, async (t, owner, server) => {
  const view = await startProcess(t, owner, { pipeStdin: true,
    argv: sh('while read x; do echo $x; done') });
  const peer = await ready(t, server);
  const seen = await observe(peer, owner, view.id);
  await view.write('one\n');
  await view.waitText('one\n');
  owner.destroy();
  await owner.waitClosed();
  const late = await observe(peer, owner, view.id, { as: 'late' });
  const { sessionId, observerKey } = owner.initialized;
  const back = await resume(t, server, sessionId);
  assert.equal(back.initialized.observerKey, observerKey);
  const chunk = Buffer.from('two\n').toString('base64');
  await back.request('process/write', { processId: view.id, chunk, writeId: 'w' });
  for (const one of [seen, late]) {
    await one.until(() => one.text() === 'one\ntwo\n', 'what was written behind the cut');
  }
  await back.request('process/terminate', { processId: view.id });
  for (const one of [seen, late]) await one.until(() => one.closed, 'the close');
});

// Nobody comes back in time, or the owner speaks the older dialect: its processes end with it.
observeTest('the-owner-goes', { args: ['--detach-ttl', '1s'] }, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: sh('echo x; exec sleep 1000') });
  const peer = await ready(t, server);
  const seen = await observe(peer, owner, view.id);
  await seen.until(() => seen.bytes === 2, 'x');
  owner.destroy();
  await seen.until(() => seen.ended, 'the end');
  assert.equal(seen.ended, 'ended');
  await peer.refused('process/observe', { observerKey: owner.initialized.observerKey,
    processId: view.id }, -32600, /unknown (observer key|process id)/);
  const old = await ready(t, server);
  const exec = await startExec(t, old, { argv: sh('echo y; exec sleep 1000') });
  const other = await observe(peer, old, exec.id, { as: 'old' });
  await other.until(() => other.text() === 'y\n', 'y');
  old.destroy();
  await other.until(() => other.ended, 'the end');
  await untilNobodyObserves(t, server);
});

// Another connection takes over what an observer's connection owns: it may ask for nothing more.
observeTest('the-observer-is-resumed-elsewhere', {}, async (t, owner, server) => {
  const view = await startProcess(t, owner, { argv: ['/bin/cat'], pipeStdin: true });
  const peer = await ready(t, server);
  const seen = await observe(peer, owner, view.id);
  const thief = await connect(t, server.url);
  await thief.request('initialize', { clientName: 'x', takeOver: true,
    resumeSessionId: peer.initialized.sessionId });
  await seen.until(() => seen.ended, 'the end');
  assert.equal(seen.ended, 'resumed');
});

// A process that was observed is forgotten in its time, whoever has not read all of it.
observeTest('a-tombstone-is-not-kept',
  { args: [...PATIENT, '--tombstone-ttl', '0', '--ping-interval', '1s'] },
  async (t, owner, server) => {
    const view = await startProcess(t, owner, { argv: sh(`read x; ${FLOOD}`), pipeStdin: true });
    owner.listeners.push(() => {
      owner.log.splice(0, owner.log.length - 1);
      view.bytes.stdout.length = 0;
    });
    const peer = await ready(t, server);
    const seen = await observe(peer, owner, view.id);
    peer.transport.socket.pause();
    await view.write('go\n');
    await view.waitClosed(30000);
    await untilNobodyObserves(t, server);
    peer.transport.socket.resume();
    await seen.until(() => seen.ended, 'the end');
    assert.equal(seen.ended, 'expired');
  });

// The server ends under observers, some of whom read nothing; it must leave nothing behind.
for (const signals of [1, 2]) {
  // The timeout is as long as those that read may lack a processor.
  const options = { args: signals === 1 ? ['--send-timeout', '8s'] : [], background: true };
  observeTest(`the-server-ends-by-${signals}-signals`, options, async (t, owner, server) => {
    const view = await startProcess(t, owner, { argv: sh('exec cat /dev/zero') });
    owner.listeners.push(() => {
      owner.log.splice(0, owner.log.length - 1);
      view.bytes.stdout.length = 0;
    });
    for (let i = 0; i < 3; i++) {
      const peer = await ready(t, server);
      const seen = await observe(peer, owner, view.id);
      await seen.until(() => seen.bytes > 1e6, 'bytes');
      if (i > 0) peer.transport.socket.pause();
    }
    server.signal('SIGTERM');
    if (signals === 2) {
      await view.waitExit(); // the first has come
      await sleep(500); // two within a quarter of a second are one
      server.signal('SIGTERM');
    }
    assert.deepEqual(await server.waitExit(20000), { code: 0, signal: null });
  });
}

// Numbers from 0 to below n, the same for the same seed (a linear congruence).
function randomOf(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
}

// Begin, end, cut, resume and exit at once, in any order; the server must be empty in the end.
observeTest('churn', {}, async (t, firstOwner, server) => {
  const seed = (Date.now() ^ process.pid) >>> 0;
  console.log(`# seed ${seed}`);
  const below = randomOf(seed);
  const { observerKey, sessionId } = firstOwner.initialized;
  const settle = (peer, id) => peer.response(id).catch(() => {});
  const peers = [firstOwner]; // the first is the owner
  for (let i = 0; i < 3; i++) peers.push(await ready(t, server));
  const replace = async (i) => {
    peers[i].destroy();
    await peers[i].waitClosed();
    peers[i] = i === 0 ? await resume(t, server, sessionId) : await ready(t, server);
  };
  for (let round = 0; round < 60; round++) {
    const processId = `p${round}`;
    const asked = [[peers[0], peers[0].post('process/start', startParams(t, { processId,
      argv: sh(below(2) ? 'echo x; echo y >&2' : 'seq 1 20000; exec sleep 1000') }))]];
    if (below(2)) await settle(...asked[0]);
    const acts = [
      (peer, as) => peer.post('process/observe', { observerKey, processId, as }),
      (peer, as) => peer.post('process/unobserve', { processId: as }),
    ];
    for (let i = 0; i < 12; i++) {
      const peer = peers[below(peers.length)];
      asked.push([peer, acts[below(3) ? 0 : 1](peer, `o${round}-${below(3)}`)]);
      if (below(8) === 0) peers[0].post('process/terminate', { processId });
    }
    if (below(3) === 0) await replace(below(peers.length));
    await Promise.all(asked.map(([peer, id]) => settle(peer, id)));
    await peers[0].request('process/terminate', { processId });
    for (const peer of peers) peer.log.length = 0;
  }
  await replace(0);
  for (const peer of peers.slice(1)) peer.destroy();
  await untilNobodyObserves(t, server);
});

observeTest('on-the-owner-s-connection', {}, async (t, owner) => {
  const view = await startProcess(t, owner, { argv: sh('read x; echo $x; exit 2'),
    pipeStdin: true });
  const own = await observe(owner, owner, view.id, { as: 'again' });
  await owner.refused('process/observe', { observerKey: owner.initialized.observerKey,
    processId: view.id }, -32600, `process ${view.id} already exists`);
  await view.write('hello\n');
  await own.until(() => own.closed, 'the close');
  assert.deepEqual([own.text(), own.exitCode], ['hello\n', 2]);
});
