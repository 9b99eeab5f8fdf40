'use strict';
// Programs in a sandbox: what they may, what they must not, and that everything else is as outside.
// What holds for the peer's sandbox too runs against it, which proves the attempts to be right.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { test } = require('../lib/harness');
const { isAlive, killOwn, mustBecome } = require('../lib/proc');
const { sh, startProcess } = require('../lib/sessions');
const { startServer } = require('../lib/server');
const { ready } = require('../lib/clients');
const { Witness } = require('../lib/witness');
const { at, special, READ_ONLY, WORKSPACE_WRITE, sandbox, openSandboxes, startConfined,
  runConfined } = require('../lib/sandboxes');

const BOTH = { on: ['execport', 'codex'] };
const OURS = {};
const REFUSAL = /^execport cannot enforce the sandbox that was asked for: ./;

function sandboxTest(name, options, fn) {
  test(`sandbox/${name}`, options, async (t) => fn(await openSandboxes(t)));
}

// A file outside of everything that may be written, with its text.
function outside({ t }) {
  const file = path.join(t.dir('/var/tmp'), 'outside');
  fs.writeFileSync(file, 'untouched');
  return file;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Each attempt is a line of shell that must fail; what it tries to reach must stay as it is.
async function allFail(place, attempts, more) {
  const script = attempts.map((each, i) => `( ${each} ) 2>/dev/null && echo did-${i}`);
  const { text } = await runConfined(place, `${script.join('\n')}\necho end`, more);
  assert.equal(text, 'end\n', attempts.filter((each, i) => text.includes(`did-${i}\n`)).join('; '));
}

// ---- Files ----

sandboxTest('read-only-writes-nowhere', BOTH, async (place) => {
  const file = outside(place);
  fs.writeFileSync(path.join(place.workspace, 'mine'), 'mine');
  await allFail(place, ['echo x > mine', 'echo x > new', 'rm mine', 'mv mine other', 'mkdir d',
    'echo x > /tmp/execport-sandbox-test', `echo x > ${file}`, 'chmod 777 mine', 'ln mine link'],
  { entries: READ_ONLY });
  const read = await runConfined(place, `cat mine ${file}`, { entries: READ_ONLY });
  assert.equal(read.text, 'mineuntouched');
  assert.deepEqual(fs.readdirSync(place.workspace), ['mine']);
});

sandboxTest('workspace-write-writes-in-the-workspace-and-in-tmp', BOTH, async (place) => {
  const { t, workspace } = place;
  const tmp = t.dir('/tmp');
  const result = await runConfined(place,
    `mkdir d && echo one > d/a && mv d/a b && ln b c && echo two > ${tmp}/x && cat b ${tmp}/x`);
  assert.deepEqual(result, { code: 0, text: 'one\ntwo\n', errors: '' });
  assert.equal(fs.readFileSync(path.join(tmp, 'x'), 'utf8'), 'two\n');
  assert.deepEqual(fs.readdirSync(workspace).sort(), ['b', 'c', 'd']);
});

sandboxTest('no-way-leads-out', BOTH, async (place) => {
  const file = outside(place);
  fs.symlinkSync(file, path.join(place.workspace, 'link'));
  fs.symlinkSync(path.dirname(file), path.join(place.workspace, 'folder'));
  await allFail(place, [`echo x > ${file}`, 'echo x > link', 'echo x > folder/outside',
    'echo x > folder/new', `echo x > /proc/self/root${file}`, `echo x > /proc/1/root${file}`,
    `echo x > /proc/self/cwd/../../..${file}`, `ln ${file} hard && echo x > hard`,
    `rm ${file}`, `mv ${file} here`, `chmod 777 ${file}`, `touch ${file}`, `cp -p link link2 && \
      echo x > ${file}`, 'mount -t tmpfs none .', `mount -o remount,rw /`,
    `mount --bind ${path.dirname(file)} . && echo x > outside`, 'umount .', 'mknod b b 8 0',
    `unshare -Urm sh -c "mount -o remount,rw,bind / && echo x > ${file}"`,
    `unshare -Urm sh -c "umount -l / ; echo x > ${file}"`, 'chroot / true']);
  assert.equal(fs.readFileSync(file, 'utf8'), 'untouched');
});

sandboxTest('metadata-in-the-workspace-stays', BOTH, async (place) => {
  const { workspace } = place;
  fs.mkdirSync(path.join(workspace, '.git', 'hooks'), { recursive: true });
  fs.writeFileSync(path.join(workspace, '.git', 'config'), 'config');
  await allFail(place, ['echo x > .git/config', 'echo x > .git/hooks/pre-commit', 'rm -r .git',
    'mv .git other', 'mkdir .codex/new', 'echo x > .codex', 'mkdir .agents', 'rmdir .codex',
    'mv .codex other', 'ln -s other .aws', 'chmod 700 .git/config']);
  assert.equal((await runConfined(place, 'cat .git/config')).text, 'config');
  assert.deepEqual(fs.readdirSync(workspace), ['.git']);
});

sandboxTest('directory-that-a-git-file-names-stays', BOTH, async (place) => {
  const { workspace } = place;
  fs.mkdirSync(path.join(workspace, 'sub', 'real'), { recursive: true });
  fs.writeFileSync(path.join(workspace, '.git'), 'gitdir: sub/real\n');
  await allFail(place, ['echo x > sub/real/config', 'mv sub/real other', 'rm .git',
    'echo x > .git']);
  assert.deepEqual(fs.readdirSync(path.join(workspace, 'sub', 'real')), []);
});

sandboxTest('what-is-made-to-be-hidden-is-shared-and-goes', OURS, async (place) => {
  const { workspace } = place;
  const first = await startConfined(place, ['/bin/cat'], { pipeStdin: true });
  assert.deepEqual(fs.readdirSync(workspace).sort(), ['.agents', '.aws', '.codex', '.git']);
  await runConfined(place, 'true');
  await allFail(place, ['mkdir .git/x', 'rmdir .git']);
  await first.terminate();
  await first.waitClosed();
  assert.deepEqual(fs.readdirSync(workspace), []);
});

sandboxTest('rules-in-rules', BOTH, async (place) => {
  const { workspace } = place;
  fs.mkdirSync(path.join(workspace, 'closed', 'open'), { recursive: true });
  fs.mkdirSync(path.join(workspace, 'fixed', 'free'), { recursive: true });
  ['closed/secret', 'fixed/text', 'key'].forEach((name) => {
    fs.writeFileSync(path.join(workspace, name), name);
  });
  const rule = (name, access) => at(path.join(workspace, name), access);
  const entries = [...WORKSPACE_WRITE, rule('closed', 'deny'), rule('closed/open', 'write'),
    rule('fixed', 'read'), rule('fixed/free', 'write'), rule('key', 'none')];
  await allFail(place, ['cat closed/secret', 'ls closed', 'echo x > closed/new', 'cat key',
    'echo x > key', 'rm key', 'mv key k', 'echo x > fixed/text', 'echo x > fixed/new',
    'mv fixed other', 'rm -r closed'], { entries });
  const { text } = await runConfined(place,
    'echo a > closed/open/a && echo b > fixed/free/b && cat closed/open/a fixed/free/b fixed/text',
    { entries });
  assert.equal(text, 'a\nb\nfixed/text');
});

sandboxTest('roots-of-every-name', BOTH, async (place) => {
  const parent = place.t.dir('/var/tmp');
  const names = ['with space', 'new\nline', 'é%20', "quote'\"\\", '--bind', '-'];
  names.forEach((name) => fs.mkdirSync(path.join(parent, name)));
  fs.mkdirSync(path.join(parent, 'target'));
  fs.symlinkSync('target', path.join(parent, 'link'));
  const roots = [...names, 'link', 'missing'].map((name) => path.join(parent, name));
  const entries = [...WORKSPACE_WRITE, ...roots.map((root) => at(root, 'write'))];
  const script = roots.map((root) => `echo x > ${quoted(root)}/f && echo ok`).join('\n');
  const { text, errors } = await runConfined(place, `${script}; echo x > ${parent}/f; mkdir \
    ${parent}/missing`, { entries });
  assert.equal(text, 'ok\n'.repeat(names.length + 1), errors);
  assert.deepEqual(fs.readdirSync(parent).sort(), [...names, 'link', 'target'].sort());
});

sandboxTest('bytes-that-are-no-text-in-a-root', OURS, async (place) => {
  const parent = place.t.dir('/var/tmp');
  const root = Buffer.concat([Buffer.from(`${parent}/x`), Buffer.from([0xff, 0x0a])]);
  fs.mkdirSync(root);
  const entry = { path: { type: 'path', path: `file://${parent}/x%FF%0A` }, access: 'write' };
  const { code, errors } = await runConfined(place, `cd ${parent}/x* && echo x > f`,
    { entries: [...WORKSPACE_WRITE, entry] });
  assert.equal(code, 0, errors);
  assert.equal(fs.readFileSync(Buffer.concat([root, Buffer.from('/f')]), 'utf8'), 'x\n');
});

sandboxTest('tmpdir-is-that-of-the-program', BOTH, async (place) => {
  const own = place.t.dir('/var/tmp');
  const env = { TMPDIR: own };
  assert.equal((await runConfined(place, 'echo x > $TMPDIR/f', { env })).code, 0);
  await allFail(place, [`echo x > ${own}/g`]);
  const left = fs.readdirSync(own);
  assert.ok(left.includes('f') && !left.includes('g'), left.join());
});

// ---- Other programs, the network ----

const DIE = 'or exit 1';

function perl(script) {
  return `perl -MSocket -e ${quoted(script)}`;
}

async function listen(t, where) {
  const server = net.createServer((socket) => socket.end('reached\n'));
  await new Promise((resolve, reject) => {
    server.on('error', reject).listen(where, resolve);
  });
  t.defer(() => server.close());
  return server;
}

// Not every Node.js can.
async function listenAbstract(t, name) {
  const script = `socket(S,AF_UNIX,SOCK_STREAM,0) && bind(S,pack("Sa*",AF_UNIX,"\\0${name}")) && ` +
    'listen(S,9) or exit 1; $|=1; print "up\n"; while(accept(C,S)){print C "reached\n"; close C}';
  const child = spawn('perl', ['-MSocket', '-e', script], { env: t.env(),
    stdio: ['ignore', 'pipe', 'ignore'] });
  t.defer(() => killOwn(child.pid));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', () => reject(new Error('nobody listens')));
  });
}

