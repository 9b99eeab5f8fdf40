'use strict';
// Who is let in: tokens, Host, other users of the machine, and the limits before a client is known.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { test, withDeadline } = require('../lib/harness');
const { startServer, runToEnd } = require('../lib/server');
const { startProcess } = require('../lib/sessions');
const { connect, initialize, ready } = require('../lib/clients');
const { mustBecome, sleep } = require('../lib/proc');
const { OP, frame, upgradeHead, rawConnect, rawUpgraded } = require('../lib/raw');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const HELLO = '{"id":1,"method":"initialize","params":{"clientName":"raw"}}';
const UNKNOWN_LIMIT = 64;

function bearer(token) {
  return { headers: { authorization: `Bearer ${token}` } };
}

async function statusWith(t, server, options) {
  try {
    const peer = await connect(t, server.url, options);
    peer.destroy();
    return 101;
  } catch (error) {
    if (error.status === undefined) throw error;
    return error.status;
  }
}

async function checkTokens(t, server, token) {
  assert.equal(await statusWith(t, server, {}), 401);
  for (const wrong of ['', 'wrong', token.slice(0, -1), `${token}x`, token.toUpperCase()]) {
    assert.equal(await statusWith(t, server, bearer(wrong)), 401, `token ${wrong}`);
  }
  const basic = { headers: { authorization: `Basic ${token}` } };
  assert.equal(await statusWith(t, server, basic), 401);
  const peer = await initialize(await connect(t, server.url, bearer(token)));
  const view = await startProcess(t, peer, { argv: ['/bin/true'] });
  await view.waitClosed();
}

function tokenArgs(t, name, value) {
  return [...(t.isExecport ? [] : ['--ws-auth', 'capability-token']), name, value];
}

test('security/token-file', BOTH, async (t) => {
  const token = `tok-${crypto.randomUUID()}`;
  const file = path.join(t.dir(), 'token');
  fs.writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const server = await startServer(t, { args: tokenArgs(t, '--ws-token-file', file) });
  await checkTokens(t, server, token);
});

test('security/token-sha256', BOTH, async (t) => {
  const token = `tok-${crypto.randomUUID()}`;
  const digest = crypto.createHash('sha256').update(token).digest('hex');
  const server = await startServer(t, { args: tokenArgs(t, '--ws-token-sha256', digest) });
  await checkTokens(t, server, token);
});

test('security/token-is-not-logged', OURS, async (t) => {
  const token = `tok-${crypto.randomUUID()}`;
  const digest = crypto.createHash('sha256').update(token).digest('hex');
  const server = await startServer(t,
    { args: ['--ws-token-sha256', digest, '--log-level', 'debug'] });
  const peer = await initialize(await connect(t, server.url, bearer(token)));
  const secret = `secret-${crypto.randomUUID()}`;
  const view = await startProcess(t, peer,
    { argv: ['/bin/echo', secret], env: { HIDDEN: secret } });
  await view.waitText(secret);
  assert.equal(await statusWith(t, server, bearer(`${token}-wrong`)), 401);
  peer.destroy();
  await server.stop();
  assert.ok(!server.stderr.includes(token), 'the token is in the log');
  assert.ok(!server.stderr.includes(secret), 'a payload is in the log');
});

test('security/token-file-that-others-may-read-is-refused', OURS, async (t) => {
  const file = path.join(t.dir(), 'token');
  fs.writeFileSync(file, 'token\n');
  fs.chmodSync(file, 0o644);
  const end = await runToEnd(t, ['--listen', 'ws://127.0.0.1:0', '--ws-token-file', file]);
  assert.notEqual(end.code, 0);
  assert.equal(end.stdout, '');
});

test('security/empty-token-file-is-refused', OURS, async (t) => {
  const file = path.join(t.dir(), 'token');
  fs.writeFileSync(file, '\n', { mode: 0o600 });
  const end = await runToEnd(t, ['--listen', 'ws://127.0.0.1:0', '--ws-token-file', file]);
  assert.notEqual(end.code, 0);
});

test('security/off-loopback-without-a-token-does-not-start', OURS, async (t) => {
  for (const url of ['ws://0.0.0.0:0', 'ws://[::]:0']) {
    const end = await runToEnd(t, ['--listen', url]);
    assert.notEqual(end.code, 0, url);
    assert.equal(end.stdout, '');
    assert.match(end.stderr, /token/i);
  }
});

test('security/host-names', OURS, async (t) => {
  const server = await startServer(t, { args: ['--allow-host', 'builder.example'] });
  const { port } = new URL(server.url);
  const statusFor = async (host) => {
    const raw = await rawConnect(t, server.url);
    raw.write(upgradeHead('dGhlIHNhbXBsZSBub25jZQ==', { host }));
    const { status } = await raw.readHead();
    raw.destroy();
    return status;
  };
  for (const host of ['127.0.0.1', `127.0.0.1:${port}`, '10.1.2.3:80', '[::1]', `[::1]:${port}`,
    'localhost', `LocalHost:${port}`, 'builder.example', `Builder.Example:${port}`]) {
    assert.equal(await statusFor(host), 101, host);
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example',
    'notbuilder.example', '127.0.0.1.evil.example', '', '127.0.0.1:x']) {
    const status = await statusFor(host);
    assert.ok([400, 403, 421].includes(status), `${host}: ${status}`);
  }
});

// Connects as another user and prints the first line of the answer, or how the connection ended.
const FOREIGN_CLIENT = `
const net = require('node:net');
const socket = net.connect(Number(process.argv[1]), '127.0.0.1');
let text = '';
const done = (what) => { console.log(what); process.exit(0); };
socket.on('connect', () => socket.write(process.argv[2]));
socket.on('data', (data) => {
  text += data;
  if (text.includes('\\r\\n')) done(text.split('\\r\\n')[0]);
});
socket.on('close', () => done('closed'));
socket.on('error', () => done('closed'));
`;

