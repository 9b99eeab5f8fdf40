'use strict';
// The one HTTP request of a connection: the upgrade, well and badly formed, and the two probes.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { OP, frame, upgradeHead, rawConnect, rawUpgraded } = require('../lib/raw');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const HELLO = '{"id":1,"method":"initialize","params":{"clientName":"raw"}}';

function newKey() {
  return crypto.randomBytes(16).toString('base64');
}

async function answers(raw) {
  raw.write(frame(OP.TEXT, HELLO));
  const reply = await raw.nextMessage();
  assert.equal(reply.id, 1);
  assert.equal(typeof reply.result.sessionId, 'string');
}

// Sends `text` to a fresh connection and gives the status of the answer; the server must still
// serve others afterwards.
async function statusOf(t, server, text) {
  const raw = await rawConnect(t, server.url);
  raw.write(text);
  const head = await raw.readHead();
  raw.destroy();
  return head;
}

function refusedTest(name, options, build, statuses) {
  test(`http/refused/${name}`, options, async (t) => {
    const server = await startServer(t);
    const head = await statusOf(t, server, build(server));
    assert.ok(statuses.includes(head.status), `status ${head.status}, expected ${statuses}`);
    await answers(await rawUpgraded(t, server.url));
  });
}

test('http/upgrade-as-the-cli-sends-it', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  const head = await raw.upgrade({ host: new URL(server.url).host });
  assert.equal(head.headers.upgrade.toLowerCase(), 'websocket');
  assert.equal(head.headers.connection.toLowerCase(), 'upgrade');
  assert.ok(!('sec-websocket-protocol' in head.headers));
  assert.ok(!('sec-websocket-extensions' in head.headers));
  await answers(raw);
});

test('http/upgrade-with-other-case-and-lists', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  await raw.upgrade({ drop: ['Connection', 'Upgrade'], headers: { 'cOnNeCtIoN':
    'keep-alive, Upgrade', 'UPGRADE': 'WebSocket', 'X-Unknown': 'a: b', 'User-Agent': 'x' } });
  await answers(raw);
});

test('http/extensions-and-subprotocols-are-not-negotiated', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  const head = await raw.upgrade({ headers: {
    'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
    ...(t.isExecport ? { 'Sec-WebSocket-Protocol': 'chat, superchat' } : {}) } });
  assert.ok(!('sec-websocket-extensions' in head.headers));
  assert.ok(!('sec-websocket-protocol' in head.headers));
  await answers(raw);
});

test('http/upgrade-one-byte-at-a-time', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  await raw.writeBytewise(upgradeHead(newKey()));
  assert.equal((await raw.readHead()).status, 101);
  await answers(raw);
});

test('http/frames-in-the-segment-of-the-upgrade', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  raw.write(Buffer.concat([Buffer.from(upgradeHead(newKey())), frame(OP.TEXT, HELLO),
    frame(OP.PING, 'p')]));
  assert.equal((await raw.readHead()).status, 101);
  // The pong may overtake the reply.
  const got = [await raw.nextFrame(), await raw.nextFrame()];
  const texts = got.sort((a, b) => a.opcode - b.opcode).map((one) => one.payload.toString());
  assert.equal(JSON.parse(texts[0]).id, 1);
  assert.equal(texts[1], 'p');
});

test('http/ready-and-health', BOTH, async (t) => {
  const server = await startServer(t);
  for (const path of t.isExecport ? ['/readyz', '/healthz'] : ['/readyz']) {
    const raw = await rawConnect(t, server.url);
    raw.write(`GET ${path} HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n\r\n`);
    const head = await raw.readHead();
    assert.equal(head.status, 200);
    await raw.readBody(head);
  }
});

test('http/ipv6-listener', OURS, async (t) => {
  const os = require('node:os');
  const loopback = (os.networkInterfaces().lo || []).some((one) => one.address === '::1');
  if (!loopback) t.skip('no IPv6 loopback here');
  const server = await startServer(t, { listen: ['ws://[::1]:0'] });
  assert.match(server.url, /^ws:\/\/\[::1\]:\d+$/);
  const { ready } = require('../lib/clients');
  await ready(t, server);
});

test('http/header-of-15-kib-is-served', OURS, async (t) => {
  const raw = await rawConnect(t, (await startServer(t)).url);
  await raw.upgrade({ headers: { 'X-Filler': 'f'.repeat(15 * 1024) } });
  await answers(raw);
});

refusedTest('unknown-path', BOTH, () => upgradeHead(newKey(), { path: '/other' }), [404]);
refusedTest('unknown-path-without-upgrade', BOTH,
  () => 'GET /other HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', [404]);
refusedTest('origin-of-a-page', BOTH,
  () => upgradeHead(newKey(), { headers: { Origin: 'http://example.com' } }), [403]);