// Lines of shell that reach each of the listeners from outside.
async function reachable(t) {
  const tcp = (await listen(t, { port: 0, host: '127.0.0.1' })).address().port;
  const unix = path.join(t.dir(), 'socket');
  await listen(t, unix);
  const abstract = `execport-${path.basename(path.dirname(unix))}`;
  await listenAbstract(t, abstract);
  const connect = (domain, address) => perl(`socket(S,${domain},SOCK_STREAM,0) ${DIE}; ` +
    `connect(S,${address}) ${DIE}; exit(<S> eq "reached\\n" ? 0 : 1)`);
  return [connect('AF_INET', `pack_sockaddr_in(${tcp},inet_aton("127.0.0.1"))`),
    connect('AF_UNIX', `pack_sockaddr_un("${unix}")`),
    connect('AF_UNIX', `pack("Sa*",AF_UNIX,"\\0${abstract}")`)];
}

sandboxTest('no-network', BOTH, async (place) => {
  const ways = await reachable(place.t);
  const outsideView = await startProcess(place.t, place.peer,
    { argv: sh(ways.map((way, i) => `${way} && echo ${i}`).join('\n')) });
  await outsideView.waitClosed();
  assert.equal(outsideView.text(), '0\n1\n2\n', 'the ways are no ways');
  await allFail(place, [...ways, perl(`socket(S,AF_INET,SOCK_DGRAM,17) ${DIE}`),
    perl(`socket(S,10,SOCK_STREAM,0) ${DIE}`), perl(`socket(S,16,SOCK_RAW,0) ${DIE}`),
    perl(`socket(S,AF_UNIX,SOCK_STREAM,0) ${DIE}; bind(S,pack_sockaddr_un("s")) ${DIE}`)]);
});

