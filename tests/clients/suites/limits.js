'use strict';
// What happens at the limits: sessions, descriptors. Out of a resource is an error that names it,
// and what runs is not disturbed.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams, startProcess, startExec, execParams } = require('../lib/sessions');
const { connect, ready } = require('../lib/clients');
const { assertError } = require('../lib/peer');
const { scrape } = require('../lib/metrics');
const { rawConnect } = require('../lib/raw');
const { cpuTicks, descriptorCount, mustBecome, restOf, servingPid, sleep } = require('../lib/proc');

const OURS = { on: ['execport'], timeoutMs: 40000 };
const NO_CAPACITY = -32021;

function limitTest(name, fn) {
  test(`limits/${name}`, OURS, fn);
}

// -32021 with the data that a client needs to understand it.
function assertNoCapacity(error) {
  assert.equal(error.code, NO_CAPACITY);
  assert.equal(error.message, 'no capacity');
  assert.equal(typeof error.data.resource, 'string');
  assert.ok(error.data.resource.length > 0);
  assert.equal(typeof error.data.have, 'number');
  assert.equal(typeof error.data.need, 'number');
}

async function refusedStart(t, peer, options) {
  const params = startParams(t, { argv: ['/bin/sleep', '1000'], ...options });
  const reply = await peer.response(peer.post('process/start', params));
  assertError(reply, NO_CAPACITY);
  assertNoCapacity(reply.error);
  return reply.error;
}

function idle(t, peer) {
  return startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
}

// Room comes back when a session is gone, which is a moment after its client heard of its end.
function mustStart(t, peer, options) {
  const starts = () => startProcess(t, peer, { argv: ['/bin/true'], ...options })
    .then(() => true, () => false);
  return mustBecome(starts, 5000, 'a start with what came back');
}

async function echoes(view, text) {
  await view.write(text);
  await view.waitText(text);
}

limitTest('max-sessions', async (t) => {
  const server = await startServer(t, { args: ['--max-sessions', '3'] });
  const one = await ready(t, server);
  const two = await ready(t, server);
  const views = [await idle(t, one), await idle(t, one), await idle(t, two)];
  const error = await refusedStart(t, one);
  assert.match(error.data.resource, /session/);
  await refusedStart(t, two, { tty: true });
  for (const [index, view] of views.entries()) await echoes(view, `alive-${index}`);
  await views[0].terminate();
  await views[0].waitClosed();
  await mustStart(t, one);
});

limitTest('max-sessions-per-client', async (t) => {
  const server = await startServer(t, { args: ['--max-sessions-per-client', '2'] });
  const one = await ready(t, server);
  const views = [await idle(t, one), await idle(t, one)];
  await refusedStart(t, one);
  await idle(t, await ready(t, server));
  await views[1].terminate();
  await views[1].waitClosed();
  await mustStart(t, one);
});

limitTest('max-sessions-of-v0', async (t) => {
  const server = await startServer(t, { args: ['--max-sessions', '1'] });
  const peer = await ready(t, server);
  const exec = await startExec(t, peer, { argv: sh('read x'), tty: true });
  const refused = await peer.response(peer.post('command/exec',
    execParams(t, { argv: ['/bin/true'] })));
  assertNoCapacity(refused.error);
  await exec.write('\n');
  assert.equal(await exec.waitExit(), 0);
});

// Starts children until the server refuses one; gives those that run and the refusal.
async function fill(t, peer, options, most) {
  const views = [];
  for (;;) {
    const params = startParams(t, { argv: ['/bin/cat'], pipeStdin: true, ...options });
    try {
      views.push(await startProcess(t, peer, params));
    } catch (error) {
      assert.equal(error.code, NO_CAPACITY, error.message);
      return { views, error: { code: error.code, message: error.text, data: error.data } };
    }
    assert.ok(views.length < most, `${views.length} children below a low descriptor limit`);
  }
}

function lowDescriptors(count) {
  return (line) => ['/bin/sh', '-c', `ulimit -n ${count}; exec "$@"`, 'sh', ...line];
}

