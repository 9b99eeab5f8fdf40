'use strict';
// The Codex CLI over cuts: connections that are reset while output comes, while nothing happens,
// around a write and around a start, and a server that is gone when the client comes back. Between
// them stands a proxy. Nothing may be lost or done twice, and what cannot be saved must be told.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startProxy } = require('../lib/cut_proxy');
const { runTurn } = require('../lib/codex_cli');
const { assertCounted, exec, write, only, pollUntil,
  pollToEnd } = require('../lib/codex_script');
const { killOwn, mustBecome, servingPid } = require('../lib/proc');

const MIB = 1048576;

// fn(t, server, proxy) gives the script of the turn.
function cutTest(name, fn, mostlyWaits = false) {
  const options = { on: ['execport', 'codex'], timeoutMs: 90000, background: mostlyWaits };
  test(`codex-cut/${name}`, options, async (t) => {
    const server = await startServer(t);
    const proxy = await startProxy(t, server.url);
    await runTurn(t, { url: proxy.url }, fn(t, server, proxy));
    assert.ok(proxy.cuts > 0, 'nothing was cut');
  });
}

// Cuts for `ms` when the message comes to the proxy that `isIt` accepts; the message goes no
// further.
function cutAt(proxy, ms, isIt) {
  let isDone = false;
  proxy.onMessage = (entry) => {
    if (isDone || !isIt(entry)) return true;
    isDone = true;
    proxy.cut(ms);
    return false;
  };
}

function isOutput({ msg }, seq) {
  return msg.method === 'process/output' && msg.params.seq === seq;
}

// A file that a program looks for: it is made when the connection has been cut so often.
function gateAfterCuts(t, proxy, cuts) {
  const gate = path.join(t.dir(), 'gate');
  const cut = proxy.cut.bind(proxy);
  proxy.cut = (ms) => {
    cut(ms);
    if (proxy.cuts === cuts) fs.writeFileSync(gate, '');
  };
  return gate;
}

// Output that comes slowly enough to be many chunks, however long the server lacks a processor;
// behind the last of the cuts it comes at once, and its end.
function slowLines(t, proxy, cuts) {
  const count = 800;
  const gate = gateAfterCuts(t, proxy, cuts);
  return { cmd: `for n in $(seq 1 ${count}); do echo line-$n; ` +
      `[ -e ${gate} ] || sleep 0.04; done; exit 3`,
  text: Array.from({ length: count }, (unused, n) => `line-${n + 1}\n`).join('') };
}

for (const seconds of [1, 5]) {
  cutTest(`output-goes-on-after-${seconds}-s`, async function* script(t, server, proxy) {
    const lines = slowLines(t, proxy, 1);
    proxy.waitsForKnock = true;
    cutAt(proxy, 1000 * seconds, (entry) => isOutput(entry, 5));
    const out = yield* pollToEnd(only(yield [exec('c1', lines.cmd)], 'c1'));
    assert.equal(out.text, lines.text);
    assert.equal(out.exitCode, 3);
    assert.ok(proxy.refused > 0, 'nobody knocked during the cut');
    assert.equal(proxy.connections, 2);
  }, seconds > 1);
}

// The client keeps the head and the tail of a flood and counts what lies between: one byte lost or
// doubled changes the count. The peer keeps 1 MiB for a client that is away and lets the rest go,
// so it gets no more to say.
for (const seconds of [1, 5]) {
  cutTest(`flood-goes-on-after-${seconds}-s`, async function* script(t, server, proxy) {
    const last = t.isExecport ? 760000 : 100000;
    let total = 0;
    for (let n = 1; n <= last; n++) total += String(n).length + 1;
    proxy.onMessage = () => {
      if (proxy.cuts === 0 && proxy.bytesOut > total / 3) proxy.cut(1000 * seconds);
      return true;
    };
    const out = yield* pollToEnd(only(yield [exec('c1', `seq 1 ${last}`)], 'c1'));
    assert.equal(out.exitCode, 0);
    assertCounted(out, total);
    const wanted = total > MIB ? `... ${total - MIB} bytes omitted ...` : '\n99\n100\n101\n';
    assert.ok(out.windows > 1 || out.text.includes(wanted), out.text.slice(0, 200));
    assert.ok(out.text.endsWith(`\n${last - 2}\n${last - 1}\n${last}\n`), out.text.slice(-100));
  }, seconds > 1);
}

cutTest('many-cuts-in-one-command', async function* script(t, server, proxy) {
  const lines = slowLines(t, proxy, 6);
  let before = 0; // output of the connection that lives
  proxy.onMessage = ({ msg }) => {
    if (msg.method !== 'process/output' || proxy.cuts === 6 || ++before < 3) return true;
    before = 0;
    proxy.cut(20 + 30 * proxy.cuts);
    return false;
  };
  const out = yield* pollToEnd(only(yield [exec('c1', lines.cmd)], 'c1'));
  assert.equal(out.text, lines.text);
  assert.equal(out.exitCode, 3);
  assert.equal(proxy.cuts, 6);
});