sandboxTest('no-datagram-leaves', OURS, async (place) => {
  await allFail(place, [perl(`socket(S,AF_UNIX,SOCK_DGRAM,0) ${DIE}`),
    perl(`socketpair(A,B,AF_UNIX,SOCK_DGRAM,0) ${DIE}`),
    perl(`syscall(425,4,"x"x200) >= 0 ${DIE}`)]);
  const pair = perl(`socketpair(A,B,AF_UNIX,SOCK_STREAM,0) ${DIE}; send(A,"x",0) ${DIE}; ` +
    `recv(B,$b,1,0); print $b`);
  assert.equal((await runConfined(place, pair)).text, 'x');
});

sandboxTest('network-where-it-is-granted', BOTH, async (place) => {
  const ways = (await reachable(place.t)).slice(0, 2);
  const script = ways.map((way, i) => `${way} && echo ${i}`).join('\n');
  assert.equal((await runConfined(place, script, { network: 'enabled' })).text, '0\n1\n');
});

// With the network it can reach our port, and could then ask for anything.
sandboxTest('the-server-does-not-serve-it', OURS, async (place) => {
  const port = Number(new URL(place.server.url).port);
  const way = perl(`socket(S,AF_INET,SOCK_STREAM,0) ${DIE}; connect(S,pack_sockaddr_in(${port},` +
    `inet_aton("127.0.0.1"))) ${DIE}; send(S,"GET /readyz HTTP/1.1\\r\\nHost: localhost` +
    '\\r\\n\\r\\n",0); exit(<S> =~ / 200 / ? 0 : 1)');
  const outsider = await startProcess(place.t, place.peer, { argv: sh(way) });
  await outsider.waitClosed();
  assert.equal(outsider.exitCode, 0, 'the way is no way');
  await allFail(place, [way], { network: 'enabled' });
  await ready(place.t, place.server);
});

