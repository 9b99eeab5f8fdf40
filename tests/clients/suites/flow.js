'use strict';
// Many requests at once, and clients that do not read: they stop their own sessions only, and no
// byte is lost when they read on.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams, startProcess } = require('../lib/sessions');
const { ready } = require('../lib/clients');
const { Witness } = require('../lib/witness');
const { PATIENT, stalled, toldArgv, writtenBytes } = require('../lib/flood');
const { servingPid, mustDie, sleep } = require('../lib/proc');
const { OP, frame, rawConnect, upgradeHead } = require('../lib/raw');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'], timeoutMs: 60000 };
const SEQ_LAST = 4000000;

function seqBytes(last) {
  let total = 0;
  for (let digits = 1, from = 1; from <= last; digits++, from *= 10) {
    total += (Math.min(last, from * 10 - 1) - from + 1) * (digits + 1);
  }
  return total;
}

// A conversation of raw frames in two parts: initialize and the start of a process, then writes to
// it. They are apart because a write to a process that is starting may be answered `starting`.
function conversation(t) {
  const params = startParams(t, { argv: ['/bin/cat'], pipeStdin: true });
  const { processId } = params;
  const write = (text, writeId) => ({ id: `w${writeId}`, method: 'process/write', params:
    { processId, chunk: Buffer.from(text).toString('base64'), writeId: String(writeId) } });
  const first = [{ id: 'i', method: 'initialize', params: { clientName: 'raw' } },
    { method: 'initialized' }, { id: 's', method: 'process/start', params }];
  const second = [...Array.from({ length: 20 }, (unused, n) => write(`${n},`, n)),
    { id: 'u', method: 'no/such' }];
  return [first, second].map((messages) => Buffer.concat(
    messages.map((message) => frame(OP.TEXT, JSON.stringify(message)))));
}

async function checkStart(raw) {
  assert.equal((await raw.readHead()).status, 101);
  assert.equal((await raw.nextMessage()).id, 'i');
  assert.equal((await raw.nextMessage()).id, 's');
}

async function checkWrites(raw) {
  const replies = [];
  let text = '';
  const wanted = Array.from({ length: 20 }, (unused, n) => `${n},`).join('');
  while (replies.length < 21 || text.length < wanted.length) {
    const message = await raw.nextMessage();
    if (message.method === 'process/output') {
      text += Buffer.from(message.params.chunk, 'base64').toString();
    } else {
      replies.push(message);
    }
  }
  assert.equal(text, wanted);
  assert.equal(new Set(replies.map(({ id }) => id)).size, 21);
  const writes = replies.filter(({ id }) => id.startsWith('w'));
  writes.forEach((reply) => assert.deepEqual(reply.result, { status: 'accepted' }));
}

test('flow/a-conversation-in-two-segments', BOTH, async (t) => {
  const raw = await rawConnect(t, (await startServer(t)).url);
  const head = Buffer.from(upgradeHead('dGhlIHNhbXBsZSBub25jZQ=='));
  const [first, second] = conversation(t);
  raw.write(Buffer.concat([head, first]));
  await checkStart(raw);
  raw.write(second);
  await checkWrites(raw);
});

test('flow/a-conversation-in-segments-of-one-byte', BOTH, async (t) => {
  const raw = await rawConnect(t, (await startServer(t)).url);
  const head = Buffer.from(upgradeHead('dGhlIHNhbXBsZSBub25jZQ=='));
  const [first, second] = conversation(t);
  await raw.writeBytewise(Buffer.concat([head, first]));
  await checkStart(raw);
  await raw.writeBytewise(second);
  await checkWrites(raw);
});

// The peer may pause for a delayed acknowledgement before each reply, so it is asked less.
test('flow/a-thousand-requests-at-once', BOTH, async (t) => {
  const peer = await ready(t, await startServer(t));
  const ids = Array.from({ length: t.isExecport ? 1000 : 100 }, () =>
    peer.post('process/terminate', { processId: 'nobody' }));
  for (const id of ids) assert.equal((await peer.result(id)).running, false);
});