// A chunk a line: the first twenty come slowly enough for that. What is read after the cut is much
// JSON for few bytes, and must be one reply that the client takes. `width` is a line's bytes. The
// peer gets so few that they end within the cut: of more it loses some, or the client gives up.
function smallChunks(name, width, count) {
  cutTest(name, async function* script(t, server, proxy) {
    const gate = gateAfterCuts(t, proxy, 1);
    cutAt(proxy, 1000, (entry) => isOutput(entry, 20));
    const cmd = `for ((n = 1; n <= ${count(t)}; n++)); do printf '%0${width - 1}d\\n' $n; ` +
      `[ -e ${gate} ] || sleep 0.02; done`;
    const out = yield* pollToEnd(only(yield [exec('c1', cmd)], 'c1'));
    const total = width * count(t);
    assertCounted(out, total);
    assert.ok(out.text.endsWith(`0${count(t)}\n`), out.text.slice(-100));
    assert.equal(out.exitCode, 0);
  });
}

smallChunks('many-tiny-chunks', 8, (t) => (t.isExecport ? 40000 : 3000));
smallChunks('many-lines', 80, (t) => (t.isExecport ? 40000 : 3000));

cutTest('idle-between-commands', async function* script(t, server, proxy) {
  const first = only(yield [exec('c1', 'echo one > kept; echo done')], 'c1');
  assert.equal(first.text, 'done\n');
  proxy.cut(1000);
  const second = only(yield [exec('c2', 'cat kept; exit 4')], 'c2');
  assert.equal(second.text, 'one\n');
  assert.equal(second.exitCode, 4);
});

// A terminal that waits for input while the connection is away is there afterwards.
cutTest('idle-terminal', async function* script(t, server, proxy) {
  const cmd = 'echo ready; read x; echo "got:$x"; exit 6';
  const begun = only(yield [exec('c1', cmd, { tty: true, yield_time_ms: 300 })], 'c1');
  yield* pollUntil(begun, 'ready\r\n');
  proxy.cut(700);
  const out = yield* pollToEnd(only(yield [write('c2', begun.sessionId, 'hello\n')], 'c2'));
  assert.equal(out.text, 'hello\r\ngot:hello\r\n');
  assert.equal(out.exitCode, 6);
});

// The client has the reply to the write with this id.
function answered(proxy, writeId) {
  return proxy.wait(() => proxy.calls().some(({ method, params, reply }) =>
    method === 'process/write' && params.writeId === writeId && reply), `the reply to ${writeId}`);
}

// The client sends a write again whose reply it did not get, under the same writeId. What the child
// read is in its own log. The first write is cut before it reaches the server, the second when its
// reply comes back.
cutTest('writes-are-written-once', async function* script(t, server, proxy) {
  const cmd = 'echo ready; while read -r x; do echo "$x" >> log; ' +
    '[ "$x" != last ] || break; done; cat log; exit 7';
  const begun = only(yield [exec('c1', `stty -echo; ${cmd}`,
    { tty: true, yield_time_ms: 300 })], 'c1');
  yield* pollUntil(begun, 'ready\r\n');
  cutAt(proxy, 300, ({ msg }) => msg.method === 'process/write');
  const quick = { yield_time_ms: 500 };
  yield [write('c2', begun.sessionId, 'unsent\n', quick)];
  await answered(proxy, '1');
  let id;
  cutAt(proxy, 300, ({ dir, msg }) => {
    if (msg.method === 'process/write') id = msg.id;
    return dir === 's2c' && msg.id !== undefined && msg.id === id;
  });
  yield [write('c3', begun.sessionId, 'unanswered\n', quick)];
  await answered(proxy, '2');
  const out = yield* pollToEnd(only(yield [write('c4', begun.sessionId, 'last\n')], 'c4'));
  assert.equal(out.text, 'unsent\r\nunanswered\r\nlast\r\n');
  assert.equal(out.exitCode, 7);
  assert.equal(proxy.cuts, 2);
  assert.deepEqual(proxy.sent('process/write').map(({ msg }) => msg.params.writeId),
    ['1', '1', '2', '2', '3']);
});

// A start is never sent again: a command whose start was not answered failed, and is told so. It
// may have run, but not twice, and the next one works.
cutTest('an-unanswered-start', async function* script(t, server, proxy) {
  const log = path.join(t.dir(), 'log');
  let id;
  cutAt(proxy, 300, ({ dir, msg }) => {
    if (msg.method === 'process/start') id = msg.id;
    return dir === 's2c' && msg.id !== undefined && msg.id === id;
  });
  const [failed] = yield [exec('c1', `echo ran >> ${log}`)];
  assert.match(failed.output, /exec_command failed/);
  await mustBecome(() => fs.existsSync(log) && fs.statSync(log).size > 0, 10000, 'what it wrote');
  const next = only(yield [exec('c2', `cat ${log}; exit 8`)], 'c2');
  assert.equal(next.text, 'ran\n');
  assert.equal(next.exitCode, 8);
});

// The server dies in the middle of a command, and another takes its place before the client has
// given up: the command failed, which is told in words, and the next one works.
cutTest('another-server-in-its-place', async function* script(t, server, proxy) {
  const next = await startServer(t);
  const begun = only(yield [exec('c1', 'echo one; exec sleep 1000',
    { tty: true, yield_time_ms: 300 })], 'c1');
  yield* pollUntil(begun, 'one\r\n');
  server.expectEnd();
  proxy.cut();
  killOwn(servingPid(server.pid), 'SIGKILL');
  await server.waitExit(10000);
  proxy.target = next.url;
  proxy.heal();
  const [failed] = yield [write('c2', begun.sessionId, 'x\n')];
  assert.match(failed.output, /unknown session id/);
  const out = only(yield [exec('c3', 'echo two; exit 9')], 'c3');
  assert.equal(out.text, 'two\n');
  assert.equal(out.exitCode, 9);
});