test('sandbox/our-own-socket-is-hidden', OURS, async (t) => {
  const unix = path.join(t.dir(), 'server');
  const place = await openSandboxes(t, { listen: ['ws://127.0.0.1:0', `unix://${unix}`] });
  const way = perl(`socket(S,AF_UNIX,SOCK_STREAM,0) ${DIE}; connect(S,pack_sockaddr_un("${unix}")) \
    ${DIE}`);
  await allFail(place, [way, `rm ${unix}`, `mv ${unix} ${unix}2`], { network: 'enabled' });
});

sandboxTest('other-programs-are-out-of-reach', BOTH, async (place) => {
  const { t } = place;
  const victim = spawn('/bin/sleep', ['1000'], { env: t.env(), stdio: 'ignore' });
  t.defer(() => killOwn(victim.pid));
  const ids = [victim.pid, place.server.pid];
  await allFail(place, ids.flatMap((pid) => [`kill -0 ${pid}`, `kill -9 ${pid}`,
    `cat /proc/${pid}/environ | grep -q .`, perl(`syscall(101,16,${pid},0,0) == 0 ${DIE}`)]));
  const { text } = await runConfined(place, 'ps ax -o args | grep -c "[s]leep 1000"');
  assert.equal(text, '0\n');
  assert.ok(isAlive(victim.pid));
});

sandboxTest('no-privileges', BOTH, async (place) => {
  const { text } = await runConfined(place,
    'grep -E "^(NoNewPrivs|CapEff|CapBnd|CapPrm)" /proc/self/status | tr -s "\\t\\n" "  "');
  assert.equal(text.trim(), 'CapPrm: 0000000000000000 CapEff: 0000000000000000 ' +
    'CapBnd: 0000000000000000 NoNewPrivs: 1');
});

