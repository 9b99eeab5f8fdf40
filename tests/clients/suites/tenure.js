'use strict';
// Sessions that outlive their connection: taken up again by their id, by one connection at a time,
// for a limited time; nothing is written twice; programs wait once nobody takes their output.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { connect, ready, resume } = require('../lib/clients');
const { assertError } = require('../lib/peer');
const { rawUpgraded, frame, OP } = require('../lib/raw');
const { Witness } = require('../lib/witness');
const { sleep } = require('../lib/proc');

const OURS = { on: ['execport'], timeoutMs: 60000 };
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function tenureTest(name, options, fn) {
  test(`tenure/${name}`, { ...OURS, ...options }, async (t) => {
    const server = await startServer(t, { args: options.args });
    await fn(t, server);
  });
}

// Cuts the TCP connection: no close frame.
async function cut(peer) {
  peer.destroy();
  await peer.waitClosed();
}

// Notifications of a process from now on; numbers are checked to go up by one.
function follow(peer, processId) {
  const seen = { text: '', seq: undefined, exitCode: undefined, closed: false };
  peer.listeners.push((msg) => {
    if (!msg.method || !msg.params || msg.params.processId !== processId) return;
    if (seen.seq !== undefined && msg.params.seq !== seen.seq + 1) {
      peer.faults.push(`seq ${msg.params.seq} after ${seen.seq}`);
    }
    seen.seq = msg.params.seq;
    if (msg.method === 'process/output') {
      seen.text += Buffer.from(msg.params.chunk, 'base64').toString('latin1');
    } else if (msg.method === 'process/exited') {
      seen.exitCode = msg.params.exitCode;
    } else {
      seen.closed = true;
    }
  });
  seen.wait = (found, what) => peer.wait(() => found(seen) || undefined, what, 20000);
  return seen;
}

const write = (peer, processId, text, writeId) => peer.request('process/write',
  { processId, chunk: Buffer.from(text).toString('base64'), writeId });

tenureTest('goes-on-after-a-cut', {}, async (t, server) => {
  const first = await ready(t, server);
  const { sessionId } = first.initialized;
  assert.match(sessionId, ID);
  const cat = await startProcess(t, first, { argv: ['/bin/cat'], pipeStdin: true });
  await cat.write('before\n', 'a');
  await cat.waitText('before');
  await cut(first);
  const second = await resume(t, server, sessionId);
  assert.equal(second.initialized.sessionId, sessionId);
  const seen = follow(second, cat.id);
  assert.deepEqual(await write(second, cat.id, 'after\n', 'b'), { status: 'accepted' });
  await seen.wait((s) => s.text.includes('after'), 'the echo');
  assert.equal(seen.text, 'after\n');
  // The same write once more, as a client sends it whose reply was cut.
  assert.deepEqual(await write(second, cat.id, 'after\n', 'b'), { status: 'accepted' });
  assert.deepEqual(await write(second, cat.id, 'before\n', 'a'), { status: 'accepted' });
  assert.deepEqual(await write(second, cat.id, 'last\n', 'c'), { status: 'accepted' });
  await seen.wait((s) => s.text.includes('last'), 'the echo');
  assert.equal(seen.text, 'after\nlast\n');
  assert.deepEqual(await second.request('process/terminate', { processId: cat.id }),
    { running: true });
  await seen.wait((s) => s.closed, 'the close');
  assert.equal(seen.exitCode, 137);
});

tenureTest('an-id-stays-taken-over-a-cut', {}, async (t, server) => {
  const first = await ready(t, server);
  const params = { processId: 'mine', argv: ['/bin/cat'], cwd: '/', env: {}, tty: false,
    pipeStdin: true };
  await first.request('process/start', params);
  await cut(first);
  const second = await resume(t, server, first.initialized.sessionId);
  await second.refused('process/start', params, -32600, 'process mine already exists');
});

tenureTest('unknown-ids-are-refused', {}, async (t, server) => {
  const unknown = '01234567-89ab-4cde-8f01-23456789abcd';
  for (const id of [unknown, 'short', `${unknown}x`, '']) {
    const peer = await connect(t, server.url);
    await peer.refused('initialize', { clientName: 'x', resumeSessionId: id }, -32600,
      `unknown session id ${id}`);
    // The connection can begin anew.
    assert.match((await peer.request('initialize', { clientName: 'x' })).sessionId, ID);
  }
});

const PROBE_MS = 2000; // so long has a client to answer that it is there

