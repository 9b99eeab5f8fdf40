'use strict';
// GET /metrics: who gets it, that it is as documented, and that its numbers are true after work
// that is known.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startParams, startProcess } = require('../lib/sessions');
const { connect, ready } = require('../lib/clients');
const { mustBecome } = require('../lib/proc');
const { upgradeHead, rawConnect, rawUpgraded, frame, OP } = require('../lib/raw');
const { ask, requestText, scrape, parseMetrics } = require('../lib/metrics');

const OURS = { on: ['execport'] };
const DOCUMENT = path.join(__dirname, '../../../docs/metrics.md');

function metricsTest(name, fn) {
  test(`metrics/${name}`, OURS, fn);
}

// Numbers settle a moment after what a client sees: asks until they are as wanted, and gives them.
async function scrapeUntil(t, server, wanted, what) {
  let last;
  await mustBecome(async () => {
    last = await scrape(t, server.url);
    return wanted(last);
  }, 10000, what).catch((error) => {
    throw new Error(`${error.message}\n${last && last.text.replace(/^#.*\n/gm, '')}`);
  });
  return last;
}

// ---- What it looks like

function documented() {
  const rows = fs.readFileSync(DOCUMENT, 'utf8').split('\n')
    .map((line) => /^\| `(execport_[a-z0-9_]+)` \| (\w+) \|(.*)\|$/.exec(line)).filter(Boolean);
  const names = new Map(rows.map(([, name, type, text]) => [name, { type, text }]));
  assert.equal(names.size, rows.length, 'a name is documented twice');
  return names;
}

metricsTest('is-as-documented', async (t) => {
  const { families } = await scrape(t, (await startServer(t)).url);
  const names = documented();
  const types = (all) => [...all].map(([name, { type }]) => `${name} ${type}`).sort();
  assert.deepEqual(types(families), types(names));
  const document = fs.readFileSync(DOCUMENT, 'utf8');
  for (const { name, samples } of families.values()) {
    for (const { labels } of name === 'execport_build_info' ? [] : samples.values()) {
      const words = Object.entries(labels).filter(([label]) => label !== 'le');
      for (const [label, value] of words) {
        assert.ok(document.includes(`\`${value}\``), `${name}: ${label} ${value}?`);
      }
    }
  }
});

metricsTest('reader-refuses-what-is-wrong', async () => {
  const head = '# HELP a_total x\n# TYPE a_total counter\n';
  const histogram = '# HELP a x\n# TYPE a histogram\n';
  parseMetrics(`${histogram}a_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\na_sum 1\na_count 2\n`);
  parseMetrics(`${head}a_total{b="c"} 1\na_total{b="d"} 2.5\n`);
  for (const wrong of ['a_total 1\n', head, `${head}a_total 1`, `${head}a_total 1\na_total 2\n`,
    `${head}b_total 1\n`, `${head}a_total -1\n`, `${head}a_total{b=c} 1\n`,
    `${head}a_total 1\n${head}a_total{b="c"} 1\n`, '# TYPE a_total counter\na_total 1\n',
    '# HELP a x\n# TYPE a counter\na 1\n', '# HELP a x\n# TYPE a gauge\na{b="c",b="d"} 1\n',
    `${histogram}a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n`,
    `${histogram}a_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n`]) {
    assert.throws(() => parseMetrics(wrong), assert.AssertionError, wrong);
  }
});