refusedTest('origin-of-the-listener', BOTH,
  (server) => upgradeHead(newKey(), { headers: { Origin: server.url.replace('ws:', 'http:') } }),
  [403]);
refusedTest('origin-null', BOTH,
  () => upgradeHead(newKey(), { headers: { Origin: 'null' } }), [403]);
refusedTest('post', OURS, () => upgradeHead(newKey()).replace('GET', 'POST'), [400, 405]);
refusedTest('plain-get', OURS, () => 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', [400, 426]);
refusedTest('no-key', OURS, () => upgradeHead('', { drop: ['Sec-WebSocket-Key'] }), [400]);
refusedTest('key-that-is-too-short', OURS, () => upgradeHead('c2hvcnQ='), [400]);
refusedTest('key-that-is-not-base64', OURS, () => upgradeHead('!!!!!!!!!!!!!!!!!!!!!!=='), [400]);
refusedTest('two-keys', OURS,
  () => upgradeHead(newKey(), { headers: { 'Sec-WebSocket-Key': [newKey(), newKey()] } }), [400]);
refusedTest('no-version', OURS,
  () => upgradeHead(newKey(), { drop: ['Sec-WebSocket-Version'] }), [400, 426]);
refusedTest('http-1-0', OURS, () => upgradeHead(newKey()).replace('HTTP/1.1', 'HTTP/1.0'),
  [400, 426, 505]);
refusedTest('http-2-0', OURS, () => upgradeHead(newKey()).replace('HTTP/1.1', 'HTTP/2.0'),
  [400, 505]);
refusedTest('bare-line-feeds', OURS,
  () => upgradeHead(newKey()).replace(/\r\n/g, '\n') + '\r\n\r\n', [400]);
refusedTest('folded-header', OURS,
  () => upgradeHead(newKey(), { headers: { 'X-Folded': 'one\r\n two' } }), [400]);
refusedTest('space-before-the-colon', OURS,
  () => upgradeHead(newKey(), { headers: { 'X-Space ': 'x' } }), [400]);
refusedTest('header-without-colon', OURS,
  () => upgradeHead(newKey()).replace('\r\n\r\n', '\r\nnonsense\r\n\r\n'), [400]);
refusedTest('nul-in-a-header', OURS,
  () => upgradeHead(newKey(), { headers: { 'X-Nul': 'a\0b' } }), [400]);
refusedTest('body', OURS,
  () => upgradeHead(newKey(), { headers: { 'Content-Length': '5' } }) + 'hello', [400, 413]);
refusedTest('chunked-body', OURS,
  () => upgradeHead(newKey(), { headers: { 'Transfer-Encoding': 'chunked' } }), [400, 413, 501]);
refusedTest('no-host', OURS, () => upgradeHead(newKey(), { drop: ['Host'] }), [400, 403]);
refusedTest('two-hosts', OURS,
  () => upgradeHead(newKey(), { headers: { Host: ['127.0.0.1', '127.0.0.1'] } }), [400, 403]);

test('http/refused/version-8-is-told-13', OURS, async (t) => {
  const server = await startServer(t);
  const head = await statusOf(t, server,
    upgradeHead(newKey(), { headers: { 'Sec-WebSocket-Version': '8' } }));
  assert.ok([400, 426].includes(head.status), `status ${head.status}`);
  assert.match(head.headers['sec-websocket-version'], /(^|[ ,])13($|[ ,])/);
});

test('http/refused/tls-client', OURS, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  raw.write(Buffer.from('16030100c8010000c40303', 'hex'));
  raw.write(Buffer.alloc(200, 7));
  await raw.waitEnded();
  await answers(await rawUpgraded(t, server.url));
});

test('http/refused/header-over-16-kib', OURS, async (t) => {
  const server = await startServer(t);
  for (const filler of [17 * 1024, 200 * 1024]) {
    const raw = await rawConnect(t, server.url);
    raw.write(upgradeHead(newKey(), { headers: { 'X-Filler': 'f'.repeat(filler) } }));
    await raw.waitEnded();
    assert.ok(!raw.input.toString('latin1').startsWith('HTTP/1.1 101'), 'it was served');
  }
  const one = await rawConnect(t, server.url);
  one.write(upgradeHead(newKey(), { headers: { 'X-Filler': 'f'.repeat(16 * 1024) } }));
  const head = await one.readHead();
  assert.ok([400, 431].includes(head.status), `status ${head.status}`);
  await answers(await rawUpgraded(t, server.url));
});

test('http/refused/endless-header-line', OURS, async (t) => {
  const server = await startServer(t);
  const raw = await rawConnect(t, server.url);
  raw.write('GET / HTTP/1.1\r\nX-Endless: ');
  for (let n = 0; n < 40 && !raw.ended; n++) raw.write('e'.repeat(1024));
  await raw.waitEnded();
  await answers(await rawUpgraded(t, server.url));
});