// Prepares peers and asks for the session with each of them; gives the answers. Begins anew if this
// process, which is also the client that has to answer, may have been away for so long.
async function askInTime(prepare) {
  for (;;) {
    const { peers, sessionId } = await prepare();
    const begun = Date.now();
    const answers = await Promise.all(peers.map((peer) => peer.response(peer.post('initialize',
      { clientName: 'x', resumeSessionId: sessionId }))));
    if (Date.now() - begun < PROBE_MS - 100) return answers;
  }
}

tenureTest('a-client-that-is-there-keeps-it', {}, async (t, server) => {
  let cat;
  const [answer] = await askInTime(async () => {
    const first = await ready(t, server);
    cat = await startProcess(t, first, { argv: ['/bin/cat'], pipeStdin: true });
    return { peers: [await connect(t, server.url)], sessionId: first.initialized.sessionId };
  });
  assertError(answer, -32010, /attached/);
  await cat.write('still mine\n', 'a');
  await cat.waitText('still mine');
});

tenureTest('a-silent-client-loses-it', {}, async (t, server) => {
  const raw = await rawUpgraded(t, server.url);
  raw.write(frame(OP.TEXT, JSON.stringify({ id: 1, method: 'initialize',
    params: { clientName: 'silent' } })));
  const { sessionId } = (await raw.nextMessage()).result;
  raw.write(frame(OP.TEXT, JSON.stringify({ method: 'initialized' })));
  const before = Date.now();
  const second = await resume(t, server, sessionId);
  const tookMs = Date.now() - before;
  assert.ok(tookMs >= 1900, `resumed after ${tookMs} ms, without having asked the other one`);
  await startProcess(t, second, { argv: ['/bin/true'] });
  // The one that lost it is told so when it asks.
  raw.write(frame(OP.TEXT, JSON.stringify({ id: 2, method: 'process/terminate',
    params: { processId: 'x' } })));
  const { error } = await raw.nextMessage();
  assert.equal(error.code, -32600);
  assert.equal(error.message, 'session has been resumed by another connection');
});

// A pong that answers no ping of the server's, or an older one that was on its way when the client
// went, does not say that it is there.
tenureTest('another-pong-is-no-answer', {}, async (t, server) => {
  const raw = await rawUpgraded(t, server.url);
  raw.write(frame(OP.TEXT, JSON.stringify({ id: 1, method: 'initialize',
    params: { clientName: 'gone' } })));
  const { sessionId } = (await raw.nextMessage()).result;
  raw.write(frame(OP.TEXT, JSON.stringify({ method: 'initialized' })));
  const second = await connect(t, server.url);
  const id = second.post('initialize', { clientName: 'x', resumeSessionId: sessionId });
  assert.equal((await raw.nextFrame('the question')).opcode, OP.PING);
  raw.write(Buffer.concat([frame(OP.PONG, 'unasked'), frame(OP.PONG, Buffer.alloc(8))]));
  assert.equal((await second.result(id)).sessionId, sessionId);
});

tenureTest('only-one-of-many-gets-it', {}, async (t, server) => {
  const answers = await askInTime(async () => {
    const first = await ready(t, server);
    await cut(first);
    return { peers: await Promise.all(Array.from({ length: 8 }, () => connect(t, server.url))),
      sessionId: first.initialized.sessionId };
  });
  const got = answers.filter((answer) => answer.result);
  assert.equal(got.length, 1);
  answers.filter((answer) => answer.error).forEach((answer) => {
    assert.equal(answer.error.code, -32010);
  });
});