metricsTest('a-fresh-server-has-done-nothing', async (t) => {
  const all = await scrape(t, (await startServer(t)).url);
  for (const name of ['sessions', 'sessions_waiting', 'starts_total', 'exits_total',
    'stdin_bytes_total', 'output_read_bytes_total', 'output_delivered_bytes_total',
    'output_undelivered_bytes_total', 'output_unheard_bytes_total', 'output_omitted_bytes_total',
    'retained_bytes', 'orphans', 'queue_bytes', 'queue_frames', 'resume_ring_bytes',
    'refused_total', 'no_capacity_total', 'connections_closed_total', 'connections_ended_total',
    'helper_late_calls_total', 'start_seconds', 'request_seconds', 'output_delay_seconds']) {
    assert.equal(all.sum(name), 0, name);
  }
  assert.equal(all.get('connections{state="handshake"}'), 1, 'the one that asks');
  assert.equal(all.get('connections_opened_total{listener="ws"}'), 1);
  assert.ok(all.get('process_resident_memory_bytes') > 1e6);
  assert.ok(all.get('process_open_descriptors') > 3);
  assert.ok(all.get('resource_limit{resource="descriptors"}') > 0);
  assert.ok(all.get('engine_workers') >= 1);
  const age = Date.now() / 1000 - all.get('start_time_seconds');
  assert.ok(age >= -1 && age < 60 * t.settings.slow, `it started ${age} s ago`);
  assert.match(all.text, /\nexecport_build_info\{version="\d+\.\d+\.\d+",commit="[^"]*",/);
});

// ---- Work that is known

// Nothing is under way any more.
function isSettled(one) {
  return one.sum('sessions') === 0 && one.sum('queue_frames') === 0 &&
    one.get('connections_writing') === 0;
}

async function doKnownWork(t, peer) {
  const cat = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await cat.write('twelve bytes', 'w1');
  await cat.waitText('twelve bytes');
  await cat.terminate();
  await cat.waitClosed();
  const loud = sh('head -c 100000 /dev/zero; head -c 20000 /dev/zero >&2');
  await (await startProcess(t, peer, { argv: loud })).waitClosed();
  const tty = await startProcess(t, peer, { argv: sh('printf 12345; exit 3'), tty: true });
  await tty.waitClosed();
  for (const options of [{ argv: ['/nonexistent/program'] }, { argv: ['/bin/true'],
    cwd: 'file:///nonexistent/directory' }]) {
    const reply = await peer.response(peer.post('process/start', startParams(t, options)));
    assert.ok(reply.error, 'it must not start');
  }
  // It runs until it is ended: the id of one that is gone would be free again here.
  const taken = startParams(t, { argv: ['/bin/sleep', '1000'] });
  const holder = await startProcess(t, peer, { ...taken });
  assert.ok((await peer.response(peer.post('process/start', taken))).error, 'the id is taken');
  await holder.terminate();
  await holder.waitClosed();
}

metricsTest('numbers-after-known-work', async (t) => {
  const server = await startServer(t, { args: ['--tombstone-ttl', '0', '--detach-ttl', '0',
    '--ping-interval', '1s'] });
  const before = await scrape(t, server.url);
  const peer = await ready(t, server);
  await doKnownWork(t, peer);
  const all = await scrapeUntil(t, server, isSettled, 'every session is gone');
  const expected = {
    'starts_total{result="ok"}': 4, 'starts_total{result="exec"}': 1,
    'starts_total{result="cwd"}': 1, 'starts_total{result="exists"}': 1,
    'exits_total{by="itself"}': 2, 'exits_total{by="client"}': 2,
    'stdin_bytes_total': 12, 'output_read_bytes_total{stream="stdout"}': 100012,
    'output_read_bytes_total{stream="stderr"}': 20000,
    'output_read_bytes_total{stream="pty"}': 5, 'output_delivered_bytes_total': 120017,
    'start_seconds_count': 6, 'request_seconds_count': 1 + 7 + 3,
    'connections{state="open"}': 1, 'sessions_waiting': 0, 'connections_writing': 0,
  };
  for (const [key, value] of Object.entries(expected)) assert.equal(all.get(key), value, key);
  for (const name of ['output_undelivered_bytes_total', 'output_unheard_bytes_total',
    'output_omitted_bytes_total', 'queue_bytes', 'resume_ring_bytes', 'no_capacity_total',
    'refused_total']) {
    assert.equal(all.sum(name), 0, name);
  }
  assert.ok(all.get('output_delay_seconds_count') >= 4);
  assert.ok(all.get('start_seconds_sum') > 0 && all.get('start_seconds_sum') < 60);
  assert.ok(all.get('engine_reads_total') > before.get('engine_reads_total'));
  assert.deepEqual(all.keys, before.keys, 'the names are there from the start, and no others come');
});

metricsTest('sessions-by-state-and-kind', async (t) => {
  const server = await startServer(t, { args: ['--tombstone-ttl', '0', '--detach-ttl', '0',
    '--ping-interval', '1s'] });
  const peer = await ready(t, server);
  const idle = { argv: ['/bin/cat'], pipeStdin: true };
  await startProcess(t, peer, idle);
  await startProcess(t, peer, idle);
  await startProcess(t, peer, { ...idle, tty: true });
  const all = await scrape(t, server.url);
  assert.equal(all.get('sessions{state="running",kind="pipe"}'), 2);
  assert.equal(all.get('sessions{state="running",kind="tty"}'), 1);
  assert.equal(all.sum('sessions'), 3);
  assert.equal(all.get('resource_used{resource="sessions"}'), 3);
  assert.equal(all.get('resource_used{resource="pseudoterminals"}'), 1);
  assert.equal(all.get('resource_used{resource="processes"}'), 3);
  peer.destroy();
  const after = await scrapeUntil(t, server, (one) => one.sum('sessions') === 0, 'all are gone');
  assert.equal(after.get('exits_total{by="disconnect"}'), 3);
});

// What was read was delivered, or is counted as what it became.
function isAccounted(one) {
  return one.sum('output_read_bytes_total') === one.sum('output_delivered_bytes_total') +
    one.sum('output_undelivered_bytes_total') + one.sum('output_unheard_bytes_total');
}

metricsTest('every-byte-of-output-is-accounted-for', async (t) => {
  const server = await startServer(t, { args: ['--retain', '64KiB', '--tombstone-ttl', '0',
    '--detach-ttl', '0', '--ping-interval', '1s'] });
  const peer = await ready(t, server);
  await startProcess(t, peer, { argv: sh('exec cat /dev/zero') });
  peer.transport.socket.pause();
  await scrapeUntil(t, server, (one) => one.get('sessions_waiting') === 1 &&
    one.get('queue_bytes{class="output"}') > 0 && one.get('queue_frames{class="output"}') > 0 &&
    one.get('connections_writing') === 1 && one.get('output_omitted_bytes_total') > 0,
  'the session waits for its client');
  peer.destroy();
  const all = await scrapeUntil(t, server, (one) => isSettled(one) && isAccounted(one),
    'the session is gone, and its output accounted for');
  assert.ok(all.get('output_undelivered_bytes_total{reason="disconnected"}') > 0);
  assert.equal(all.get('sessions_waiting'), 0);
  assert.equal(all.sum('queue_bytes'), 0);
  assert.equal(all.sum('resume_ring_bytes'), 0);
});

// A client that answers no ping acknowledges nothing; what it does not read over another connection
// is missed, and goes when it has.
metricsTest('what-clients-have-not-acknowledged', async (t) => {
  const server = await startServer(t);
  const raw = await rawUpgraded(t, server.url);
  const call = async (id, method, params) => {
    raw.write(frame(OP.TEXT, JSON.stringify({ id, method, params })));
    for (;;) {
      const message = await raw.nextMessage();
      if (message.id === id) return message.result;
    }
  };
  const { sessionId } = await call(1, 'initialize', { clientName: 'deaf' });
  raw.write(frame(OP.TEXT, '{"method":"initialized"}'));
  const { processId, ...params } = startParams(t,
    { argv: sh('head -c 300000 /dev/zero; read line; printf more'), pipeStdin: true });
  await call(2, 'process/start', { processId, ...params });
  const sent = 'resume_ring_bytes{part="sent"}';
  const missed = 'resume_ring_bytes{part="missed"}';
  const held = (all) => [all.get(sent), all.get(missed)];
  await scrapeUntil(t, server, (all) => held(all).join() === '300000,0', 'all is kept as sent');
  raw.destroy();
  const peer = await connect(t, server.url);
  await peer.request('initialize', { clientName: 'reader', resumeSessionId: sessionId });
  peer.notify('initialized', {});
  await scrapeUntil(t, server, (all) => held(all).join() === '0,300000', 'all is missed');
  let afterSeq = 0;
  for (let bytes = 0; bytes < 300000;) {
    const { chunks } = await peer.request('process/read', { processId, afterSeq, maxBytes: 65536 });
    for (const { chunk, seq } of chunks) {
      bytes += Buffer.from(chunk, 'base64').length;
      afterSeq = seq;
    }
  }
  await peer.request('process/read', { processId, afterSeq });
  await scrapeUntil(t, server, (all) => all.sum('resume_ring_bytes') === 0, 'all was read');
});

metricsTest('shortages-by-resource', async (t) => {
  const server = await startServer(t,
    { args: ['--max-sessions', '2', '--max-sessions-per-client', '1'] });
  const peer = await ready(t, server);
  const idle = { argv: ['/bin/cat'], pipeStdin: true };
  const refused = async (who) => {
    const reply = await who.response(who.post('process/start', startParams(t, idle)));
    assert.equal(reply.error.code, -32021);
  };
  await startProcess(t, peer, idle);
  await refused(peer);
  await startProcess(t, await ready(t, server), idle);
  await refused(await ready(t, server));
  const all = await scrape(t, server.url);
  assert.equal(all.get('no_capacity_total{resource="sessions of this connection"}'), 1);
  assert.equal(all.get('no_capacity_total{resource="sessions"}'), 1);
  assert.equal(all.sum('no_capacity_total'), 2);
  assert.equal(all.get('starts_total{result="no_capacity"}'), 2);
  assert.equal(all.get('resource_limit{resource="sessions"}'), 2);
});

metricsTest('connections-end-for-reasons', async (t) => {
  const server = await startServer(t);
  (await ready(t, server)).end();
  (await rawUpgraded(t, server.url)).write(frame(OP.TEXT, 'x', { mask: false }));
  (await rawUpgraded(t, server.url)).write(frame(OP.TEXT, 'x', { claim: 1e9 }));
  const wrongHost = await rawConnect(t, server.url);
  wrongHost.write(upgradeHead('dGhlIHNhbXBsZSBub25jZQ==', { host: 'evil.example' }));
  const all = await scrapeUntil(t, server, (one) =>
    one.get('connections_ended_total{reason="protocol"}') === 1 &&
    one.get('connections_ended_total{reason="too_large"}') === 1 &&
    one.get('connections_ended_total{reason="client"}') === 1 &&
    one.get('refused_total{reason="host"}') === 1 && Math.abs(one.sum('connections_opened_total') -
      one.get('connections_closed_total') - one.sum('connections')) <= 1,
  'each reason is counted, and opened less closed are there');
  assert.equal(all.get('connections_ended_total{reason="other"}'), 0);
});

// ---- Who gets it

metricsTest('token', async (t) => {
  const token = `tok-${crypto.randomUUID()}`;
  const digest = crypto.createHash('sha256').update(token).digest('hex');
  const server = await startServer(t, { args: ['--ws-token-sha256', digest] });
  const wrong = [{}, { Authorization: `Bearer ${token}x` }, { Authorization: `Basic ${token}` }];
  for (const headers of wrong) {
    const { status, body, headers: got } = await ask(t, server.url, { headers });
    assert.equal(status, 401);
    assert.equal(got['www-authenticate'], 'Bearer');
    assert.ok(!body.includes('execport_'));
  }
  const all = await scrape(t, server.url, { Authorization: `Bearer ${token}` });
  assert.equal(all.get('refused_total{reason="token"}'), wrong.length);
  assert.equal(all.sum('refused_total'), wrong.length);
});

metricsTest('host-and-origin-are-checked', async (t) => {
  const server = await startServer(t);
  const status = async (headers) => (await ask(t, server.url, { headers })).status;
  assert.equal(await status({ Host: 'evil.example' }), 403);
  assert.equal(await status({ Origin: 'http://127.0.0.1' }), 403);
  const all = await scrape(t, server.url);
  assert.equal(all.get('refused_total{reason="host"}'), 1);
  assert.equal(all.get('refused_total{reason="origin"}'), 1);
});

metricsTest('no-metrics', async (t) => {
  const server = await startServer(t, { args: ['--no-metrics'] });
  for (const method of ['GET', 'HEAD', 'POST']) {
    assert.equal((await ask(t, server.url, { method })).status, 404);
  }
  assert.equal((await ask(t, server.url, { path: '/readyz' })).status, 200);
});

metricsTest('other-paths-and-methods', async (t) => {
  const server = await startServer(t);
  for (const each of ['/metrics', '/readyz', '/healthz']) {
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      const { status, headers } = await ask(t, server.url, { method, path: each });
      assert.equal(status, 405, `${method} ${each}`);
      assert.equal(headers.allow, 'GET');
    }
    const raw = await rawConnect(t, server.url);
    raw.write(upgradeHead('dGhlIHNhbXBsZSBub25jZQ==', { path: each }));
    assert.equal((await raw.readHead()).status, 404, `a WebSocket at ${each}`);
  }
  for (const each of ['/metrics/', '/Metrics', '/metric']) {
    assert.equal((await ask(t, server.url, { path: each })).status, 404, each);
  }
  assert.equal((await ask(t, server.url, { path: '/metrics?x=1' })).status, 200);
});