sandboxTest('no-descriptor-leaks-in', BOTH, async (place) => {
  const { text } = await runConfined(place, 'ls /proc/$$/fd; for p in /proc/[0-9]*; do ls -l \
    $p/fd 2>/dev/null | grep -e " -> " | grep -vE "pipe:|/dev/null|/proc/|eventfd"; done; true');
  assert.match(text.replaceAll('\n', ' '), /^0 1 (10 )?2 $/);
});

// The first process inside tells the server how the program ended; nobody else may say it for it.
sandboxTest('the-first-process-is-out-of-reach', OURS, async (place) => {
  const { text, code } = await runConfined(place, `cd /proc/1 || echo none
    for f in fd/* environ mem; do (exec 3<>$f) 2>/dev/null && echo $f; done
    for f in environ auxv maps; do cat $f >/dev/null 2>&1 && echo $f; done
    for s in HUP INT TERM USR1 STOP KILL; do kill -$s 1; done
    readlink exe root cwd; echo lives; exit 5`);
  assert.deepEqual([text, code], ['lives\n', 5]);
});

// ---- Everything else is as outside ----

const MODES = [['read-only', READ_ONLY], ['workspace-write', WORKSPACE_WRITE]];

sandboxTest('exit-codes-come-through', BOTH, async (place) => {
  const ends = [['exit 7', 7], ['exit 255', 255], ['kill -TERM $$', 143], ['kill -KILL $$', 137]];
  for (const [i, [script, code]] of ends.entries()) {
    const entries = MODES[i % 2][1];
    assert.equal((await runConfined(place, script, { entries })).code, code, script);
  }
});

// A number above 128 is no signal, and a signal is told as one.
sandboxTest('signals-are-told-from-exit-codes', OURS, async (place) => {
  const ends = [['exit 137', 137, 0], ['kill -KILL $$', 0, 9], ['kill -TERM $$', 0, 15],
    ['kill -SEGV $$', 0, 11], ['exit 255', 255, 0], ['exit 0', 0, 0]];
  for (const [i, [script, code, signal]] of ends.entries()) {
    const view = await startConfined(place, sh(script), { tty: i % 2 === 1 });
    const record = await place.peer.request('process/wait', { processId: view.id });
    assert.deepEqual([record.code, record.signal, record.exitCode, record.endedBy],
      [code, signal, signal > 0 ? 128 + signal : code, 'itself'], script);
  }
});

sandboxTest('environment-and-arguments-come-through', BOTH, async (place) => {
  const env = { LD_LIBRARY_PATH: '/x', ODD: 'a\nb=c "d"', EMPTY: '' };
  const view = await startConfined(place, ['/usr/bin/env', '--', '/bin/sh', '-c',
    'printf "%s|" "$LD_LIBRARY_PATH" "$ODD" "${EMPTY-none}" "$@"', 'sh', 'x y', '', '--args',
    'é\n'], { env });
  await view.waitClosed();
  assert.equal(view.output('stdout').toString(), '/x|a\nb=c "d"||x y||--args|é\n|');
});

// What a client says about loading libraries must not work on what makes the sandbox.
sandboxTest('nothing-is-loaded-outside', OURS, async (place) => {
  const file = path.join(place.workspace, 'audit');
  const { code } = await runConfined(place, 'exit 4',
    { env: { LD_DEBUG: 'files', LD_DEBUG_OUTPUT: file }, entries: READ_ONLY });
  assert.equal(code, 4);
  assert.deepEqual(fs.readdirSync(place.workspace), []);
});

sandboxTest('pipes-carry-both-ways', BOTH, async (place) => {
  const view = await startConfined(place, ['/bin/cat'], { pipeStdin: true });
  await view.write('hello\n', 'w1');
  await view.waitText('hello\n');
  assert.deepEqual(await view.terminate(), { running: true });
  await view.waitClosed();
});

