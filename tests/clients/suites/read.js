'use strict';
// process/read: what is given, from where, how much, and when; waiting for more; whole characters
// and lines. What a cut connection has missed is in resume.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { ready, resume } = require('../lib/clients');
const { cpuTicks, servingPid } = require('../lib/proc');

function readTest(name, options, fn) {
  test(`read/${name}`, { on: ['execport'], timeoutMs: 60000, ...options }, async (t) => {
    const server = await startServer(t, { args: options.args });
    await fn(t, await ready(t, server, { ws: options.ws }), server);
  });
}

const read = (peer, processId, params = {}) =>
  peer.request('process/read', { processId, ...params }, 30000);
const bytesOf = (chunk) => Buffer.from(chunk.chunk, 'base64').toString('latin1');
const textOf = (reply, stream) => reply.chunks.filter((chunk) => !stream || chunk.stream === stream)
  .map(bytesOf).join('');

// A process that writes each line it is given, as one chunk. It exits after the line `end`, and is
// closed a little later.
async function echo(t, peer, texts = []) {
  const argv = sh('while IFS= read -r x; do [ "$x" = end ] && break; printf "$x"; done; ' +
    'sleep 2 & exit 3');
  const view = await startProcess(t, peer, { argv, pipeStdin: true });
  view.say = async (text) => {
    const { seq } = view;
    assert.deepEqual(await view.write(`${text}\n`), { status: 'accepted' });
    await peer.wait(() => view.seq > seq || undefined, `the echo of ${text}`);
  };
  for (const text of texts) await view.say(text);
  return view;
}

readTest('chunks-as-they-were-told', {}, async (t, peer) => {
  const script = 'for i in 1 2 3; do echo out-$i; echo err-$i >&2; done; sleep 1000';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitText('out-3');
  await view.waitText('err-3', 'stderr');
  const told = peer.log.map(({ msg }) => msg).filter((msg) => msg.method === 'process/output')
    .map(({ params }) => ({ seq: params.seq, stream: params.stream, chunk: params.chunk }));
  const reply = await read(peer, view.id);
  assert.deepEqual(reply, { chunks: told, nextSeq: told.length + 1, exited: false, exitCode: null,
    closed: false, failure: null, sandboxDenied: false });
});

readTest('after-seq-and-max-bytes', {}, async (t, peer) => {
  const view = await echo(t, peer, ['aaaa', 'bbbb', 'cccc', 'dddd']);
  const seqs = (reply) => reply.chunks.map((chunk) => chunk.seq);
  assert.deepEqual(seqs(await read(peer, view.id, { afterSeq: 2 })), [3, 4]);
  assert.deepEqual((await read(peer, view.id, { afterSeq: 4 })), { chunks: [], nextSeq: 5,
    exited: false, exitCode: null, closed: false, failure: null, sandboxDenied: false });
  for (const [maxBytes, wanted] of [[0, [1]], [1, [1]], [7, [1]], [8, [1, 2]], [15, [1, 2, 3]],
    [16, [1, 2, 3, 4]], [1e15, [1, 2, 3, 4]]]) {
    const reply = await read(peer, view.id, { maxBytes });
    assert.deepEqual(seqs(reply), wanted, `maxBytes ${maxBytes}`);
    assert.equal(reply.nextSeq, wanted.length + 1);
  }
  // Far behind the end: nothing, and no harm.
  const far = await read(peer, view.id, { afterSeq: Number.MAX_SAFE_INTEGER });
  assert.deepEqual([far.chunks, far.nextSeq], [[], 5]);
});

const UNHURRIED = { args: ['--drain-max', '1h', '--drain-quiet', '1h'] };