metricsTest('over-a-unix-socket', async (t) => {
  const socket = path.join(t.dir(), 'execport.sock');
  await startServer(t, { listen: [`unix://${socket}`] });
  const all = await scrape(t, socket);
  assert.equal(all.get('connections_opened_total{listener="unix"}'), 1);
});

// ---- Odd ways to ask

metricsTest('asked-byte-by-byte-with-more-behind-it', async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  await raw.writeBytewise(requestText());
  raw.write(requestText() + 'x'.repeat(5000));
  const head = await raw.readHead();
  assert.equal(head.status, 200);
  parseMetrics(await raw.readBody(head));
  await raw.waitEnded();
  assert.equal(raw.input.length, 0, 'a second answer');
});

metricsTest('asker-that-closes-its-half', async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url, { allowHalfOpen: true });
  raw.socket.end(requestText());
  const head = await raw.readHead();
  assert.equal(head.status, 200);
  parseMetrics(await raw.readBody(head));
});

metricsTest('many-at-once-and-some-that-never-read', async (t) => {
  const server = await startServer(t);
  const silent = await Promise.all(Array.from({ length: 20 }, () => rawConnect(t, server.url)));
  silent.forEach((raw) => {
    raw.socket.pause();
    raw.write(requestText());
  });
  const asked = Array.from({ length: 30 }, () => scrape(t, server.url));
  for (const all of await Promise.all(asked)) assert.ok(all.text.length < 32 * 1024);
  const peer = await ready(t, server);
  await (await startProcess(t, peer, { argv: ['/bin/true'] })).waitClosed();
  silent.forEach((raw) => raw.destroy());
  const all = await scrapeUntil(t, server, (one) => one.sum('connections') <= 3,
    'the silent ones are gone');
  assert.ok(all.get('connections_ended_total{reason="http"}') >= 50);
});
