'use strict';
// Who makes progress stays, who makes none for the send timeout is dropped: by bytes that are
// taken, or by pongs. What then becomes of the sessions is the dialect's rule.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { OP, frame } = require('../lib/raw');
const { stall, stalled, toldArgv } = require('../lib/flood');
const { connect, connectUnixLines, initialize } = require('../lib/clients');
const { scrape } = require('../lib/metrics');
const { isAlive, mustBecome, mustDie, sleep } = require('../lib/proc');
const { startExec, startParams } = require('../lib/sessions');
const { opened } = require('../lib/ws_case');
const { Witness } = require('../lib/witness');

const OURS = { on: ['execport'], timeoutMs: 60000 };
const MIB = 1024 * 1024;

function text(message) {
  return frame(OP.TEXT, JSON.stringify(message));
}

async function endedFor(t, server, reason) {
  const metrics = await scrape(t, server.url);
  return metrics.get(`connections_ended_total{reason="${reason}"}`);
}

// Writes of the program make pings at once: one behind each quarter MiB.
async function pingedClient(t, server) {
  const raw = await opened(t, server);
  const params = startParams(t, { argv: ['/usr/bin/head', '-c', String(MIB), '/dev/zero'] });
  raw.write(text({ id: 'start', method: 'process/start', params }));
  return raw;
}

async function nextPing(raw) {
  for (;;) {
    const got = await raw.nextFrame('a ping');
    if (got.opcode === OP.PING) return got.payload;
  }
}

test('progress/a-client-that-reads-and-sends-no-pong-is-dropped', OURS, async (t) => {
  const server = await startServer(t, { args: ['--send-timeout', '1s'] });
  const raw = await pingedClient(t, server);
  await raw.waitEnded(20000);
  await mustBecome(async () => await endedFor(t, server, 'no_pong') === 1, 10000, 'it is counted');
});

// The timeout is as long as this client may lack a processor, and some of its steps are longer than
// it together. The first two pings come together: the second has its pong after the timeout.
const LONG = { ...OURS, background: true };

test('progress/a-client-whose-pongs-come-late-but-on-stays', LONG, async (t) => {
  const server = await startServer(t,
    { args: ['--send-timeout', '12s', '--ping-interval', '1s'] });
  const raw = await pingedClient(t, server);
  const pings = [await nextPing(raw), await nextPing(raw)];
  for (const waitMs of [5000, 7500, 5000]) {
    await sleep(waitMs);
    raw.write(frame(OP.PONG, pings.shift()));
    pings.push(await nextPing(raw));
  }
  raw.write(text({ id: 'last', method: 'process/list', params: {} }));
  for (;;) if ((await raw.nextMessage()).id === 'last') break;
  assert.equal(await endedFor(t, server, 'no_pong'), 0);
});

// A whole write of the server need not be taken, only some of it.
test('progress/a-client-on-lines-that-takes-a-little-stays', LONG, async (t) => {
  const socket = path.join(t.dir(), 's');
  const server = await startServer(t, { args: ['--send-timeout', '8s', '--detach-ttl', '0'],
    listen: [`unix://${socket}`, 'ws://127.0.0.1:0'] });
  const peer = await initialize(await connectUnixLines(t, socket));
  const { pids } = await stall(t, peer, 1, 'exec cat /dev/zero');
  for (let n = 0; n < 10; n++) {
    peer.transport.resume();
    await peer.wait((log) => (log.length > 0 ? true : undefined), 'output');
    peer.transport.pause();
    peer.log.length = 0;
    await sleep(1000);
  }
  assert.ok(isAlive(pids[0]), 'it was dropped');
  server.url = server.urls[1];
  assert.equal(await endedFor(t, server, 'not_reading'), 0);
  await mustDie(pids[0], 30000, 'the flood of a client that takes no more');
  assert.equal(await endedFor(t, server, 'not_reading'), 1);
});

test('progress/the-sessions-of-a-dropped-client-wait-for-it', OURS, async (t) => {
  const server = await startServer(t, { args: ['--send-timeout', '1s', '--detach-ttl', '10m'] });
  const { peer, views, pids } = await stalled(t, server, 1, 'exec cat /dev/zero');
  await mustBecome(async () => await endedFor(t, server, 'not_reading') +
    await endedFor(t, server, 'no_pong') > 0, 20000, 'it is dropped'); // its pongs are late, too
  peer.destroy();
  assert.ok(isAlive(pids[0]), 'it was not kept');
  const next = await connect(t, server.url);
  const resumeSessionId = peer.initialized.sessionId;
  await next.request('initialize', { clientName: 'x', resumeSessionId });
  next.notify('initialized', {});
  const { running } = await next.request('process/terminate', { processId: views[0].id });
  assert.equal(running, true);
});

test('progress/the-sessions-of-a-dropped-v0-client-end', OURS, async (t) => {
  const server = await startServer(t, { args: ['--send-timeout', '1s', '--detach-ttl', '1h'] });
  const peer = await initialize(await connect(t, server.url));
  const witness = new Witness(t);
  await startExec(t, peer, { argv: toldArgv(witness, 'exec cat /dev/zero') });
  peer.transport.pause();
  const [pid] = (await witness.waitLines(1)).map(Number);
  await mustDie(pid, 20000, 'the flood');
});