readTest('the-end', UNHURRIED, async (t, peer) => {
  const gate = path.join(t.dir(), 'gate');
  const left = `(until [ -e '${gate}' ]; do sleep 0.02; done)`; // holds the output open
  const view = await startProcess(t, peer,
    { argv: sh(`read x; echo last; ${left} & exit 3`), pipeStdin: true });
  const first = read(peer, view.id, { waitMs: 20000 });
  await view.write('go\n');
  assert.equal(textOf(await first), 'last\n');
  // An exit that was not seen is told at once, one that was is not waited out.
  const exited = await read(peer, view.id, { afterSeq: 1, waitMs: 20000 });
  assert.deepEqual([exited.chunks, exited.exited, exited.exitCode, exited.closed, exited.nextSeq],
    [[], true, 3, false, 3]);
  const limited = await read(peer, view.id, { maxBytes: 1000 });
  assert.deepEqual([limited.nextSeq, limited.exited], [2, true]);
  fs.writeFileSync(gate, '');
  const closed = await read(peer, view.id, { afterSeq: 2, waitMs: 20000 });
  assert.deepEqual([closed.chunks, closed.closed, closed.nextSeq], [[], true, 4]);
});

readTest('waits-for-output', {}, async (t, peer) => {
  const view = await echo(t, peer, ['before']);
  const waiting = read(peer, view.id, { afterSeq: 1, waitMs: 25000 });
  // It holds nothing back that comes behind it.
  assert.equal(textOf(await read(peer, view.id)), 'before');
  await view.say('after');
  const reply = await waiting;
  assert.deepEqual([textOf(reply), reply.nextSeq], ['after', 3]);
});

readTest('waits-for-a-time', {}, async (t, peer) => {
  const view = await echo(t, peer, ['x']);
  const before = Date.now();
  const reply = await read(peer, view.id, { afterSeq: 1, waitMs: 400 });
  assert.ok(Date.now() - before >= 399, `${Date.now() - before} ms`);
  assert.deepEqual([reply.chunks, reply.nextSeq], [[], 2]);
});

readTest('a-reply-is-bounded', { args: ['--retain', '16MiB'] }, async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('seq 1 700000; sleep 1000') });
  await view.waitText('700000\n', 'stdout', 30000);
  const wanted = view.text();
  let text = '', afterSeq = 0, rounds = 0;
  while (text.length < wanted.length) {
    const id = peer.post('process/read', { processId: view.id, afterSeq });
    const reply = await peer.result(id);
    const raw = peer.log.find(({ msg }) => msg.id === id && !msg.method);
    assert.ok(raw.raw.length < 2000000, `a reply of ${raw.raw.length} bytes`);
    assert.ok(reply.chunks.length > 0);
    text += textOf(reply);
    assert.equal(reply.nextSeq, reply.chunks[reply.chunks.length - 1].seq + 1);
    afterSeq = reply.nextSeq - 1;
    rounds++;
  }
  assert.ok(text === wanted, 'the bytes differ');
  assert.ok(rounds >= 4, `${rounds} replies`);
});

// Tiny chunks: it is their JSON that fills the reply.
readTest('a-reply-of-tiny-chunks-is-bounded', { timeoutMs: 120000 }, async (t, peer) => {
  const script = 'i=0; while [ $i -lt 20000 ]; do echo; echo >&2; i=$((i+1)); done; ' +
    'echo end; sleep 1000';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitText('end', 'stdout', 60000);
  await peer.wait(() => view.text('stderr').length === 20000 || undefined, 'stderr');
  let bytes = 0, afterSeq = 0, largest = 0, replies = 0;
  for (; bytes < 40004; replies++) {
    const id = peer.post('process/read', { processId: view.id, afterSeq });
    const reply = await peer.result(id);
    const raw = peer.log.find(({ msg }) => msg.id === id && !msg.method);
    largest = Math.max(largest, raw.raw.length);
    assert.ok(reply.chunks.length > 0);
    bytes += textOf(reply).length;
    afterSeq = reply.nextSeq - 1;
  }
  assert.ok(largest < 1900000, `a reply of ${largest} bytes`);
  assert.ok(replies === 1 || largest > 1700000, `${replies} replies of ${largest} bytes`);
});

