'use strict';
// The listener stdio:// and the server's own descriptors: lines, the end of input, pipes, sockets
// and terminals that are never made non-blocking, descriptors that are closed at the start.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test } = require('../lib/harness');
const { spawnServer, startServer } = require('../lib/server');
const { sh, startProcess, startExec } = require('../lib/sessions');
const { adopt, connectStdio, connectUnixLines, initialize, ready } = require('../lib/clients');
const { overStreams } = require('../lib/transport');
const { Witness } = require('../lib/witness');
const { descriptorFlags, mustBecome, taggedPids } = require('../lib/proc');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const O_NONBLOCK = 0o4000;

function stdioServer(t, options) {
  return spawnServer(t, { listen: ['stdio://'], stdio: ['pipe', 'pipe', 'pipe'], ...options });
}

test('stdio/process-dialect', BOTH, async (t) => {
  const peer = await initialize(connectStdio(t, stdioServer(t)));
  const view = await startProcess(t, peer, { argv: ['/bin/cat'], pipeStdin: true });
  await view.write('through lines\n', '1');
  await view.waitText('through lines\n');
});

test('stdio/carriage-returns-and-blank-lines', OURS, async (t) => {
  const peer = connectStdio(t, stdioServer(t));
  const line = '{"id":1,"method":"initialize","params":{"clientName":"x"}}';
  peer.transport.writeRaw(`\n\r\n\n${line}\r\n\r\n`);
  assert.equal(typeof (await peer.response(1)).result.sessionId, 'string');
  assert.deepEqual(peer.log.length, 1);
});

test('stdio/lines-cut-anywhere', BOTH, async (t) => {
  const peer = await initialize(connectStdio(t, stdioServer(t)));
  const text = '{"id":"\u00e9","method":"process/terminate","params":{"processId":"x"}}\n';
  for (const byte of Buffer.from(text)) {
    peer.transport.writeRaw(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await peer.response('\u00e9')).result.running, false);
});

test('stdio/many-lines-in-one-write', BOTH, async (t) => {
  const peer = await initialize(connectStdio(t, stdioServer(t)));
  const lines = Array.from({ length: 500 }, (unused, n) =>
    `{"id":"m${n}","method":"process/terminate","params":{"processId":"x"}}\n`);
  peer.transport.writeRaw(lines.join(''));
  for (let n = 0; n < 500; n++) {
    assert.equal((await peer.response(`m${n}`)).result.running, false);
  }
});

test('stdio/end-of-input-ends-the-server', OURS, async (t) => {
  const server = stdioServer(t);
  const peer = await initialize(connectStdio(t, server));
  const witness = new Witness(t);
  await startExec(t, peer, { argv: sh(`${witness.open}; echo up >&9; sleep 1000`) });
  await witness.allUp(1);
  peer.end();
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
  await witness.waitAllGone('the death of the process');
});

test('stdio/requests-before-the-end-of-input-are-answered', OURS, async (t) => {
  const server = stdioServer(t);
  const peer = connectStdio(t, server);
  peer.transport.writeRaw('{"id":1,"method":"initialize","params":{"clientName":"x"}}\n');
  peer.end();
  assert.equal((await peer.response(1)).id, 1);
  assert.deepEqual(await server.waitExit(15000), { code: 0, signal: null });
});

// A FIFO in three file descriptions: one for the server, which must stay blocking, and one of our
// own. Opened for both directions the server's end neither waits nor sees an end by itself.
function makePipe(t, dir, name, ourFlags) {
  const file = path.join(dir, name);
  execFileSync('mkfifo', [file]);
  const fd = fs.openSync(file, 'r+');
  t.defer(() => fs.closeSync(fd));
  const ours = new net.Socket({ fd: fs.openSync(file, ourFlags | fs.constants.O_NONBLOCK),
    readable: ourFlags === fs.constants.O_RDONLY, writable: ourFlags === fs.constants.O_WRONLY });
  return { fd, ours };
}

