'use strict';
// Listeners and the command line: URLs on standard output in option order, Unix sockets with both
// framings, several listeners at once, and what must not start.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { Lines, spawnServer, startServer, runToEnd } = require('../lib/server');
const { sh, startProcess, startExec } = require('../lib/sessions');
const { connect, connectStdio, connectUnixLines, initialize, ready } = require('../lib/clients');
const { rawConnect } = require('../lib/raw');
const { opened, alive } = require('../lib/ws_case');
const { Witness } = require('../lib/witness');
const { servingPid, mustBecome, mustDie } = require('../lib/proc');

const OURS = { on: ['execport'] };

function listenerTest(name, fn) {
  test(`listeners/${name}`, OURS, fn);
}

async function works(t, peer) {
  const view = await startProcess(t, peer, { argv: ['/bin/echo', 'works'] });
  await view.waitClosed();
  assert.equal(view.text(), 'works\n');
}

listenerTest('the-default-is-a-loopback-websocket', async (t) => {
  const server = await startServer(t, { listen: [], urls: 1 });
  assert.match(server.url, /^ws:\/\/127\.0\.0\.1:[1-9]\d*$/);
  await works(t, await ready(t, server));
});

test('listeners/the-url-is-the-only-line-on-standard-output', { on: ['execport', 'codex'] },
  async (t) => {
    const server = await startServer(t);
    assert.match(server.url, /^ws:\/\/127\.0\.0\.1:[1-9]\d*$/);
    await works(t, await ready(t, server));
    assert.deepEqual(server.stdout.lines, [server.url]);
    assert.equal(server.stdout.rest, '');
  });