for (const tty of [false, true]) {
  limitTest(`descriptors-${tty ? 'tty' : 'pipe'}`, async (t) => {
    const server = await startServer(t, { wrap: lowDescriptors(200) });
    const peer = await ready(t, server);
    const stream = tty ? 'pty' : 'stdout';
    const { views, error } = await fill(t, peer, { tty }, 200);
    assertNoCapacity(error);
    assert.match(error.data.resource, /descriptor/);
    assert.ok(error.data.have < error.data.need, JSON.stringify(error.data));
    assert.ok(views.length >= 10, `only ${views.length} children`);
    // What runs goes on, others may connect, and room that comes back is used.
    for (const view of views) {
      await view.write('x\n');
      await view.waitText('x', stream);
    }
    await refusedStart(t, await ready(t, server), { tty, pipeStdin: true });
    for (const view of views.slice(0, 3)) {
      await view.terminate();
      await view.waitClosed();
    }
    await mustStart(t, peer, { tty });
  });
}

limitTest('descriptors-come-back', async (t) => {
  const server = await startServer(t);
  const peer = await ready(t, server);
  const serving = servingPid(server.pid);
  const round = async () => {
    for (let n = 0; n < 10; n++) {
      const view = await startProcess(t, peer, { argv: sh('echo x'), tty: n % 2 === 0 });
      await view.waitClosed();
    }
  };
  await round();
  const before = descriptorCount(serving);
  for (let n = 0; n < 5; n++) await round();
  for (let n = 0; n < 5; n++) (await ready(t, server)).destroy();
  await mustBecome(() => descriptorCount(serving) <= before, 10000,
    `${descriptorCount(serving)} descriptors are ${before} again`);
});

limitTest('the-soft-limit-is-raised-and-children-get-the-old-one', async (t) => {
  const wrap = (line) => ['/bin/sh', '-c', 'ulimit -S -n 100; exec "$@"', 'sh', ...line];
  const server = await startServer(t, { wrap });
  const peer = await ready(t, server);
  for (let n = 0; n < 60; n++) await idle(t, peer);
  const view = await startProcess(t, peer, { argv: sh('ulimit -S -n') });
  await view.waitClosed();
  assert.equal(view.text(), '100\n');
});

// Nothing spins: there is a second in which the server uses next to no processor time, and does not
// merely lack a processor. What it has to do before may take its time.
async function mustBeIdle(server) {
  const serving = servingPid(server.pid);
  let used;
  await mustBecome(async () => {
    const before = cpuTicks(serving);
    await sleep(1000);
    used = cpuTicks(serving) - before;
    return used < 20 && restOf(serving) !== null;
  }, 10000, 'a second in which the server is idle').catch((error) =>
    assert.fail(`${error.message}; ${used} ticks of processor time in the last second`));
}

limitTest('a-flood-of-unknown-connections', async (t) => {
  const server = await startServer(t,
    { wrap: lowDescriptors(200), args: ['--max-sessions', '2'] });
  const known = await ready(t, server);
  const view = await idle(t, known);
  const flood = [];
  for (let n = 0; n < 260; n++) flood.push(await rawConnect(t, server.url).catch(() => null));
  await echoes(view, 'still here');
  await mustBeIdle(server);
  await echoes(view, 'and here');
  flood.filter((raw) => raw).forEach((raw) => raw.destroy());
  const later = await ready(t, server);
  await echoes(await idle(t, later), 'later');
});

// More connections than descriptors: the listener waits, does not spin, and takes connections again
// when there is room.
limitTest('many-known-connections-beyond-the-descriptors', async (t) => {
  const server = await startServer(t, { wrap: lowDescriptors(200) });
  const peers = [];
  let isOver = false;
  const connectAll = (async () => {
    for (let n = 0; n < 220 && !isOver; n++) {
      await ready(t, server).then((peer) => peers.push(peer), () => {});
    }
  })();
  await mustBecome(() => peers.length >= 100, 20000, 'a hundred connections');
  // It is idle while one waits that it cannot take.
  for (let before = -1; before !== peers.length;) {
    before = peers.length;
    await mustBeIdle(server);
  }
  assert.ok(peers.length < 200, `${peers.length} connections with 200 descriptors`);
  isOver = true;
  await Promise.all(peers.map((peer) =>
    peer.request('process/terminate', { processId: 'nobody' })));
  peers.splice(40).forEach((peer) => peer.destroy());
  await connectAll;
  await mustStart(t, await ready(t, server));
});