sandboxTest('what-it-leaves-behind-ends-with-it', BOTH, async (place) => {
  const witness = new Witness(place.t);
  const view = await startConfined(place,
    sh(`exec 9> ${witness.path}; setsid sleep 1000 9>&9 & sleep 1000 & echo on >&9; exit 3`));
  await view.waitClosed();
  assert.equal(view.exitCode, 3);
  await witness.waitAllGone('what was in the sandbox');
});

sandboxTest('terminate-ends-everything-inside', BOTH, async (place) => {
  const witness = new Witness(place.t);
  const view = await startConfined(place, sh(`exec 9> ${witness.path}
    trap '' TERM HUP INT; setsid sh -c 'trap "" TERM; sleep 1000' & (setsid sleep 1000 &)
    echo ready; sleep 1000`));
  await view.waitText('ready');
  assert.deepEqual(await view.terminate(), { running: true });
  await view.waitClosed();
  await witness.waitAllGone('what was in the sandbox');
});

// The peer's terminals are no controlling ones inside; its interrupts end the sandbox.
sandboxTest('interrupt-reaches-the-program-alone', OURS, async (place) => {
  const script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done';
  for (const [, entries] of MODES) {
    for (const tty of [false, true]) {
      const stream = tty ? 'pty' : 'stdout';
      const view = await startConfined(place, sh(script), { tty, entries });
      await view.waitText('ready', stream);
      await place.peer.request('process/signal', { processId: view.id, signal: 'interrupt' });
      await view.waitClosed();
      assert.equal(view.exitCode, 9);
      assert.match(view.text(stream), /caught/);
    }
  }
});

sandboxTest('ctrl-c-and-hangup-at-the-terminal', OURS, async (place) => {
  const view = await startConfined(place,
    sh('trap "echo caught; exit 9" INT; echo ready; read a'), { tty: true });
  await view.waitText('ready', 'pty');
  await view.write('\x03');
  await view.waitClosed();
  assert.equal(view.exitCode, 9);
});

sandboxTest('job-control-at-the-terminal', OURS, async (place) => {
  const view = await startConfined(place, ['/bin/bash', '--norc', '-i'],
    { tty: true, env: { PS1: '> ', TERM: 'dumb' } });
  const say = async (text, answer) => {
    await view.write(text);
    await view.waitText(answer, 'pty');
  };
  await view.waitText('> ', 'pty');
  await say('stty noflsh; echo kept\n', /\nkept\r\n/); // ^Z throws away what comes with it
  await say('echo $(ps -o pid= -o pgid= -o sid= -p $$)-end\n', /\n(\d+) \1 \1-end/);
  const job = '$| = 1; $SIG{CONT} = sub { print "back\\n" }; print "go\\n"; sleep while 1';
  await say(`perl -e '${job}'\n`, /\ngo\r\n/);
  await say('\x1a', /Stopped/);
  await say('fg\n', /\nback\r\n/); // it has the terminal
  await say('\x03', /\^C/);
  await say('echo code-$?; echo > /dev/tty; exit 5\n', /\ncode-130\r\n/);
  await view.waitClosed();
  assert.equal(view.exitCode, 5);
});

sandboxTest('graceful-terminate-asks-the-program', OURS, async (place) => {
  const view = await startConfined(place,
    sh('trap "echo asked; exit 4" TERM; echo ready; while :; do sleep 0.1; done'));
  await view.waitText('ready');
  await place.peer.request('process/terminate',
    { processId: view.id, mode: { type: 'graceful', timeoutMs: 600000 } });
  await view.waitClosed();
  assert.equal(view.exitCode, 4);
  assert.equal(view.text(), 'ready\nasked\n');
});

test('sandbox/ends-with-the-server', OURS, async (t) => {
  const place = await openSandboxes(t);
  const witness = new Witness(t);
  const view = await startConfined(place, sh(`exec 9> ${witness.path}; echo ready; sleep 1000`));
  await view.waitText('ready');
  place.server.expectEnd().signal('SIGKILL');
  await mustBecome(() => place.server.hasExited, 5000, 'the end of the server');
  await witness.waitAllGone('what was in the sandbox');
});

