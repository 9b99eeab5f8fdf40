'use strict';
// Sessions of one connection share it: who writes little does not wait for those that flood, a
// client that writes and does not read can end what it started, and little output is out of the
// server's hands while a client does not take it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { Lines, spawnServer, startServer } = require('../lib/server');
const { sh, startExec, startProcess } = require('../lib/sessions');
const { readyV0 } = require('../lib/v0');
const { connectStdio, connectUnixLines, initialize, ready } = require('../lib/clients');
const { scrape } = require('../lib/metrics');
const { mustBecome } = require('../lib/proc');
const { PATIENT, mustStall, stall, stalled, toldArgv } = require('../lib/flood');
const { Witness } = require('../lib/witness');

const OURS = { on: ['execport'], timeoutMs: 60000 };
const MIB = 1024 * 1024;
const FLOODS = 50;

// In the order of arrival they are more than 8 MiB: 4 MiB of all, then one chunk of each session.
const PASSED_MAX = 2 * MIB;

// TCP takes a write that has begun, and a quarter MiB that was not sent.
const UNSENT_MAX = MIB;

const WS = 'ws://127.0.0.1:0';

// Each gives a peer, and a URL at which the server can be asked for its metrics.
const PEERS = {
  ws: async (t) => {
    const server = await startServer(t, { args: PATIENT });
    return { peer: await ready(t, server), url: server.url };
  },
  unix: async (t) => {
    const socket = path.join(t.dir(), 's');
    const { urls } = await startServer(t, { listen: [`unix://${socket}`, WS], args: PATIENT });
    return { peer: await initialize(await connectUnixLines(t, socket)), url: urls[1] };
  },
  stdio: async (t) => {
    const server = spawnServer(t,
      { listen: ['stdio://', WS], args: PATIENT, stdio: ['pipe', 'pipe', 'pipe'] });
    const told = new Lines(server.child.stderr);
    await mustBecome(() => told.lines.some(isUrl), 10000, 'the URL');
    return { peer: await initialize(connectStdio(t, server)), url: told.lines.find(isUrl) };
  },
};

function isUrl(line) {
  return line.startsWith('ws://');
}

function overAll(name, fn) {
  for (const [how, open] of Object.entries(PEERS)) {
    test(`fair/${name}/${how}`, OURS, async (t) => {
      const { peer, url } = await open(t);
      await fn(t, peer, url);
    });
  }
}

// Bytes on the wire of other sessions' output among these messages.
function outputOfOthers(log, id) {
  return log.filter(({ msg }) => msg.method === 'process/output' && msg.params.processId !== id)
    .reduce((sum, { raw }) => sum + raw.length, 0);
}

async function readBytes(t, url) {
  return (await scrape(t, url)).sum('output_read_bytes_total');
}

// The echo is made while nothing is read, so that it waits together with all the rest.
overAll('an-echo-passes-fifty-floods', async (t, peer, url) => {
  const echo = await startProcess(t, peer,
    { argv: sh('while read -r line; do echo "$line"; done'), pipeStdin: true });
  await stall(t, peer, FLOODS, 'exec cat /dev/zero');
  const chunk = Buffer.from('quick\n').toString('base64');
  const bytesBefore = await readBytes(t, url);
  const id = peer.post('process/write', { processId: echo.id, chunk });
  await mustBecome(async () => await readBytes(t, url) > bytesBefore, 10000,
    'the server has the echo');
  const before = peer.log.length;
  peer.transport.resume();
  await echo.waitText('quick');
  peer.transport.pause();
  const isEcho = ({ msg }) => msg.method === 'process/output' && msg.params.processId === echo.id;
  const passed = peer.log.slice(before, peer.log.findIndex(isEcho));
  const reply = passed.findIndex(({ msg }) => msg.id === id);
  assert.ok(reply >= 0, 'the echo came before the reply to the write');
  const bytes = outputOfOthers(passed.slice(reply), echo.id);
  assert.ok(bytes <= PASSED_MAX, `${bytes} bytes passed between the reply and the echo`);
});

// ---- What waited ----

