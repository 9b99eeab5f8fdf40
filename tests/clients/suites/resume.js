'use strict';
// Output over cuts: what a client has not acknowledged is there to be read when it comes back, so
// that it sees each byte exactly once, however often and wherever its connection is cut.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams } = require('../lib/sessions');
const { connect, ready } = require('../lib/clients');
const { chooseSeed, randomOf } = require('../lib/random');
const { sleep } = require('../lib/proc');

function resumeTest(name, options, fn) {
  test(`resume/${name}`, { on: ['execport'], timeoutMs: 120000 }, async (t) => {
    const server = await startServer(t, { args: options.args });
    await fn(t, server);
  });
}

// A client of one process over several connections: takes notifications in the order of their
// numbers, and what is missing before them by process/read.
class Client {
  constructor(t, server, processId) {
    Object.assign(this, { t, server, processId, parts: [], bytes: 0, seq: 0, waiting: new Map(),
      told: new Set() });
    this.exitCode = undefined;
    this.closed = false;
    this.skipped = [];
  }

  use(peer) {
    this.peer = peer;
    peer.listeners.push((msg) => {
      if (peer !== this.peer || !msg.method || msg.params.processId !== this.processId) return;
      const { seq } = msg.params;
      if (this.told.has(seq)) peer.faults.push(`${seq} told twice`);
      this.told.add(seq);
      this.waiting.set(seq, msg);
      this.goOn();
      peer.log.length = 0;
    });
  }

  goOn() {
    for (let msg; (msg = this.waiting.get(this.seq + 1)) !== undefined;) {
      this.waiting.delete(++this.seq);
      if (msg.method === 'process/output') this.take(msg.params.chunk);
      else if (msg.method === 'process/exited') this.exitCode = msg.params.exitCode;
      else this.closed = true;
    }
  }

  take(chunk) {
    const bytes = Buffer.from(chunk, 'base64');
    this.parts.push(bytes);
    this.bytes += bytes.length;
  }

  async resume(sessionId) {
    this.waiting.clear();
    this.told.clear();
    const peer = await connect(this.t, this.server.url);
    this.use(peer);
    await peer.request('initialize', { clientName: 'x', resumeSessionId: sessionId });
    peer.notify('initialized', {});
    return peer;
  }

  // One read. Whether there may be more to read.
  async readOnce(maxBytes) {
    const reply = await this.peer.request('process/read',
      { processId: this.processId, afterSeq: this.seq, maxBytes });
    for (const { seq, chunk } of reply.chunks) {
      if (seq > this.seq) this.waiting.set(seq, { method: 'process/output', params: { chunk } });
    }
    if (reply.exited) this.exitCode = reply.exitCode;
    if (reply.chunks.length === 0 && !reply.skipped) {
      this.seq = Math.max(this.seq, reply.nextSeq - 1); // the exit and the close have numbers too
      this.closed ||= reply.closed;
    }
    this.goOn();
    // What came by a notification while the read was under way is acknowledged, not missing.
    if (reply.skipped && this.seq < reply.skipped.lastSeq) this.skipped.push(reply.skipped);
    this.peer.waiters.forEach((waiter) => waiter()); // they were asked before this was added
    const last = reply.chunks.length > 0 ? reply.chunks[reply.chunks.length - 1].seq : Infinity;
    return this.seq <= last && last !== Infinity;
  }

  // Reads until notifications go on where the last reply ended.
  async catchUp(maxBytes) {
    while (await this.readOnce(maxBytes)) continue;
  }
}

const LINES = 1000000; // of eight bytes
const FLOOD = `seq -f %07.0f 0 ${LINES - 1}`;

function wanted(lines = LINES) {
  const bytes = Buffer.alloc(8 * lines);
  for (let n = 0; n < lines; n++) bytes.write(`${String(n).padStart(7, '0')}\n`, 8 * n);
  return bytes;
}

// A process that writes the stream, and ends when it is told so.
async function startFlood(t, peer, client, script = FLOOD) {
  await peer.request('process/start', startParams(t, { processId: client.processId,
    argv: sh(`${script}; read x`), pipeStdin: true }));
}

// Takes the rest of the flood and sees its end.
async function finish(client, lines = LINES) {
  const { peer, processId } = client;
  await peer.wait(() => client.bytes >= 8 * lines || undefined, 'the rest', 30000);
  await peer.request('process/write', { processId, chunk: 'Cg==', writeId: 'end' });
  await peer.wait(() => client.closed || undefined, 'the close', 30000);
}