test('flow/a-child-that-does-not-read-holds-back-nobody', OURS, async (t) => {
  const peer = await ready(t, await startServer(t));
  const stuck = await startProcess(t, peer, { argv: ['/bin/sleep', '1000'], pipeStdin: true });
  const waiting = Array.from({ length: 4 },
    (unused, n) => stuck.write('x'.repeat(600000), `w${n}`));
  waiting.forEach((reply) => reply.catch(() => {}));
  const echo = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await echo.write('quick', '1');
  await echo.waitText('quick');
  assert.deepEqual(await stuck.terminate(), { running: true });
});

test('flow/stdin-queue-full', OURS, async (t) => {
  const peer = await ready(t, await startServer(t));
  const stuck = await startProcess(t, peer, { argv: ['/bin/sleep', '1000'], pipeStdin: true });
  const chunk = Buffer.alloc(512 * 1024).toString('base64');
  const isFull = ({ msg }) => (msg.error && msg.error.code === -32020 ? msg.error : undefined);
  for (let n = 0; n < 400 && !peer.log.some(isFull); n++) {
    peer.post('process/write', { processId: stuck.id, chunk, writeId: `w${n}` });
    await peer.request('process/terminate', { processId: 'nobody' });
  }
  const full = peer.log.map(isFull).find((error) => error);
  assert.ok(full, 'two hundred megabytes were taken');
  assert.equal(full.message, 'stdin queue full');
  assert.ok(full.data.queuedBytes >= 0 && full.data.limitBytes > 0, JSON.stringify(full.data));
  assert.deepEqual(await stuck.terminate(), { running: true });
  await stuck.waitClosed();
});

// A refused write is whole: nothing of it was queued, and what was accepted arrives in order.
test('flow/stdin-queue-loses-and-doubles-nothing', OURS, async (t) => {
  const server = await startServer(t, { args: ['--stdin-queue', '64KiB'] });
  const peer = await ready(t, server);
  const witness = new Witness(t);
  const gate = path.join(t.dir(), 'gate');
  const script = `${witness.open}; echo up >&9; ` +
    `until [ -e '${gate}' ]; do sleep 0.02; done; exec cat`;
  const view = await startProcess(t, peer, { argv: sh(script), pipeStdin: true });
  await witness.waitLines(1);
  const posted = Array.from({ length: 60 }, (unused, n) => {
    const text = `${String(n).padStart(3, '0')}${'#'.repeat(20000)}\n`;
    const chunk = Buffer.from(text).toString('base64');
    const params = { processId: view.id, chunk, writeId: `w${n}` };
    return { text, id: peer.post('process/write', params) };
  });
  fs.writeFileSync(gate, '');
  let wanted = '';
  for (const { id, text } of posted) {
    const reply = await peer.response(id);
    if (reply.result) wanted += text;
    else assert.equal(reply.error.code, -32020);
  }
  await peer.wait(() => (view.text().length >= wanted.length ? true : undefined), 'all bytes');
  assert.ok(view.text() === wanted, 'the bytes differ');
});

test('flow/a-client-that-does-not-read-stops-its-own-sessions-only', OURS, async (t) => {
  const server = await startServer(t, { args: PATIENT });
  const { peer, views, pids } = await stalled(t, server, 2, `exec seq 1 ${SEQ_LAST}`);
  // Another client gets its output at once.
  const other = await ready(t, server);
  const flood = await startProcess(t, other, { argv: ['/usr/bin/seq', '1', '800000'] });
  await flood.waitClosed(20000);
  assert.equal(flood.output('stdout').length, seqBytes(800000));
  // Requests of the client that does not read are served all the same.
  const witness = new Witness(t);
  peer.post('process/start', startParams(t, { argv: sh(`${witness.open}; echo started >&9`) }));
  assert.deepEqual(await witness.waitLines(1), ['started']);
  pids.forEach((pid) => assert.ok(writtenBytes(pid) < seqBytes(SEQ_LAST), 'it did not wait'));
  peer.transport.resume();
  for (const view of views) {
    await view.waitClosed(40000);
    assert.equal(view.output('stdout').length, seqBytes(SEQ_LAST));
    assert.ok(view.text().endsWith(`\n${SEQ_LAST}\n`));
  }
});

