'use strict';
// The public Codex CLI completes shell turns. What counts is what the model was told. Every test
// here passes against `codex exec-server` too, which proves the test; where execport differs on
// purpose (the exit code of a child that a signal ended) the test says so.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startProxy } = require('../lib/cut_proxy');
const { call } = require('../lib/mock_model');
const { runTurn, parseOutput } = require('../lib/codex_cli');
const { assertCounted, exec, write, only, pollUntil,
  pollToEnd } = require('../lib/codex_script');

const BOTH = { on: ['execport', 'codex'], timeoutMs: 90000 };
const MIB = 1048576;

test('codex/simple-command', BOTH, async (t) => {
  const server = await startServer(t);
  async function* script() {
    const out = only(yield [exec('c1', 'echo out-$((6*7)); echo err-$((7*7)) >&2; exit 3')], 'c1');
    assert.equal(out.exitCode, 3);
    assert.deepEqual(out.text.trim().split('\n').sort(), ['err-49', 'out-42']);
  }
  const model = await runTurn(t, { url: server.url }, script());
  assert.equal(model.requests.length, 2);
});

test('codex/command-runs-in-the-turns-directory', BOTH, async (t) => {
  const server = await startServer(t);
  async function* script() {
    const out = only(yield [exec('c1', 'pwd -P > here; cat here')], 'c1');
    assert.equal(out.exitCode, 0);
    assert.equal(fs.readFileSync(path.join(out.text.trim(), 'here'), 'utf8'), out.text);
  }
  await runTurn(t, { url: server.url }, script());
});

test('codex/unknown-program-is-told', BOTH, async (t) => {
  const server = await startServer(t);
  async function* script() {
    const out = only(yield [exec('c1', 'no-such-program-here')], 'c1');
    assert.equal(out.exitCode, 127);
    assert.match(out.text, /no-such-program-here: command not found/);
  }
  await runTurn(t, { url: server.url }, script());
});

test('codex/tty-session-with-write-stdin', BOTH, async (t) => {
  const server = await startServer(t);
  const cmd = 'stty size; echo ready; read a; echo "got:$a"; read b; echo "got2:$b"; exit 5';
  async function* script() {
    const begun = only(yield [exec('c1', cmd, { tty: true, yield_time_ms: 1000 })], 'c1');
    assert.equal(begun.exitCode, null);
    assert.ok(begun.sessionId > 0, begun.head);
    yield* pollUntil(begun, '24 80\r\nready\r\n');
    const first = only(yield [call('c2', 'write_stdin', { session_id: begun.sessionId,
      chars: 'hello\n', yield_time_ms: 1000 })], 'c2');
    assert.equal(first.sessionId, begun.sessionId);
    yield* pollUntil(first, 'hello\r\ngot:hello\r\n');
    const last = yield* pollToEnd(only(yield [write('c3', begun.sessionId, 'bye\n')], 'c3'));
    assert.equal(last.text, 'bye\r\ngot2:bye\r\n');
    assert.equal(last.exitCode, 5);
    assert.equal(last.sessionId, null);
  }
  await runTurn(t, { url: server.url }, script());
});

test('codex/ctrl-c-ends-a-tty-session', BOTH, async (t) => {
  const server = await startServer(t);
  const cmd = 'echo ready; exec sleep 1000';
  async function* script() {
    const begun = only(yield [exec('c1', cmd, { tty: true, yield_time_ms: 1000 })], 'c1');
    yield* pollUntil(begun, 'ready\r\n');
    const out = yield* pollToEnd(only(yield [write('c2', begun.sessionId, '\u0003')], 'c2'));
    assert.equal(out.text, '^C');
    // SIGINT is 2. The peer answers 1 for a signal on a terminal.
    assert.equal(out.exitCode, t.isExecport ? 130 : 1);
  }
  await runTurn(t, { url: server.url }, script());
});

test('codex/ctrl-c-is-seen-by-a-shell-trap', BOTH, async (t) => {
  const server = await startServer(t);
  const cmd = 'trap "echo caught; exit 9" INT; echo ready; read x';
  async function* script() {
    const begun = only(yield [exec('c1', cmd, { tty: true, yield_time_ms: 1000 })], 'c1');
    yield* pollUntil(begun, 'ready\r\n');
    const out = yield* pollToEnd(only(yield [write('c2', begun.sessionId, '\u0003')], 'c2'));
    assert.equal(out.text, '^Ccaught\r\n');
    assert.equal(out.exitCode, 9);
  }
  await runTurn(t, { url: server.url }, script());
});

