'use strict';
// Clients that ask for more than they take: what is made for them ahead of that is bounded, and
// every request is answered once in the end. And those that ask about what ends meanwhile.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { execParams, sh, startParams } = require('../lib/sessions');
const { rawConnect } = require('../lib/raw');
const { scrape } = require('../lib/metrics');
const { Witness } = require('../lib/witness');

const OURS = { on: ['execport'], timeoutMs: 60000 };
const MIB = 1024 * 1024;

// A client over lines that reads when it is told to.
class Asker {
  constructor(raw) {
    this.raw = raw;
    this.parts = [];
    this.answers = new Map();
    raw.socket.removeAllListeners('data');
    raw.socket.on('data', (bytes) => raw.update(() => this.take(bytes)));
  }

  take(bytes) {
    for (let from = 0, end; from < bytes.length; from = end + 1) {
      end = bytes.indexOf(10, from);
      this.parts.push(bytes.subarray(from, end < 0 ? bytes.length : end));
      if (end < 0) return;
      this.note(this.parts);
      this.parts = [];
    }
  }

  // Of a large answer only its beginning is read.
  note(parts) {
    const begin = /^\{"id":(\d+),"result":/.exec(parts[0].toString('latin1', 0, 40));
    const message = begin ? { id: Number(begin[1]) } : JSON.parse(Buffer.concat(parts).toString());
    if (message.id === undefined) return;
    assert.ok(!this.answers.has(message.id), `${message.id} was answered twice`);
    this.answers.set(message.id, { code: message.error && message.error.code,
      resource: message.error && message.error.data && message.error.data.resource });
  }

  ask(messages) {
    this.raw.write(messages.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }

  answer(id) {
    return this.raw.wait(() => this.answers.get(id), `the answer to ${id}`, 40000);
  }
}

async function asker(t, socket) {
  const client = new Asker(await rawConnect(t, socket));
  client.ask([{ id: 'i', method: 'initialize', params: { clientName: 'asker' } },
    { method: 'initialized' }]);
  await client.answer('i');
  return client;
}

async function listening(t) {
  const socket = path.join(t.dir(), 'socket');
  const server = await startServer(t, { listen: [`unix://${socket}`, 'ws://127.0.0.1:0'] });
  return { server, socket };
}

async function started(t, client, options) {
  const params = startParams(t, options);
  client.ask([{ id: `start ${params.processId}`, method: 'process/start', params }]);
  assert.equal((await client.answer(`start ${params.processId}`)).code, undefined);
  return params.processId;
}

async function replyBytes(t, server) {
  return (await scrape(t, server.urls[1])).get('queue_bytes{class="reply"}');
}

const many = (count, make) => Array.from({ length: count }, (unused, n) => make(n));

// The write behind them is served by the same session, so what it causes comes behind them.
test('asking/snapshots-wait-until-others-were-taken', OURS, async (t) => {
  const { server, socket } = await listening(t);
  const client = await asker(t, socket);
  const witness = new Witness(t);
  const processId = await started(t, client, { pipeStdin: true, argv: sh(`${witness.open}; ` +
    'head -c 1048576 /dev/zero; echo wrote >&9; while read a; do echo read >&9; done') });
  assert.deepEqual(await witness.waitLines(1), ['wrote']);
  client.raw.socket.pause();
  client.ask([...many(24, (n) => ({ id: n, method: 'process/snapshot', params: { processId } })),
    { id: 'write', method: 'process/write', params: { processId, chunk: 'Cg==' } }]);
  assert.deepEqual(await witness.waitLines(2), ['wrote', 'read']);
  const waiting = await replyBytes(t, server);
  assert.ok(waiting < 16 * MIB, `${waiting} bytes of replies wait`);
  client.raw.socket.resume();
  for (let n = 0; n < 24; n++) assert.equal((await client.answer(n)).code, undefined);
});

test('asking/what-waits-for-room-goes-with-its-connection', OURS, async (t) => {
  const { server, socket } = await listening(t);
  const witness = new Witness(t);
  const client = await asker(t, socket);
  const processId = await started(t, client, { pipeStdin: true, argv: sh(`${witness.open}; ` +
    'head -c 1048576 /dev/zero; echo wrote >&9; while read a; do echo read >&9; done') });
  assert.deepEqual(await witness.waitLines(1), ['wrote']);
  client.raw.socket.pause();
  client.ask([...many(24, (n) => ({ id: n, method: 'process/snapshot', params: { processId } })),
    ...many(24, (n) => ({ id: `l${n}`, method: 'process/list' })),
    { id: 'write', method: 'process/write', params: { processId, chunk: 'Cg==' } }]);
  assert.deepEqual(await witness.waitLines(2), ['wrote', 'read']);
  client.raw.destroy();
  await server.stop(); // which waits for every connection and session to be freed
});

// Each entry has some 60 KiB, since a control character has six bytes in JSON.
test('asking/lists-of-a-connection-are-bounded-together', OURS, async (t) => {
  const { socket } = await listening(t);
  const client = await asker(t, socket);
  const labels = Object.fromEntries(many(32, (n) =>
    [`${n}${'\u0001'.repeat(60)}`, '\u0001'.repeat(256)]));
  for (let n = 0; n < 20; n++) await started(t, client, { argv: ['/bin/sleep', '1000'], labels });
  client.raw.socket.pause();
  client.ask([...many(70, (n) => ({ id: n, method: 'process/list' }))]);
  client.raw.socket.resume();
  const answers = [];
  for (let n = 0; n < 70; n++) answers.push(await client.answer(n));
  const refused = answers.filter(({ code }) => code !== undefined);
  assert.ok(refused.length > 0 && refused.length < 70, `${refused.length} were refused`);
  refused.forEach((answer) => assert.deepEqual(answer,
    { code: -32021, resource: 'bytes of lists' }));
  client.ask([{ id: 'again', method: 'process/list' }]);
  assert.equal((await client.answer('again')).code, undefined);
});

test('asking/requests-that-sessions-do-not-answer-are-bounded', OURS, async (t) => {
  const { socket } = await listening(t);
  const client = await asker(t, socket);
  const processId = await started(t, client, { pipeStdin: true, argv: ['/bin/sleep', '1000'] });
  const write = (id, chunk) => ({ id, method: 'process/write', params: { processId, chunk } });
  client.ask(many(20, (n) => write(`full ${n}`, Buffer.alloc(65536).toString('base64'))));
  await client.answer('full 15');
  client.ask(many(66000, (n) => write(n, 'AA==')));
  assert.equal((await client.answer(65999)).code, -32020, 'a write more waits');
  client.ask([{ id: 'close', method: 'process/closeStdin', params: { processId } }]);
  assert.deepEqual(await client.answer('close'), { code: -32021, resource: 'waiting requests' });
  client.ask([{ id: 'end', method: 'process/terminate', params: { processId } }]);
  assert.equal((await client.answer('end')).code, undefined);
  for (let n = 0; n < 65000; n++) await client.answer(n);
});

// The process leaves its table on another strand than the one that answers.
test('asking/snapshots-of-starts-that-fail', OURS, async (t) => {
  const { socket } = await listening(t);
  const client = await asker(t, socket);
  const asked = many(100, () => startParams(t, { argv: ['/no/such'] }));
  client.ask(asked.flatMap((params, n) => [{ id: n, method: 'process/start', params },
    ...many(10, (k) => ({ id: 1000 + n * 10 + k, method: 'process/snapshot',
      params: { processId: params.processId } }))]));
  for (let n = 0; n < 100; n++) assert.equal((await client.answer(n)).code, -32603);
  for (let n = 1000; n < 2000; n++) assert.equal((await client.answer(n)).code, -32600);
});

// In exec-server.v0 a process is forgotten at its end, while a write to it may be under way.
test('asking/writes-to-programs-that-end', OURS, async (t) => {
  const { socket } = await listening(t);
  const client = await asker(t, socket);
  for (let round = 1; round <= 40; round++) {
    const id = round * 1000;
    const params = { sessionId: `session-${round}`, chunk: 'YQ==' };
    client.ask([{ id, method: 'command/exec', params: execParams(t, { argv: ['/bin/true'] }) }]);
    for (let burst = 0; burst < 20; burst++) {
      client.ask(many(10, (n) => ({ id: id + 1 + burst * 10 + n, method: 'command/exec/write',
        params })));
      await client.answer(id + 10 + burst * 10);
    }
  }
});