async function askAsNobody(t, server) {
  const child = spawn(process.execPath, ['-e', FOREIGN_CLIENT, new URL(server.url).port,
    upgradeHead('dGhlIHNhbXBsZSBub25jZQ==')], { uid: 65534, gid: 65534, cwd: '/', env: t.env(),
    stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => { text += part; });
  const ended = new Promise((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  await withDeadline(ended, 10000 * t.settings.patience, 'the client of the other user');
  return text.trim();
}

test('security/another-local-user-is-refused', OURS, async (t) => {
  if (process.getuid() !== 0) t.skip('only root can become another user');
  const closed = await startServer(t);
  assert.doesNotMatch(await askAsNobody(t, closed), /^HTTP\/1\.1 101/);
  await ready(t, closed);
  const open = await startServer(t, { args: ['--allow-any-local-user'] });
  assert.match(await askAsNobody(t, open), /^HTTP\/1\.1 101/);
});

// Whether the server takes one more client to the end of initialize, within a moment.
async function isServed(t, server) {
  let raw;
  const serve = async () => {
    raw = await rawConnect(t, server.url);
    raw.write(upgradeHead('dGhlIHNhbXBsZSBub25jZQ=='));
    const { status } = await raw.readHead();
    if (status !== 101) return false;
    raw.write(frame(OP.TEXT, HELLO));
    return (await raw.nextMessage()).id === 1;
  };
  const served = await Promise.race([serve().catch(() => false), sleep(1000).then(() => false)]);
  if (raw) raw.destroy();
  return served;
}

const UNKNOWN_MS = 10000; // then the server drops them

// As many clients as may be unknown at a time, and whether one more was served. Without an answer
// where it took so long that the first may have been dropped.
async function tryOneMore(t, server) {
  const begun = Date.now();
  const unknown = [];
  for (let n = 0; n < UNKNOWN_LIMIT; n++) {
    unknown.push(n % 2 ? await rawConnect(t, server.url) : await rawUpgraded(t, server.url));
  }
  const served = await isServed(t, server);
  const isLate = Date.now() - begun > UNKNOWN_MS - 500;
  if (isLate) unknown.forEach((raw) => raw.destroy());
  return { unknown, served: isLate ? undefined : served };
}

test('security/at-most-64-unknown-connections', { ...OURS, timeoutMs: 30000 }, async (t) => {
  const server = await startServer(t);
  const known = await ready(t, server);
  let tried;
  do tried = await tryOneMore(t, server); while (tried.served === undefined);
  const { unknown } = tried;
  assert.equal(tried.served, false, 'a 65th was served');
  // A client that is known does not count and is not disturbed.
  await startProcess(t, known, { argv: ['/bin/true'] });
  unknown.slice(0, 8).forEach((raw) => raw.destroy());
  await mustBecome(() => isServed(t, server), 10000, 'one is served after some have gone');
});

test('security/known-connections-do-not-count', { ...OURS, timeoutMs: 30000 }, async (t) => {
  const server = await startServer(t);
  const peers = [];
  for (let n = 0; n < UNKNOWN_LIMIT + 6; n++) peers.push(await ready(t, server));
  await Promise.all(peers.map((peer) =>
    peer.request('process/terminate', { processId: 'nobody' })));
});

test('security/message-before-initialize-is-at-most-64-kib', OURS, async (t) => {
  const server = await startServer(t);
  const raw = await rawUpgraded(t, server.url);
  const long = HELLO.replace('raw', 'r'.repeat(65 * 1024));
  raw.write(frame(OP.TEXT, long));
  assert.equal((await raw.waitEnd()).code, 1009);
  const fits = await rawUpgraded(t, server.url);
  fits.write(frame(OP.TEXT, HELLO.replace('raw', 'r'.repeat(60 * 1024))));
  assert.equal((await fits.nextMessage()).id, 1);
  fits.write(frame(OP.TEXT, `{"id":2,"method":"no/such","params":"${'p'.repeat(200000)}"}`));
  assert.equal((await fits.nextMessage()).id, 2);
});

// Connections that never come to the end of initialize, each in its own way, are dropped after 10 s
// and not much before.
test('security/slow-clients-are-dropped-after-10-s',
  { ...OURS, timeoutMs: 40000, background: true }, async (t) => {
    const server = await startServer(t);
    const begun = Date.now();
    const silent = await rawConnect(t, server.url);
    const half = await rawConnect(t, server.url);
    half.write('GET / HTTP/1.1\r\nHost: 127.0');
    const upgraded = await rawUpgraded(t, server.url);
    const halfFrame = await rawUpgraded(t, server.url);
    halfFrame.write(frame(OP.TEXT, HELLO).subarray(0, 20));
    const pinging = await rawUpgraded(t, server.url);
    const trickling = await rawConnect(t, server.url);
    const head = upgradeHead('dGhlIHNhbXBsZSBub25jZQ==', { headers: { 'X-F': 'f'.repeat(900) } });
    let at = 0;
    const timer = setInterval(() => {
      pinging.write(frame(OP.PING, 'still here'));
      trickling.write(head.slice(at, at + 5));
      at += 5;
    }, 250);
    t.defer(() => clearInterval(timer));
    for (const raw of [silent, half, upgraded, halfFrame, pinging, trickling]) {
      await raw.waitEnded(20000);
      assert.ok(Date.now() - begun > 8000, 'dropped too early');
    }
  });