// initialize over a new connection: the peer, or undefined if there was no room for one more.
async function tryInitialize(t, server) {
  const peer = await connect(t, server.url);
  const reply = await peer.response(peer.post('initialize', { clientName: 'x' }));
  if (reply.error) {
    assertNoCapacity(reply.error);
    assert.equal(reply.error.data.resource, 'tenures');
    peer.destroy();
    return undefined;
  }
  peer.sessionId = reply.result.sessionId;
  peer.notify('initialized', {});
  return peer;
}

// The same in a moment: the server has to notice first who has vanished.
async function mustInitialize(t, server) {
  let peer;
  const comes = async () => Boolean(peer = await tryInitialize(t, server));
  await mustBecome(comes, 5000 * t.settings.slow, 'room for a client');
  return peer;
}

limitTest('max-tenures', async (t) => {
  const server = await startServer(t, { args: ['--max-tenures', '2', '--detach-ttl', '1h'] });
  const one = await ready(t, server);
  const two = await ready(t, server);
  const view = await idle(t, two);
  // Nobody is idle. Who was refused may ask again on the same connection.
  const third = await connect(t, server.url);
  for (let i = 0; i < 2; i++) {
    const reply = await third.response(third.post('initialize', { clientName: 'x' }));
    assertError(reply, NO_CAPACITY);
    assert.equal(reply.error.data.resource, 'tenures');
  }
  const { sessionId } = one.initialized;
  one.destroy();
  await one.waitClosed();
  // Whoever vanishes makes room, over and over.
  for (let i = 0; i < 50; i++) {
    const next = await mustInitialize(t, server);
    next.destroy();
    await next.waitClosed();
  }
  await (await connect(t, server.url)).refused('initialize',
    { clientName: 'x', resumeSessionId: sessionId }, -32600, `unknown session id ${sessionId}`);
  // What has a process is kept, also when nobody holds it.
  two.destroy();
  await two.waitClosed();
  const last = await mustInitialize(t, server);
  assert.equal(await tryInitialize(t, server), undefined);
  const back = await connect(t, server.url);
  await back.request('initialize', { clientName: 'x',
    resumeSessionId: two.initialized.sessionId });
  back.notify('initialized', {});
  const { processes } = await back.request('process/list', {});
  assert.deepEqual(processes.map((one) => one.processId), [view.id]);
  await last.request('process/list', {});
  const all = await scrape(t, server.url);
  assert.ok(all.get('no_capacity_total{resource="tenures"}') >= 3);
});

// Clients that come and vanish, many at a time, some without the answer to initialize; and others
// who get in all the same and stay. No slot is lost over that, and none is given twice.
limitTest('max-tenures-under-a-flood', async (t) => {
  const server = await startServer(t, { args: ['--max-tenures', '8', '--detach-ttl', '1h'] });
  let floods = true;
  let vanished = 0;
  const flood = async () => {
    while (floods) {
      const peer = await connect(t, server.url);
      const id = peer.post('initialize', { clientName: 'x' });
      const reply = vanished % 2 === 0 ? await peer.response(id) : {};
      if (reply.error) assertNoCapacity(reply.error);
      else vanished++;
      peer.destroy();
      await peer.waitClosed();
    }
  };
  const flooding = Array.from({ length: 4 }, flood);
  for (let i = 0; i < 3; i++) {
    const before = vanished;
    await mustBecome(() => vanished > before + 20, 10000 * t.settings.slow, 'a flood');
    await echoes(await idle(t, await mustInitialize(t, server)), `good-${i}`);
  }
  floods = false;
  await Promise.all(flooding);
  for (let i = 0; i < 5; i++) await mustInitialize(t, server);
  assert.equal(await tryInitialize(t, server), undefined);
});