// Enough to fill a window, the connection's queue and the system's buffers.
const SEQ_LAST = 2000000;

function isWholeSeq(text) {
  return text.startsWith('1\n2\n3\n') && text.endsWith(`\n${SEQ_LAST}\n`) &&
    text.length === text.lastIndexOf('\n') + 1 && text.split('\n').length === SEQ_LAST + 1;
}

overAll('floods-that-waited-arrive-whole', async (t, peer) => {
  const { views } = await stall(t, peer, 2, `exec seq 1 ${SEQ_LAST}`);
  peer.transport.resume();
  for (const view of views) {
    await view.waitClosed(40000);
    assert.ok(isWholeSeq(view.text()), 'the bytes differ');
  }
});

for (const kind of ['ws', 'stdio']) {
  test(`fair/floods-that-waited-arrive-whole/v0-${kind}`, OURS, async (t) => {
    const { peer } = await readyV0(t, kind);
    const witness = new Witness(t);
    const argv = toldArgv(witness, `exec seq 1 ${SEQ_LAST}`);
    const exec = await startExec(t, peer, { argv });
    peer.transport.pause();
    const [pid] = await witness.waitLines(1);
    await mustStall(Number(pid));
    peer.transport.resume();
    await exec.waitExit(40000);
    assert.ok(isWholeSeq(exec.text()), 'the bytes differ');
  });
}

// ---- Writing without reading ----

function pattern(bytes) {
  return `${'0123456789'.repeat(8)}\n`.repeat(Math.ceil(bytes / 81)).slice(0, bytes);
}

// Every write is answered, whatever became of it, and so is all that comes behind it.
async function endsAfterWrites(t, peer, view, texts) {
  peer.transport.pause();
  const writes = texts.map((text, n) => peer.post('process/write',
    { processId: view.id, chunk: Buffer.from(text).toString('base64'), writeId: `w${n}` }));
  const end = peer.post('process/terminate', { processId: view.id });
  const list = peer.post('process/list', {});
  peer.transport.resume();
  assert.deepEqual(await peer.result(end), { running: true });
  await view.waitClosed();
  assert.equal(view.exitCode, 137);
  for (const id of writes) {
    const { result, error } = await peer.response(id);
    assert.ok(error ? error.code === -32020 : /^(accepted|stdinClosed)$/.test(result.status));
  }
  assert.ok((await peer.result(list)).processes.some(({ processId }) => processId === view.id));
  const next = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await next.write('still here\n');
  await next.waitText('still here');
}

for (const [stream, options] of [['pipe', { pipeStdin: true }], ['tty', { tty: true }]]) {
  for (const [size, texts] of [['1-MiB-at-once', [pattern(MIB)]],
    ['8-MiB-in-pieces', Array.from({ length: 128 }, () => pattern(64 * 1024))]]) {
    overAll(`cat-is-terminated-after-${size}-by-${stream}`, async (t, peer) => {
      const view = await startProcess(t, peer, { argv: ['/bin/cat'], ...options });
      await endsAfterWrites(t, peer, view, texts);
    });
  }
}

// ---- What the system holds ----

// Bytes in the server's half of a connection, by its ports: /proc/net/tcp, tx_queue.
function sendQueueBytes(serverPort, clientPort) {
  const rows = fs.readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
  for (const row of rows) {
    const [, local, remote, , queues] = row.trim().split(/\s+/);
    if (local && local.endsWith(`:${hex(serverPort)}`) && remote.endsWith(`:${hex(clientPort)}`)) {
      return parseInt(queues.split(':')[0], 16);
    }
  }
  return assert.fail('the connection is not there');
}

test('fair/a-stalled-client-leaves-little-in-the-system', OURS, async (t) => {
  const server = await startServer(t, { args: PATIENT });
  const { peer } = await stalled(t, server, 8, 'exec cat /dev/zero');
  const { localPort } = peer.transport.socket._socket;
  const bytes = sendQueueBytes(Number(new URL(server.url).port), localPort);
  assert.ok(bytes > 0, 'nothing waits');
  assert.ok(bytes <= UNSENT_MAX, `${bytes} bytes were handed to the system and are not taken`);
});
