'use strict';
// Ways out of a sandbox, each tried for real: the kernel's settings, other processes' views of the
// file system, paths that are exchanged while the sandbox is made.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test } = require('../lib/harness');
const { sh } = require('../lib/sessions');
const { uri, b64 } = require('../lib/files');
const { at, READ_ONLY, WORKSPACE_WRITE, sandbox, openSandboxes, startConfined,
  runConfined } = require('../lib/sandboxes');

function waysTest(name, fn) {
  test(`sandbox_ways/${name}`, { on: ['execport'], timeoutMs: 30000 }, fn);
}

// Root outside is nobody's root inside, but owns what is in /proc: each setting is written back as
// it is.
waysTest('settings-of-the-kernel-stay', async (t) => {
  const place = await openSandboxes(t);
  const { text } = await runConfined(place, `
    for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness; do
      v=$(cat $f) && echo read && ( echo "$v" > $f ) 2>/dev/null && echo wrote $f
    done
    find /proc -maxdepth 1 -type f -perm /222 | while read -r f; do
      ( : >> $f ) 2>/dev/null && echo wrote $f
    done
    echo x > /proc/self/comm && echo own`);
  assert.equal(text, 'read\nread\nown\n');
});

// The same through a process table of its own, in a namespace that it makes.
waysTest('settings-of-the-kernel-stay-in-another-process-table', async (t) => {
  if (os.arch() !== 'x64') t.skip('numbers of system calls are those of x86-64');
  const place = await openSandboxes(t);
  fs.writeFileSync(path.join(place.workspace, 'script'), `my $type = "proc"; my $none = "";
    my $to = "${place.workspace}/sub"; mkdir $to; syscall(272, 0x30020000) == 0 or die "$!";
    if (my $pid = fork) { waitpid($pid, 0); exit; }
    print "mounted\n" if syscall(165, $type, $to, $type, 0, 0) == 0;
    for ("$to/sys/vm/swappiness", "/proc/sys/vm/swappiness") {
      my $value; open(my $from, "<", $_) and $value = <$from>;
      open(my $file, "+<", $_) and syswrite($file, $value) and print "wrote $_\n";
    }
    print "end\n";`);
  const { text, errors } = await runConfined(place, '/usr/bin/perl script');
  assert.match(text, /end/, errors);
  assert.doesNotMatch(text, /wrote/);
});

// A program in a sandbox may mount what it likes in a namespace of its own; requests about files
// must not go by its view. Numbers of system calls: those of x86-64.
waysTest('files-do-not-go-by-the-view-of-a-process', async (t) => {
  if (os.arch() !== 'x64') t.skip('numbers of system calls are those of x86-64');
  const place = await openSandboxes(t);
  const { peer, workspace } = place;
  const victim = t.dir('/var/tmp');
  fs.writeFileSync(path.join(victim, 'file'), 'untouched');
  fs.writeFileSync(path.join(workspace, 'script'), `$| = 1; my $from = "${victim}"; my $none = "";
    my $to = "${workspace}/sub"; mkdir $to; syscall(272, 0x10020000) == 0 or die "unshare: $!";
    syscall(165, $from, $to, $none, 4096, 0) == 0 or die "mount: $!";
    open(my $file, ">", "mounted"); print "ready\\n"; sleep 1000;`);
  const view = await startConfined(place, ['/usr/bin/perl', 'script']);
  await view.waitText('ready');
  const found = execFileSync('pgrep', ['-x', 'perl'], { encoding: 'utf8' }).trim().split('\n')
    .filter((pid) => fs.existsSync(`/proc/${pid}/root${workspace}/sub/file`));
  assert.equal(found.length, 1);
  fs.symlinkSync(`/proc/${found[0]}/root${workspace}/sub`, path.join(workspace, 'link'));
  for (const file of [`/proc/${found[0]}/root${workspace}/sub/file`, `${workspace}/link/file`]) {
    await peer.refused('fs/writeFile', { path: uri(file), dataBase64: b64('changed'),
      sandbox: sandbox(WORKSPACE_WRITE, workspace) }, -32600, /one of a process in \/proc/);
  }
  assert.equal(fs.readFileSync(path.join(victim, 'file'), 'utf8'), 'untouched');
  await view.terminate();
  await view.waitClosed();
});

// What the server's own process holds is no file of the system.
waysTest('files-of-processes-are-not-read', async (t) => {
  const place = await openSandboxes(t);
  const { peer, workspace } = place;
  fs.symlinkSync(`/proc/${place.server.pid}/environ`, path.join(workspace, 'link'));
  for (const file of ['/proc/self/environ', '/proc/thread-self/maps', `${workspace}/link`,
    `/proc/${place.server.pid}/mem`]) {
    await peer.refused('fs/readFile', { path: uri(file), sandbox: sandbox(READ_ONLY, workspace) },
      -32004, 'No such file or directory (os error 2)');
  }
  await peer.request('fs/readFile', { path: 'file:///proc/cpuinfo',
    sandbox: sandbox(READ_ONLY, workspace) });
});