readTest('what-is-missing-is-told', { args: ['--retain', '20'] }, async (t, peer) => {
  const view = await echo(t, peer, ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd', 'eeeeeeee']);
  // What is not acknowledged is readable, so the gap shows once the pings have come back.
  await peer.request('process/terminate', { processId: 'nobody' });
  const reply = await read(peer, view.id);
  assert.equal(textOf(reply), 'aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee');
});

// A client that acknowledges nothing by itself; acknowledge() does it with all that has been told.
const byHand = (retain) => ({ ws: { autoPong: false },
  args: ['--retain', retain, '--ping-interval', '1s', '--send-timeout', '1h'] });

async function acknowledge(peer) {
  const { socket } = peer.transport;
  socket.pong(await new Promise((resolve) => socket.once('ping', resolve)));
  await peer.request('process/list', {}); // it has come
}

readTest('what-is-missing-is-told-once-acknowledged', byHand('20'), async (t, peer) => {
  const view = await echo(t, peer, ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd', 'eeeeeeee']);
  await acknowledge(peer); // the ring is empty
  const first = await read(peer, view.id);
  // The head has a and a part of b, the tail e and a part of d.
  assert.deepEqual([textOf(first), first.nextSeq, first.skipped], ['aaaaaaaa', 2, undefined]);
  const second = await read(peer, view.id, { afterSeq: 1 });
  assert.deepEqual([textOf(second), second.nextSeq, second.skipped],
    ['eeeeeeee', 6, { firstSeq: 2, lastSeq: 4, bytes: 24 }]);
  await view.say('ffffffff');
  const third = await read(peer, view.id, { afterSeq: 1 });
  assert.deepEqual([textOf(third), third.skipped],
    ['ffffffff', { firstSeq: 2, lastSeq: 5, bytes: 32 }]);
});

readTest('nothing-is-retained', byHand('0'), async (t, peer) => {
  const view = await echo(t, peer, ['aaaa', 'bb']);
  await acknowledge(peer);
  const { chunks, nextSeq, skipped } = await read(peer, view.id, { waitMs: 20000 });
  assert.deepEqual([chunks, nextSeq, skipped], [[], 3, { firstSeq: 1, lastSeq: 2, bytes: 6 }]);
  // The ring has what came since, and the gap is told before it.
  await view.say('cccc');
  const next = await read(peer, view.id);
  assert.deepEqual([textOf(next), next.skipped], ['cccc', { firstSeq: 1, lastSeq: 2, bytes: 6 }]);
});

// What was skipped is told exactly, or as an upper bound that is called so; a cursor makes it
// exact. Where nothing is retained no sizes of chunks are, either: all but the first is inside.
readTest('what-is-skipped-is-exact-or-marked', byHand('0'), async (t, peer) => {
  const view = await echo(t, peer);
  const sizes = [0];
  const say = async (count) => {
    for (let i = 0; i < count; i++) {
      sizes.push(1 + (sizes.length * 7) % 60);
      await view.say('x'.repeat(sizes[sizes.length - 1]));
    }
    await acknowledge(peer);
  };
  const sum = (from, to) => sizes.slice(from, to + 1).reduce((all, size) => all + size, 0);
  await say(10);
  const first = await read(peer, view.id, { align: 'chunks' });
  assert.deepEqual([first.chunks, first.skipped],
    [[], { firstSeq: 1, lastSeq: 10, bytes: sum(1, 10) }]);
  await say(20);
  const next = await read(peer, view.id, { cursor: first.cursor });
  assert.deepEqual([next.chunks, next.skipped],
    [[], { firstSeq: 11, lastSeq: 30, bytes: sum(11, 30) }]);
  for (let afterSeq = 0; afterSeq < 30; afterSeq++) {
    const { skipped } = await read(peer, view.id, { afterSeq });
    assert.deepEqual([skipped.firstSeq, skipped.lastSeq], [afterSeq + 1, 30]);
    if (afterSeq === 0) assert.equal(skipped.bytes, sum(1, 30));
    else assert.deepEqual([skipped.bytes, skipped.bytesAtMost], [undefined, sum(1, 30)]);
  }
  const last = await read(peer, view.id, { cursor: next.cursor });
  assert.deepEqual([last.chunks, last.skipped], [[], undefined]);
});

readTest('whole-characters', {}, async (t, peer) => {
  const view = await echo(t, peer, ['ab\\303', '\\251c', '\\342\\202', '\\377']);
  const first = await read(peer, view.id, { align: 'utf8', maxBytes: 3 });
  assert.deepEqual(first.chunks.map((chunk) => [chunk.seq, bytesOf(chunk), chunk.offset]),
    [[1, 'ab', undefined]]);
  const second = await read(peer, view.id, { align: 'utf8', cursor: first.cursor });
  assert.deepEqual(second.chunks.map((chunk) => [chunk.seq, bytesOf(chunk), chunk.offset]),
    [[1, '\xc3', 2], [2, '\xa9c', undefined], [3, '\xe2\x82', undefined],
      [4, '\xff', undefined]]);
  const third = await read(peer, view.id, { align: 'utf8', cursor: second.cursor });
  assert.deepEqual(third.chunks, []);
});

readTest('whole-lines', {}, async (t, peer) => {
  const view = await echo(t, peer, ['one', ' two\\nthr', 'ee']);
  const first = await read(peer, view.id, { align: 'lines' });
  assert.deepEqual(first.chunks.map((chunk) => [chunk.seq, bytesOf(chunk), chunk.offset]),
    [[1, 'one', undefined], [2, ' two\n', undefined]]);
  // Woken by output that ends no line, it waits on.
  const waiting = read(peer, view.id, { align: 'lines', cursor: first.cursor, waitMs: 25000 });
  await view.say(' and');
  const timed = await read(peer, view.id,
    { align: 'lines', cursor: first.cursor, waitMs: 200 });
  assert.deepEqual([timed.chunks, timed.cursor], [[], timed.cursor]);
  await view.say(' four\\nfi');
  const second = await waiting;
  assert.deepEqual(second.chunks.map((chunk) => [chunk.seq, bytesOf(chunk), chunk.offset]),
    [[2, 'thr', 5], [3, 'ee', undefined], [4, ' and', undefined], [5, ' four\n', undefined]]);
  // The end gives the rest, its line unended.
  await view.write('end\n');
  let last, cursor = second.cursor, text = '';
  do {
    last = await read(peer, view.id, { align: 'lines', cursor, waitMs: 20000 });
    ({ cursor } = last);
    text += textOf(last);
  } while (!last.closed);
  assert.equal(text, 'fi');
});

// However little is asked for at a time, both streams arrive whole, in whole lines.
readTest('lines-in-small-steps', {}, async (t, peer) => {
  const script = 'i=0; while [ $i -lt 300 ]; do printf "o-$i "; printf "e-$i\\n" >&2; ' +
    'printf "x\\n"; i=$((i+1)); done; sleep 1000';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitText('e-299\n', 'stderr');
  await view.waitText('o-299 x\n');
  const got = { stdout: '', stderr: '' };
  let cursor;
  for (;;) {
    const reply = await read(peer, view.id, { align: 'lines', maxBytes: 1, cursor });
    ({ cursor } = reply);
    if (reply.chunks.length === 0) break;
    for (const chunk of reply.chunks) got[chunk.stream] += bytesOf(chunk);
    for (const text of Object.values(got)) assert.match(text, /^$|\n$/);
  }
  assert.equal(got.stdout, view.text());
  assert.equal(got.stderr, view.text('stderr'));
});

readTest('a-line-that-is-none', {}, async (t, peer) => {
  const view = await startProcess(t, peer,
    { argv: sh('head -c 300000 /dev/zero | tr "\\0" x; sleep 1000') });
  await peer.wait(() => view.text().length === 300000 || undefined, 'the line');
  let text = '', cursor;
  for (;;) {
    const reply = await read(peer, view.id, { align: 'lines', maxBytes: 1000, cursor });
    ({ cursor } = reply);
    if (reply.chunks.length === 0) break;
    text += textOf(reply);
  }
  assert.ok(text.length > 300000 - 65537, `${text.length} bytes`);
  const rest = await read(peer, view.id, { cursor });
  assert.equal(text.length + textOf(rest).length, 300000);
});

readTest('refusals', {}, async (t, peer) => {
  await peer.refused('process/read', { processId: 'nobody' }, -32600, 'unknown process id nobody');
  await peer.refused('process/read', {}, -32602, /processId/);
  const view = await echo(t, peer, ['x']);
  const params = { processId: view.id };
  await peer.refused('process/read', { ...params, align: 'words' }, -32602, /align/);
  await peer.refused('process/read', { ...params, cursor: 'mine' }, -32602, /cursor/);
  await peer.refused('process/read', { ...params, afterSeq: -1 }, -32602, /afterSeq/);
  const { cursor } = await read(peer, view.id, { align: 'utf8' });
  const other = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await peer.refused('process/read', { processId: other.id, cursor }, -32602, /cursor/);
});

readTest('a-process-that-is-starting', {}, async (t, peer) => {
  // On one connection both are taken before the program can run; either answer is right by then.
  const start = peer.post('process/start', { processId: 'early', argv: ['/bin/cat'], cwd: '/',
    env: {}, tty: false, pipeStdin: true });
  const answer = await peer.response(peer.post('process/read', { processId: 'early' }));
  await peer.result(start);
  if (answer.error) {
    assert.equal(answer.error.code, -32600);
    assert.equal(answer.error.message, 'process id early is starting');
  }
  assert.deepEqual((await read(peer, 'early')).chunks, []);
});

// A thousand wait, and who asks something else is answered as if they did not: it costs the server
// no more.
readTest('a-thousand-wait', { timeoutMs: 120000 }, async (t, peer, server) => {
  const views = await Promise.all(Array.from({ length: 100 }, () => echo(t, peer)));
  const waiting = [];
  for (let i = 0; i < 1000; i++) {
    waiting.push(read(peer, views[i % 100].id, { waitMs: 100000 }));
  }
  await peer.request('process/list', {}); // all have come
  const serving = servingPid(server.pid);
  const before = cpuTicks(serving);
  for (let i = 0; i < 100; i++) await read(peer, views[i].id);
  const used = cpuTicks(serving) - before;
  assert.ok(used < 50 * t.settings.slow, `${used} ticks of processor time for a hundred`);
  await Promise.all(views.map((view) => view.write('woken\n')));
  for (const reply of await Promise.all(waiting)) assert.equal(textOf(reply), 'woken');
});

// What waits ends with its connection: again and again, it does not pile up.
readTest('a-cut-with-reads-that-wait', { timeoutMs: 120000 }, async (t, peer, server) => {
  const view = await echo(t, peer, ['x']);
  const { sessionId } = peer.initialized;
  let last = peer;
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 500; i++) {
      last.post('process/read', { processId: view.id, afterSeq: 1, waitMs: 3600000 });
    }
    assert.equal(textOf(await read(last, view.id)), 'x');
    last.destroy();
    await last.waitClosed();
    last = await resume(t, server, sessionId);
  }
  // 15,000 have waited, more than a session takes at a time.
  const waiting = read(last, view.id, { afterSeq: 1, waitMs: 30000 });
  await last.request('process/write', { processId: view.id,
    chunk: Buffer.from('y\n').toString('base64'), writeId: 'w' });
  assert.equal(textOf(await waiting), 'y');
});