listenerTest('urls-come-in-option-order', async (t) => {
  const dir = t.dir();
  const listen = ['ws://127.0.0.1:0', `unix://${dir}/one`, 'ws://127.0.0.1:0', `unix://${dir}/two`];
  const server = await startServer(t, { listen });
  assert.match(server.urls[0], /^ws:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(server.urls[1], listen[1]);
  assert.match(server.urls[2], /^ws:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(server.urls[3], listen[3]);
  assert.notEqual(server.urls[0], server.urls[2]);
  // They are printed when they accept, not before.
  for (const url of [server.urls[0], server.urls[2]]) await works(t, await ready(t, { url }));
  for (const name of ['one', 'two']) {
    await works(t, await initialize(await connectUnixLines(t, `${dir}/${name}`)));
  }
});

listenerTest('with-stdio-urls-go-to-standard-error', async (t) => {
  const dir = t.dir();
  const server = spawnServer(t, { stdio: ['pipe', 'pipe', 'pipe'],
    listen: [`unix://${dir}/sock`, 'stdio://', 'ws://127.0.0.1:0'] });
  const stderr = new Lines(server.child.stderr);
  const urls = () => stderr.lines.filter((line) => /^(ws|unix):\/\/\S+$/.test(line));
  await mustBecome(() => urls().length === 2, 10000, 'the URLs on standard error');
  assert.equal(urls()[0], `unix://${dir}/sock`);
  const peer = connectStdio(t, server);
  await works(t, await initialize(peer));
  await works(t, await ready(t, { url: urls()[1] }));
  await works(t, await initialize(await connectUnixLines(t, `${dir}/sock`)));
  // Another listener is left, so the end of standard input ends only that connection.
  peer.end();
  await peer.waitClosed();
  await works(t, await ready(t, { url: urls()[1] }));
});

listenerTest('several-at-once-keep-their-clients-apart', async (t) => {
  const dir = t.dir();
  const server = await startServer(t, { listen: ['ws://127.0.0.1:0', `unix://${dir}/s`] });
  const peers = [await ready(t, server), await ready(t, server),
    await initialize(await connectUnixLines(t, `${dir}/s`)),
    await initialize(await connectUnixLines(t, `${dir}/s`))];
  const views = await Promise.all(peers.map((peer) =>
    startExec(t, peer, { argv: sh('read x; echo "$x"'), tty: true })));
  assert.deepEqual(views.map((view) => view.id), Array(4).fill('session-1'));
  for (const [index, view] of views.entries()) await view.write(`line-${index}\n`);
  for (const [index, view] of views.entries()) {
    await view.waitText(`line-${index}\r\nline-${index}\r\n`);
  }
});

// On an address of this test's own: nobody else is given its ports.
listenerTest('a-fixed-port', async (t) => {
  const port = 4500;
  const own = Array.from({ length: 3 }, () => crypto.randomInt(1, 255));
  const url = `ws://127.${own.join('.')}:${port}`;
  const first = await startServer(t, { listen: [url] });
  assert.equal(first.url, url);
  const peer = await ready(t, first);
  const second = await runToEnd(t, ['--listen', url]);
  assert.notEqual(second.code, 0);
  assert.equal(second.stdout, '');
  assert.ok(second.stderr.includes(String(port)), second.stderr);
  await works(t, peer);
  // A restart takes the port at once, connections of the old server or not.
  await first.stop();
  await works(t, await ready(t, await startServer(t, { listen: [url] })));
});

async function unixServer(t) {
  const sock = path.join(t.dir(), 'deep', 'sock');
  fs.mkdirSync(path.dirname(sock), { mode: 0o700 });
  return { sock, server: await startServer(t, { listen: [`unix://${sock}`] }) };
}

listenerTest('unix-with-lines', async (t) => {
  const { sock } = await unixServer(t);
  const peer = await initialize(await connectUnixLines(t, sock));
  await works(t, peer);
  peer.transport.writeRaw('\r\n\n{"id":"crlf","method":"process/terminate",');
  peer.transport.writeRaw('"params":{"processId":"x"}}\r\n');
  assert.equal((await peer.response('crlf')).result.running, false);
});

listenerTest('unix-with-websocket', async (t) => {
  const { sock } = await unixServer(t);
  await works(t, await initialize(await connect(t, `ws+unix:${sock}:/`)));
  await alive(await opened(t, { url: sock }));
  const raw = await rawConnect(t, sock);
  await raw.writeBytewise('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal((await raw.readHead()).status, 200);
});

listenerTest('unix-socket-is-for-its-owner', async (t) => {
  const { sock } = await unixServer(t);
  const stat = fs.lstatSync(sock);
  assert.ok(stat.isSocket());
  assert.equal(stat.mode & 0o777, 0o600);
  assert.equal(stat.uid, process.getuid());
  assert.deepEqual(fs.readdirSync(path.dirname(sock)).filter((name) => !name.startsWith('sock')
    && !name.startsWith('.')), [], 'something else was left in the directory');
});

listenerTest('unix-stale-socket-is-replaced', async (t) => {
  const { sock, server } = await unixServer(t);
  server.expectEnd();
  const serving = servingPid(server.pid);
  server.signal('SIGKILL');
  await server.waitExit(10000);
  await mustDie(serving, 10000, 'the server');
  assert.ok(fs.existsSync(sock), 'the stale socket is there');
  await startServer(t, { listen: [`unix://${sock}`] });
  await works(t, await initialize(await connectUnixLines(t, sock)));
});

listenerTest('unix-socket-in-use-is-left-alone', async (t) => {
  const { sock } = await unixServer(t);
  const peer = await initialize(await connectUnixLines(t, sock));
  const second = await runToEnd(t, ['--listen', `unix://${sock}`]);
  assert.notEqual(second.code, 0);
  assert.ok(second.stderr.includes(sock), second.stderr);
  await works(t, peer);
  await works(t, await initialize(await connectUnixLines(t, sock)));
});

listenerTest('unix-does-not-replace-a-file', async (t) => {
  const file = path.join(t.dir(), 'file');
  fs.writeFileSync(file, 'precious');
  const end = await runToEnd(t, ['--listen', `unix://${file}`]);
  assert.notEqual(end.code, 0);
  assert.equal(fs.readFileSync(file, 'utf8'), 'precious');
});

listenerTest('unix-socket-goes-with-its-server', async (t) => {
  const { sock, server } = await unixServer(t);
  await server.stop();
  assert.equal(fs.existsSync(sock), false);
});

listenerTest('unix-disconnect-terminates-the-processes', async (t) => {
  const { sock } = await unixServer(t);
  const peer = await initialize(await connectUnixLines(t, sock));
  const witness = new Witness(t);
  await startExec(t, peer, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  peer.destroy();
  await witness.waitAllGone('the death of the process');
});

const UNSUPPORTED = ['http://127.0.0.1:1', 'wss://127.0.0.1:0', 'nonsense', '', 'stdio:/',
  'WS://127.0.0.1:0'];
const INVALID = ['ws://localhost:0', 'ws://127.0.0.1', 'ws://127.0.0.1:', 'ws://127.0.0.1:65536',
  'ws://:0', 'ws://127.0.0.1:0/path', 'ws://127.0.0.1:-1', 'ws://127.1:0', 'ws://::1:0',
  'ws://127.0.0.1:0x10'];

listenerTest('unsupported-url', async (t) => {
  for (const url of UNSUPPORTED) {
    const end = await runToEnd(t, ['--listen', url]);
    assert.notEqual(end.code, 0);
    assert.equal(end.stdout, '');
    const text = `unsupported --listen URL \`${url}\`; expected \`stdio://\` or \`ws://IP:PORT\``;
    assert.ok(end.stderr.includes(text), end.stderr);
  }
});

listenerTest('invalid-websocket-url', async (t) => {
  for (const url of INVALID) {
    const end = await runToEnd(t, ['--listen', url]);
    assert.notEqual(end.code, 0);
    assert.equal(end.stdout, '');
    const text = `invalid websocket --listen URL \`${url}\`; expected \`ws://IP:PORT\``;
    assert.ok(end.stderr.includes(text), end.stderr);
  }
});

listenerTest('unix-url-that-cannot-be', async (t) => {
  for (const url of ['unix://', 'unix://relative', `unix:///${'x'.repeat(200)}`,
    'unix:///no/such/directory/sock']) {
    const end = await runToEnd(t, ['--listen', url]);
    assert.notEqual(end.code, 0, url);
    assert.equal(end.stdout, '');
  }
});

listenerTest('one-bad-listener-starts-none', async (t) => {
  const end = await runToEnd(t, ['--listen', 'ws://127.0.0.1:0', '--listen', 'nonsense']);
  assert.notEqual(end.code, 0);
  assert.equal(end.stdout, '');
});

listenerTest('help-and-version', async (t) => {
  const help = await runToEnd(t, ['--help']);
  assert.equal(help.code, 0);
  for (const option of ['--listen', '--ws-token-file', '--ws-token-sha256', '--allow-host',
    '--allow-any-local-user', '--log-level', '--log-json', '--shutdown-grace', '--max-sessions']) {
    assert.ok(help.stdout.includes(option), option);
  }
  assert.ok(help.stdout.split('\n').every((line) => line.length <= 100));
  const version = await runToEnd(t, ['--version']);
  assert.equal(version.code, 0);
  const wanted = fs.readFileSync(path.join(__dirname, '..', '..', '..', 'VERSION'), 'utf8').trim();
  assert.ok(version.stdout.includes(wanted), version.stdout);
});

listenerTest('wrong-options', async (t) => {
  const wrong = [['--no-such-option'], ['stray'], ['--max-sessions', 'x'], ['--listen'],
    ['--max-sessions', '-1'], ['--shutdown-grace', '5'], ['--ws-token-sha256', 'abc']];
  for (const args of wrong) {
    const end = await runToEnd(t, args);
    assert.equal(end.code, 2, `${args}: ${JSON.stringify(end)}`);
    assert.equal(end.stdout, '');
    assert.notEqual(end.stderr, '');
  }
});

listenerTest('log-lines-in-json', async (t) => {
  const server = await startServer(t, { args: ['--log-json', '--log-level', 'debug'] });
  const peer = await ready(t, server);
  peer.send({ method: 'no/such\n"quoted"' });
  await peer.waitClosed();
  await server.stop();
  const lines = server.stderr.trim().split('\n');
  assert.ok(lines.length > 1, 'nothing was logged');
  lines.forEach((line) => assert.equal(typeof JSON.parse(line), 'object'));
});