// The description is shared with whoever made it, so its flags must stay.
test('stdio/pipes-stay-blocking', OURS, async (t) => {
  const dir = t.dir();
  const input = makePipe(t, dir, 'in', fs.constants.O_WRONLY);
  const output = makePipe(t, dir, 'out', fs.constants.O_RDONLY);
  const server = spawnServer(t, { listen: ['stdio://'], stdio: [input.fd, output.fd, 'pipe'] });
  const peer = await initialize(adopt(t, overStreams(output.ours, input.ours)));
  const view = await startProcess(t, peer, { argv: sh('seq 1 100000') });
  await view.waitClosed();
  const flags = () => [input.fd, output.fd].map((fd) =>
    descriptorFlags(process.pid, fd) & O_NONBLOCK);
  assert.deepEqual(flags(), [0, 0]);
  await server.stop();
  assert.deepEqual(flags(), [0, 0], 'afterwards');
});

test('stdio/sockets-stay-blocking', OURS, async (t) => {
  const server = stdioServer(t);
  const peer = await initialize(connectStdio(t, server));
  const view = await startProcess(t, peer, { argv: sh('seq 1 100000') });
  await view.waitClosed();
  for (const fd of [0, 1, 2]) {
    assert.equal(descriptorFlags(server.pid, fd) & O_NONBLOCK, 0, `descriptor ${fd}`);
  }
});

// A server on a terminal, which another server gives it.
test('stdio/terminals-stay-blocking', OURS, async (t) => {
  const outer = await ready(t, await startServer(t));
  const script = 'stty raw -echo; echo up; exec "$@"';
  const argv = ['/bin/sh', '-c', script, 'sh', t.settings.runner, '--listen', 'stdio://'];
  const view = await startProcess(t, outer, { argv, tty: true });
  await view.waitText('up', 'pty');
  await view.write('{"id":1,"method":"initialize","params":{"clientName":"x"}}\n', '1');
  await view.waitText('"id":1', 'pty');
  const inner = taggedPids(t.tag).filter(({ command }) => command.endsWith('--listen stdio://'));
  assert.ok(inner.length > 0, 'the inner server is there');
  for (const { pid } of inner) {
    for (const fd of [0, 1, 2]) {
      assert.equal(descriptorFlags(pid, fd) & O_NONBLOCK, 0, `descriptor ${fd} of ${pid}`);
    }
  }
  await view.terminate();
  await view.waitClosed();
});

async function startedWithout(t, redirections) {
  const sock = path.join(t.dir(), 'sock');
  const wrap = (line) => ['/bin/sh', '-c', `exec "$@" ${redirections}`, 'sh', ...line];
  spawnServer(t, { listen: [`unix://${sock}`], wrap });
  await mustBecome(() => fs.existsSync(sock), 10000, 'the socket');
  return initialize(await connectUnixLines(t, sock));
}

for (const [name, redirections] of [['stdin', '<&-'], ['stdout', '>&-'], ['stderr', '2>&-'],
  ['all-three', '<&- >&- 2>&-']]) {
  test(`stdio/closed-at-the-start-${name}`, OURS, async (t) => {
    const peer = await startedWithout(t, redirections);
    const witness = new Witness(t);
    const show = 'for n in 0 1 2; do l=$(readlink /proc/$$/fd/$n); echo "$l" >&9; done';
    const script = `${witness.open}; ${show}; cat`;
    const view = await startProcess(t, peer, { argv: sh(script), pipeStdin: true });
    const links = await witness.waitLines(3);
    links.forEach((link) => assert.match(link, /^(pipe|socket):\[\d+\]$/));
    assert.equal(new Set(links).size, 3, 'the child\'s streams are its own');
    await view.write('hello', '1');
    await view.waitText('hello');
  });
}

const SLOW = { ...OURS, timeoutMs: 60000 };

test('stdio/a-client-that-does-not-read-loses-nothing', SLOW, async (t) => {
  const server = stdioServer(t);
  const peer = await initialize(connectStdio(t, server));
  const witness = new Witness(t);
  const flood = await startProcess(t, peer, { argv: sh('seq 1 1500000') });
  server.child.stdout.pause();
  peer.post('process/start', { processId: 'second', cwd: '/', tty: false, env: t.env(),
    argv: sh(`${witness.open}; echo started >&9`) });
  assert.deepEqual(await witness.waitLines(1), ['started']);
  server.child.stdout.resume();
  await flood.waitClosed(40000);
  assert.ok(flood.text().endsWith('\n1499999\n1500000\n'));
  assert.equal(flood.text().split('\n').length, 1500001);
});