// ---- What is refused ----

sandboxTest('a-program-that-cannot-run-is-told-as-outside', OURS, async (place) => {
  const { t, peer, workspace } = place;
  const refused = (more, text) => peer.refused('process/start', { processId: `x-${text.length}`,
    cwd: 'file:///', tty: false, env: t.env(), argv: ['/bin/true'],
    sandbox: sandbox(WORKSPACE_WRITE, workspace), ...more }, -32603, text);
  await refused({ argv: ['/no/such'] }, 'cannot run /no/such: No such file or directory ' +
    '(os error 2)');
  await refused({ argv: ['no-such-program'] }, 'cannot run no-such-program: No such file or ' +
    'directory (os error 2)');
  await refused({ argv: ['/etc/passwd'] }, 'cannot run /etc/passwd: Permission denied ' +
    '(os error 13)');
  await refused({ cwd: 'file:///no/such', tty: true }, 'cannot enter /no/such: No such file or ' +
    'directory (os error 2)');
  assert.deepEqual(fs.readdirSync(workspace), [], 'what was made for the sandbox stayed');
});

sandboxTest('what-cannot-be-enforced-is-refused', OURS, async (place) => {
  const { t, peer, workspace } = place;
  const start = (entries) => ({ processId: 'x', cwd: 'file:///', tty: false, env: t.env(),
    argv: ['/bin/true'], sandbox: sandbox(entries, workspace) });
  fs.symlinkSync('real', path.join(workspace, '.git'));
  const refusals = [
    [WORKSPACE_WRITE, /\.git leads through a symbolic link that the program could replace$/],
    [[special('minimal', 'read')], /unknown value for `entries\.path\.value\.kind`/],
    [[special('project_roots', 'write')], /it does not let the program read everything$/],
    [[...READ_ONLY, at('/dev/shm', 'write')], /has a rule for \/dev\/shm, below \/proc or \/dev$/],
    [[...READ_ONLY, { ...at('/a', 'read'), until: 5 }], /unknown member `entries\.until`$/],
    [[...READ_ONLY, { path: { type: 'path', path: '/a/../b' }, access: 'read' }], /without `/],
  ];
  for (const [entries, text] of refusals) {
    const error = await peer.refused('process/start', start(entries), -32602, REFUSAL);
    assert.match(error.message, text);
  }
});

for (const [name, args, text] of [
  ['switched-off', ['--no-sandbox-exec'], /--no-sandbox-exec$/],
  ['no-bubblewrap', ['--bubblewrap', '/no/such/bwrap'], /there is no bubblewrap \(bwrap\)/],
  ['bubblewrap-that-does-nothing', ['--bubblewrap', '/bin/true'], /before the program began$/],
  ['bubblewrap-that-fails', ['--bubblewrap', '/bin/ls'], /unrecognized option/],
]) {
  test(`sandbox/refused/${name}`, OURS, async (t) => {
    const peer = await ready(t, await startServer(t, { args }));
    const start = { processId: 'x', cwd: 'file:///', tty: false, env: t.env(),
      argv: ['/bin/true'] };
    const error = await peer.refused('process/start',
      { ...start, sandbox: sandbox(READ_ONLY, '/') }, -32602, REFUSAL);
    assert.match(error.message, text);
    const none = { ...start, sandbox: { permissions: { type: 'disabled' } } };
    assert.equal((await peer.request('process/start', none)).sandboxType, 'none');
  });
}

sandboxTest('many-at-once', OURS, async (place) => {
  const ends = Array.from({ length: 24 }, (unused, i) => runConfined(place,
    `echo ${i} > f${i} && cat f${i}`));
  const results = await Promise.all(ends);
  results.forEach((result, i) => assert.deepEqual(result, { code: 0, text: `${i}\n`, errors: '' }));
  assert.equal(fs.readdirSync(place.workspace).length, 24);
});