tenureTest('ends-when-nobody-comes', { args: ['--detach-ttl', '300ms'] }, async (t, server) => {
  const first = await ready(t, server);
  const witness = new Witness(t);
  await startProcess(t, first, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  await cut(first);
  await witness.waitAllGone('the death of the process', 10000);
  const second = await connect(t, server.url);
  await second.refused('initialize',
    { clientName: 'x', resumeSessionId: first.initialized.sessionId }, -32600,
    `unknown session id ${first.initialized.sessionId}`);
});

tenureTest('no-time-to-come-back', { args: ['--detach-ttl', '0'] }, async (t, server) => {
  const first = await ready(t, server);
  const witness = new Witness(t);
  await startProcess(t, first, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  await cut(first);
  await witness.waitAllGone('the death of the process', 10000);
});

// Beyond its window a program waits for somebody who takes its output.
tenureTest('a-program-waits-while-nobody-listens', {}, async (t, server) => {
  const first = await ready(t, server);
  const flood = await startProcess(t, first,
    { argv: sh('read go; head -c 8000000 /dev/zero | tr "\\0" x; echo end'), pipeStdin: true });
  assert.deepEqual(await flood.write('go\n', 'a'), { status: 'accepted' });
  await cut(first);
  await sleep(300);
  const second = await resume(t, server, first.initialized.sessionId);
  const seen = follow(second, flood.id);
  await seen.wait((s) => s.closed, 'the end of the flood');
  assert.equal(seen.exitCode, 0);
  assert.ok(seen.text.endsWith('end\n'));
  // What it wrote meanwhile is at most a window, and what was under way at the cut.
  assert.ok(seen.text.length > 8000000 - 4 * 1048576, `${seen.text.length} bytes`);
});

tenureTest('stops-with-the-server', {}, async (t, server) => {
  const first = await ready(t, server);
  const witness = new Witness(t);
  await startProcess(t, first, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  await cut(first);
  await server.stop();
  await witness.waitAllGone('the death of the process', 10000);
});

// Starts that are under way at the cut are answered to nobody: the next connection may lie where
// the one before lay in the memory of the server, and still did not ask.
tenureTest('an-answer-dies-with-its-connection', {}, async (t, server) => {
  const { sessionId } = (await ready(t, server)).initialized;
  let id = 1000;
  for (let round = 0; round < 60; round++) {
    const raw = await rawUpgraded(t, server.url);
    const ask = (message) => raw.write(frame(OP.TEXT, JSON.stringify(message)));
    const nextReply = async () => {
      for (let msg; ;) if ((msg = await raw.nextMessage()).id !== undefined) return msg.id;
    };
    ask({ id: ++id, method: 'initialize', params: { clientName: 'x', resumeSessionId: sessionId,
      takeOver: true } });
    assert.equal(await nextReply(), id);
    ask({ method: 'initialized' });
    ask({ id: ++id, method: 'process/terminate', params: { processId: 'nobody' } });
    assert.equal(await nextReply(), id);
    for (let i = 0; i < 20; i++) {
      ask({ id: ++id, method: 'process/start', params: { processId: `${id}`, cwd: '/',
        argv: ['/bin/true'], env: t.env(), tty: false } });
    }
    await new Promise((resolve) => raw.socket.write(frame(OP.PING, ''), resolve));
    raw.destroy();
  }
});

// What is told of a process comes behind the answer to initialize, also when it floods.
tenureTest('the-answer-comes-first', {}, async (t, server) => {
  const first = await ready(t, server);
  const { sessionId } = first.initialized;
  const floods = [];
  for (let i = 0; i < 20; i++) {
    floods.push(await startProcess(t, first, { pipeStdin: true,
      argv: sh('read go; exec yes | dd bs=100 status=none') }));
  }
  await Promise.all(floods.map((flood) => flood.write('go\n', 'go')));
  await cut(first);
  for (let round = 0; round < 40; round++) {
    const raw = await rawUpgraded(t, server.url);
    raw.write(frame(OP.TEXT, JSON.stringify({ id: 1, method: 'initialize',
      params: { clientName: 'x', resumeSessionId: sessionId, takeOver: true } })));
    const message = await raw.nextMessage();
    assert.equal(message.id, 1, JSON.stringify(message));
    raw.destroy();
  }
});

// Many ask for it at once, over and over: whoever has it at the end hears of its process, and who
// had it before, and is connected still, hears nothing more.
tenureTest('who-gave-it-up-hears-nothing', {}, async (t, server) => {
  let holder = await ready(t, server);
  const { sessionId } = holder.initialized;
  const cats = [];
  for (let i = 0; i < 5; i++) {
    cats.push(await startProcess(t, holder, { argv: ['/bin/cat'], pipeStdin: true }));
  }
  for (let round = 0; round < 10; round++) {
    const peers = await Promise.all(Array.from({ length: 5 }, () => connect(t, server.url)));
    const asked = await Promise.allSettled(peers.map((peer) => peer.request('initialize',
      { clientName: 'x', resumeSessionId: sessionId, takeOver: true })));
    for (const peer of peers) peer.notify('initialized', {});
    // The last of those that were given it has it, unless it lost it again: then one more asks.
    const last = await connect(t, server.url);
    await last.request('initialize',
      { clientName: 'x', resumeSessionId: sessionId, takeOver: true });
    last.notify('initialized', {});
    assert.ok(asked.some((one) => one.status === 'fulfilled'), 'nobody got it');
    const before = [holder, ...peers];
    const heard = [];
    for (const peer of before) peer.listeners.push((msg) => heard.push(msg.method));
    const seen = cats.map((cat) => follow(last, cat.id));
    await Promise.all(cats.map((cat) => write(last, cat.id, `${round}\n`, `${round}`)));
    for (const one of seen) await one.wait((s) => s.text.includes(`${round}\n`), 'the echo');
    for (const peer of before) await peer.request('environment/status', {}).catch(() => {});
    assert.deepEqual(heard.filter((method) => method !== undefined), []);
    for (const peer of before) peer.destroy();
    holder = last;
  }
});