async function cutTenTimes(t, server, { maxBytes, lines = LINES, script = FLOOD } = {}) {
  const seed = chooseSeed();
  console.log(`# seed ${seed}`);
  const random = randomOf(seed);
  let peer = await ready(t, server);
  const { sessionId } = peer.initialized;
  const client = new Client(t, server, 'flood');
  client.use(peer);
  await startFlood(t, peer, client, script);
  for (let i = 0; i < 10; i++) {
    // Somewhere in the next part of the stream, or while what was missed is read.
    const until = Math.min(client.bytes + random() * 0.8 * lines, 8 * lines);
    const catching = i > 0 ? client.catchUp(maxBytes).catch(() => {}) : Promise.resolve();
    await peer.wait(() => client.bytes >= until || undefined, 'bytes', 30000);
    if (random() < 0.5) await catching;
    peer.destroy();
    await peer.waitClosed();
    await catching;
    peer = await client.resume(sessionId);
  }
  await client.catchUp(maxBytes);
  await finish(client, lines);
  assert.deepEqual(client.skipped, []);
  assert.equal(client.bytes, 8 * lines, `seed ${seed}`);
  assert.ok(Buffer.concat(client.parts).equals(wanted(lines)), `the bytes differ, seed ${seed}`);
  assert.equal(client.exitCode, 0);
}

resumeTest('ten-cuts', {}, (t, server) => cutTenTimes(t, server));
resumeTest('ten-cuts-with-nothing-retained', { args: ['--retain', '0'] },
  (t, server) => cutTenTimes(t, server));
resumeTest('ten-cuts-with-a-small-ring', { args: ['--retain', '0', '--resume-ring', '64KiB'] },
  (t, server) => cutTenTimes(t, server, { maxBytes: 50000 }));
// A chunk a line while fewer than 256 are on the way; then their number makes the program wait.
const ECHOES = 'i=0; while [ $i -lt 40000 ]; do printf "%07d\\n" $i; i=$((i+1)); done';
resumeTest('ten-cuts-of-tiny-chunks', { args: ['--retain', '0'] },
  (t, server) => cutTenTimes(t, server, { lines: 40000, script: ECHOES }));

// Cut again before anything was read: the ring still has it all, and the program waits.
resumeTest('cuts-without-a-read', { args: ['--retain', '0'] }, async (t, server) => {
  let peer = await ready(t, server);
  const { sessionId } = peer.initialized;
  const client = new Client(t, server, 'flood');
  client.use(peer);
  await startFlood(t, peer, client);
  for (let i = 0; i < 10; i++) {
    peer.destroy();
    await peer.waitClosed();
    peer = await client.resume(sessionId);
    await sleep(i * 20);
  }
  await client.catchUp();
  await finish(client);
  assert.deepEqual(client.skipped, []);
  assert.ok(Buffer.concat(client.parts).equals(wanted()), 'the bytes differ');
});

// A flood whose client was away until the ring was full.
async function comeBackLate(t, server) {
  const first = await ready(t, server);
  const client = new Client(t, server, 'flood');
  await startFlood(t, first, client, `sleep 0.2; ${FLOOD}`);
  first.destroy();
  await first.waitClosed();
  await sleep(500 * t.settings.slow);
  return { client, peer: await client.resume(first.initialized.sessionId) };
}

// One read is enough: its reply is acknowledged like output, and the program goes on at once.
resumeTest('a-reply-is-acknowledged', { args: ['--retain', '0', '--resume-ring', '256KiB'] },
  async (t, server) => {
    const { client } = await comeBackLate(t, server);
    const before = Date.now();
    await client.readOnce();
    assert.ok(client.bytes >= 256 * 1024, `${client.bytes} bytes`);
    await finish(client);
    const tookMs = Date.now() - before;
    assert.ok(tookMs < 4000 * t.settings.slow, `${tookMs} ms`);
    assert.ok(Buffer.concat(client.parts).equals(wanted()), 'the bytes differ');
  });

// What nobody asks for is given up after some seconds, and told as missing.
resumeTest('nobody-asks', { args: ['--retain', '0', '--resume-ring', '128KiB'] },
  async (t, server) => {
    const { client, peer } = await comeBackLate(t, server);
    await peer.wait(() => client.waiting.size > 0 || undefined, 'output', 20000);
    const reply = await peer.request('process/read', { processId: 'flood' });
    assert.equal(reply.skipped.firstSeq, 1);
    assert.ok(reply.skipped.bytes >= 128 * 1024, `${reply.skipped.bytes} bytes`);
  });