// The model sees the head and the tail, and an exact count of what lies between: the client keeps
// 1 MiB, so a lost or doubled byte anywhere changes the count.
test('codex/five-megabytes-of-output', BOTH, async (t) => {
  const server = await startServer(t);
  const last = 760000;
  let total = 0;
  for (let n = 1; n <= last; n++) total += String(n).length + 1;
  assert.ok(total > 5 * MIB * 0.99);
  async function* script() {
    const out = yield* pollToEnd(
      only(yield [exec('c1', `seq 1 ${last}`, { yield_time_ms: 30000 })], 'c1'));
    assert.equal(out.exitCode, 0);
    assertCounted(out, total);
    const omitted = `... ${total - MIB} bytes omitted ...`;
    assert.ok(out.windows > 1 || out.text.includes(omitted), out.text.slice(0, 200));
    assert.match(out.text, /\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n/);
    assert.ok(out.text.endsWith(`\n${last - 2}\n${last - 1}\n${last}\n`), out.text.slice(-100));
  }
  await runTurn(t, { url: server.url }, script());
});

// A chunk a line, faster than the client takes them: with more than 256 of them on the way it falls
// behind itself and reads again what it has acknowledged. From the peer it loses some of that.
test('codex/three-megabytes-of-lines', { timeoutMs: 90000 }, async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server.url);
  const cmd = "for ((n = 1; n <= 40000; n++)); do printf '%079d\\n' $n; done";
  async function* script() {
    const out = yield* pollToEnd(only(yield [exec('c1', cmd)], 'c1'));
    assert.equal(out.exitCode, 0);
    assertCounted(out, 3200000);
  }
  await runTurn(t, { url: proxy.url }, script());
  assert.deepEqual(proxy.sent('process/read'), [], 'the client fell behind');
});

function digestOfNumbers(last) {
  const hash = crypto.createHash('sha256');
  for (let n = 1; n <= last; n++) hash.update(`${n}\n`);
  return hash.digest('hex');
}

// Each command waits until all ten run, so they must run at the same time; each then ends with a
// code of its own.
test('codex/ten-parallel-commands', BOTH, async (t) => {
  const server = await startServer(t);
  const meeting = t.dir();
  const names = Array.from({ length: 10 }, (unused, index) => `c${index}`);
  const command = (name, index) => exec(name, `touch ${meeting}/${name}; ` +
    `until [ "$(ls ${meeting} | wc -l)" -eq 10 ]; do sleep 0.02; done; ` +
    `echo met-${name}; exit ${index}`);
  async function* script() {
    const outputs = (yield names.map(command)).map(parseOutput);
    assert.deepEqual(outputs.map((out) => out.callId), names);
    assert.deepEqual(outputs.map((out) => out.text), names.map((name) => `met-${name}\n`));
    assert.deepEqual(outputs.map((out) => out.exitCode), names.map((name, index) => index));
  }
  await runTurn(t, { url: server.url }, script());
});

// Twenty CLIs use one server at once: each of their commands waits until all of them run. Under a
// sanitizer and against the peer six: the clients' own start is what takes the time.
test('codex/many-at-once', BOTH, async (t) => {
  const count = t.isExecport && t.settings.slow === 1 ? 20 : 6;
  const server = await startServer(t);
  const meeting = t.dir();
  async function* script(name) {
    const out = yield* pollToEnd(only(yield [exec('c1', `touch ${meeting}/${name}; ` +
      `until [ "$(ls ${meeting} | wc -l)" -eq ${count} ]; do sleep 0.05; done; ` +
      `seq 1 20000 | sha256sum; exit ${name}`, { yield_time_ms: 30000 })], 'c1'));
    assert.equal(out.exitCode, name);
    assert.equal(out.text, `${digestOfNumbers(20000)}  -\n`);
  }
  const names = Array.from({ length: count }, (unused, n) => n);
  await Promise.all(names.map((name) => runTurn(t, { url: server.url }, script(name))));
});