// Keys of the server's login session belong to no file, so nothing of what is granted says a word
// about them: get the keyring, add a key, ask for one.
waysTest('keys-of-the-session-are-not-there', async (t) => {
  if (os.arch() !== 'x64') t.skip('numbers of system calls are those of x86-64');
  const place = await openSandboxes(t);
  fs.writeFileSync(path.join(place.workspace, 'script'), `my ($type, $name) = ("user", "execport");
    print syscall(250, 0, -3, 0), " ", syscall(248, $type, $name, $name, 8, -3), " ",
      syscall(249, $type, $name, 0, 0), " ", $! + 0, "\n";`);
  const { text } = await runConfined(place, '/usr/bin/perl script');
  assert.equal(text, '-1 -1 -1 1\n');
});

// It was there when the server tried it.
waysTest('bubblewrap-that-went-away', async (t) => {
  const bwrap = path.join(t.dir('/var/tmp'), 'bwrap');
  fs.symlinkSync('/usr/bin/bwrap', bwrap);
  const place = await openSandboxes(t, { args: ['--bubblewrap', bwrap] });
  fs.unlinkSync(bwrap);
  await place.peer.refused('process/start', { processId: 'x', cwd: 'file:///', tty: false,
    env: t.env(), argv: ['/bin/true'], sandbox: sandbox(WORKSPACE_WRITE, place.workspace) }, -32602,
  `execport cannot enforce the sandbox that was asked for: cannot run ${bwrap}: No such file or ` +
    'directory (os error 2)');
  assert.deepEqual(fs.readdirSync(place.workspace), []);
});

// A socket of the server that cannot be reached needs nothing that hides it.
waysTest('our-own-socket-below-what-is-denied', async (t) => {
  const dir = t.dir('/var/tmp');
  const place = await openSandboxes(t,
    { listen: ['ws://127.0.0.1:0', `unix://${path.join(dir, 'server')}`] });
  const entries = [...WORKSPACE_WRITE, at(dir, 'deny')];
  const { text } = await runConfined(place, `ls ${dir} 2>/dev/null || echo shut`, { entries });
  assert.equal(text, 'shut\n');
});

// bubblewrap follows paths anew; a program that runs in an older sandbox may exchange them until
// then, as this one in front of bubblewrap does.
function exchanger(dir, script) {
  const file = path.join(dir, 'bwrap');
  fs.writeFileSync(file, `#!/bin/sh\nif [ -e ${dir}/armed ]; then\n${script}\nfi\n` +
    'exec /usr/bin/bwrap "$@"\n', { mode: 0o755 });
  return file;
}

for (const [name, script] of [
  ['link-elsewhere', 'mv $W/mid $W/old; mkdir $W/mid; ln -s ../../$S $W/mid/shut'],
  ['link-to-the-same', 'mv $W/mid/shut $W/real; ln -s ../real $W/mid/shut'],
  ['another-directory', 'mv $W/mid $W/old; mkdir -p $W/mid/shut/open'],
]) {
  waysTest(`exchanged-before-the-mount/${name}`, async (t) => {
    const [dir, secret] = [t.dir('/var/tmp'), t.dir('/var/tmp')];
    const workspace = t.dir('/var/tmp');
    const bwrap = exchanger(dir, `W=${workspace}; S=${path.basename(secret)}; ${script}`);
    const place = { ...await openSandboxes(t, { args: ['--bubblewrap', bwrap] }), workspace };
    fs.mkdirSync(path.join(workspace, 'mid', 'shut', 'open'), { recursive: true });
    fs.mkdirSync(path.join(secret, 'open'));
    const entries = [...WORKSPACE_WRITE, at(path.join(workspace, 'mid', 'shut'), 'read'),
      at(path.join(workspace, 'mid', 'shut', 'open'), 'write')];
    const start = { processId: 'x', cwd: uri(workspace), tty: false, env: t.env(),
      argv: sh(`echo x > ${secret}/open/file`), sandbox: sandbox(entries, workspace) };
    assert.equal((await runConfined(place, 'echo fine', { entries })).text, 'fine\n');
    fs.writeFileSync(path.join(dir, 'armed'), '');
    await place.peer.refused('process/start', start, -32602, /exchanged/);
    assert.deepEqual(fs.readdirSync(path.join(secret, 'open')), []);
  });
}
