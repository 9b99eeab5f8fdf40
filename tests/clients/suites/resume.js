'use strict';
// Output over cuts: what a client has not acknowledged is there to be read when it comes back, so
// that it sees each byte exactly once, however often and wherever its connection is cut.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams } = require('../lib/sessions');
const { ready, resume } = require('../lib/clients');
const { chooseSeed, randomOf } = require('../lib/random');
const { mustStall } = require('../lib/flood');
const { servingPid, sleep } = require('../lib/proc');
const { Witness } = require('../lib/witness');

function resumeTest(name, options, fn) {
  test(`resume/${name}`, { on: ['execport'], timeoutMs: 120000 }, async (t) => {
    const server = await startServer(t, { args: options.args });
    await fn(t, server);
  });
}

// What a connection missed is given up where nobody asks for it for so long. A client that lacks a
// processor as long may lose it, and has to try from the beginning.
const MISSED_MS = 5000;

// Tries until the client came in time: fn() gives false if it did not.
async function inTime(fn) {
  while (!await fn()) continue;
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
    this.isLate = false;
    this.heardMs = Date.now();
  }

  // It has been heard, by a reply to a read or since a cut, for the first time since the last call.
  heard() {
    const now = Date.now();
    if (now - this.heardMs > MISSED_MS - 500) this.isLate = true;
    this.heardMs = now;
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
    this.heardMs = Date.now();
    const peer = await resume(this.t, this.server, sessionId, (each) => this.use(each));
    return peer;
  }

  // One read. Whether there may be more to read.
  async readOnce(maxBytes) {
    const reply = await this.peer.request('process/read',
      { processId: this.processId, afterSeq: this.seq, maxBytes });
    this.heard();
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
  await peer.wait(() => client.bytes >= 8 * lines || client.isLate || undefined, 'the rest', 30000);
  if (client.isLate) return;
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
    await peer.wait(() => client.bytes >= until || client.isLate || undefined, 'bytes', 30000);
    if (random() < 0.5) await catching;
    peer.destroy();
    await peer.waitClosed();
    await catching;
    peer = await client.resume(sessionId);
  }
  await client.catchUp(maxBytes);
  await finish(client, lines);
  if (client.isLate) return false;
  assert.deepEqual(client.skipped, []);
  assert.equal(client.bytes, 8 * lines, `seed ${seed}`);
  assert.ok(Buffer.concat(client.parts).equals(wanted(lines)), `the bytes differ, seed ${seed}`);
  assert.equal(client.exitCode, 0);
  return true;
}

function tenCuts(name, args, options) {
  resumeTest(name, { args }, (t, server) => inTime(() => cutTenTimes(t, server, options)));
}

tenCuts('ten-cuts', []);
tenCuts('ten-cuts-with-nothing-retained', ['--retain', '0']);
tenCuts('ten-cuts-with-a-small-ring', ['--retain', '0', '--resume-ring', '64KiB'],
  { maxBytes: 50000 });
// A chunk a line while fewer than 256 are on the way; then their number makes the program wait.
const ECHOES = 'i=0; while [ $i -lt 40000 ]; do printf "%07d\\n" $i; i=$((i+1)); done';
tenCuts('ten-cuts-of-tiny-chunks', ['--retain', '0'], { lines: 40000, script: ECHOES });

// Cut again before anything was read: the ring still has it all, and the program waits.
async function cutWithoutRead(t, server) {
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
    client.heard();
  }
  await client.catchUp();
  await finish(client);
  if (client.isLate) return false;
  assert.deepEqual(client.skipped, []);
  assert.ok(Buffer.concat(client.parts).equals(wanted()), 'the bytes differ');
  return true;
}

resumeTest('cuts-without-a-read', { args: ['--retain', '0'] },
  (t, server) => inTime(() => cutWithoutRead(t, server)));

// A flood whose client was away until the ring was full and the program waited; gives that, too.
async function comeBackLate(t, server) {
  const first = await ready(t, server);
  const client = new Client(t, server, 'flood');
  const witness = new Witness(t);
  await startFlood(t, first, client,
    `${witness.open}; sh -c 'echo $$ >&9; exec 9>&-; exec ${FLOOD}'; exec 9>&-`);
  first.destroy();
  await first.waitClosed();
  const serving = servingPid(server.pid);
  const pid = Number((await witness.waitLines(1))[0]);
  await mustStall(pid, serving);
  const peer = await client.resume(first.initialized.sessionId);
  return { client, peer, stalls: () => mustStall(pid, serving) };
}

// One read is enough: its reply is acknowledged like output, and the program goes on at once.
async function readWhenBack(t, server) {
  const { client, peer, stalls } = await comeBackLate(t, server);
  await client.readOnce();
  if (client.isLate) return false;
  const { bytes } = client;
  assert.ok(bytes >= 256 * 1024, `${bytes} bytes`);
  const goesOn = peer.wait(() => client.bytes > bytes || undefined, 'more output');
  const waits = stalls().then(() => assert.fail('the program waits all the same'),
    () => goesOn); // it ended before it was made to wait
  await Promise.race([goesOn, waits]);
  await finish(client);
  assert.ok(Buffer.concat(client.parts).equals(wanted()), 'the bytes differ');
  return true;
}

resumeTest('a-reply-is-acknowledged', { args: ['--retain', '0', '--resume-ring', '256KiB'] },
  (t, server) => inTime(() => readWhenBack(t, server)));

// What nobody asks for is given up after some seconds, and told as missing.
resumeTest('nobody-asks', { args: ['--retain', '0', '--resume-ring', '128KiB'] },
  async (t, server) => {
    const { client, peer } = await comeBackLate(t, server);
    await peer.wait(() => client.waiting.size > 0 || undefined, 'output', 20000);
    const reply = await peer.request('process/read', { processId: 'flood' });
    assert.equal(reply.skipped.firstSeq, 1);
    assert.ok(reply.skipped.bytes >= 128 * 1024, `${reply.skipped.bytes} bytes`);
  });