test('flow/a-stalled-session-can-be-terminated', OURS, async (t) => {
  const { peer, views, pids } = await stalled(t, await startServer(t, { args: PATIENT }), 1,
    'exec cat /dev/zero');
  peer.post('process/terminate', { processId: views[0].id });
  await mustDie(pids[0], 10000, 'the flood');
  peer.transport.resume();
  await views[0].waitClosed(20000);
  assert.equal(views[0].exitCode, 137);
});

test('flow/the-end-of-a-stalled-connection-ends-its-sessions', OURS, async (t) => {
  const server = await startServer(t, { args: ['--detach-ttl', '1s'] });
  const { peer, pids } = await stalled(t, server, 2, 'exec cat /dev/zero');
  peer.destroy();
  for (const pid of pids) await mustDie(pid, 15000, 'the flood');
});

// When it is dropped is not waited for by looking at the flood, which may end meanwhile.
test('flow/a-client-that-takes-nothing-for-the-send-timeout-is-dropped', OURS, async (t) => {
  const server = await startServer(t, { args: ['--send-timeout', '1s', '--detach-ttl', '1s'] });
  const peer = await ready(t, server);
  const witness = new Witness(t);
  await startProcess(t, peer, { argv: toldArgv(witness, 'exec cat /dev/zero') });
  peer.transport.pause();
  const [pid] = (await witness.waitLines(1)).map(Number);
  await mustDie(pid, 45000, 'the flood');
  peer.transport.resume();
  await peer.waitClosed('the end of the connection', 20000);
});

// A slow client is not a stalled one: it takes some bytes now and then and stays. The timeout is as
// long as this client may lack a processor; the whole takes longer than that.
test('flow/a-slow-client-is-not-dropped', { ...OURS, background: true }, async (t) => {
  const server = await startServer(t, { args: ['--send-timeout', '8s'] });
  const { peer, views } = await stalled(t, server, 1, 'exec cat /dev/zero');
  for (let n = 0; n < 10; n++) {
    await sleep(1000);
    const from = peer.log.length;
    peer.transport.resume();
    await peer.waitMessage((msg) => msg.method === 'process/output', 'output', { from });
    peer.transport.pause();
  }
  peer.transport.resume();
  await views[0].terminate();
  await views[0].waitClosed();
});

test('flow/a-stalled-client-costs-bounded-memory', OURS, async (t) => {
  const server = await startServer(t);
  const { pids } = await stalled(t, server, 16, 'exec cat /dev/zero');
  const serving = servingPid(server.pid);
  const status = fs.readFileSync(`/proc/${serving}/status`, 'latin1');
  const residentKib = Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
  // 16 heads of 512 KiB and 16 windows of 1 MiB, 8 MiB beside them, and 12 for the server itself.
  assert.ok(residentKib < 44 * 1024 * t.settings.slow, `resident ${residentKib} KiB`);
  assert.equal(pids.length, 16);
});

// A reply overtakes the output that waits for the same client. It waits too, once what was asked
// behind it has been done.
test('flow/replies-overtake-output', OURS, async (t) => {
  const server = await startServer(t, { args: PATIENT });
  const { peer, views } = await stalled(t, server, 1, `exec seq 1 ${SEQ_LAST}`);
  const witness = new Witness(t);
  const id = peer.post('process/terminate', { processId: 'nobody' });
  peer.post('process/start', startParams(t, { argv: sh(`${witness.open}; echo started >&9`) }));
  await witness.waitLines(1);
  peer.transport.resume();
  await peer.result(id);
  assert.equal(views[0].closed, undefined, 'the reply came after all output');
  await views[0].waitClosed(40000);
});
