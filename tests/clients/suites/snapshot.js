'use strict';
// process/snapshot: the beginning and the end of each stream, and exactly what is missing between.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh, startProcess } = require('../lib/sessions');
const { ready } = require('../lib/clients');

function snapshotTest(name, args, fn) {
  test(`snapshot/${name}`, { on: ['execport'], timeoutMs: 60000 }, async (t) => {
    const server = await startServer(t, { args });
    await fn(t, await ready(t, server), server);
  });
}

const snapshot = (peer, processId) => peer.request('process/snapshot', { processId });
const decode = (text) => Buffer.from(text, 'base64').toString('latin1');

// Numbered lines of eight bytes: a byte's place tells its value.
function lines(first, count) {
  let text = '';
  for (let n = first; n < first + count; n++) text += `${String(n).padStart(7, '0')}\n`;
  return text;
}
const print = (first, count) => `seq -f %07.0f ${first} ${first + count - 1}`;

snapshotTest('a-running-process', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo out; echo err >&2; sleep 1000') });
  await view.waitText('out');
  await view.waitText('err', 'stderr');
  const shot = await snapshot(peer, view.id);
  assert.deepEqual(Object.keys(shot).sort(), ['exitCode', 'omitted', 'running', 'stderr', 'stdout',
    'terminal', 'truncated']);
  assert.equal(decode(shot.stdout), 'out\n');
  assert.equal(decode(shot.stderr), 'err\n');
  assert.equal(shot.terminal, null);
  assert.equal(shot.truncated, false);
  assert.deepEqual(shot.omitted, {});
  assert.equal(shot.exitCode, null);
  assert.equal(shot.running, true);
});

snapshotTest('a-terminal', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo shown; sleep 1000'), tty: true });
  await view.waitText('shown', 'pty');
  const shot = await snapshot(peer, view.id);
  assert.equal(shot.stdout, null);
  assert.equal(shot.stderr, null);
  assert.equal(decode(shot.terminal), 'shown\r\n');
});

snapshotTest('an-exit-before-the-close', [], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo x; sleep 0.5 & exit 7') });
  assert.equal(await view.waitExit(), 7);
  await view.waitText('x\n'); // it may be read behind the exit
  const shot = await snapshot(peer, view.id);
  assert.equal(shot.exitCode, 7);
  assert.equal(shot.running, false);
  assert.equal(decode(shot.stdout), 'x\n');
});

// Both streams fill one head and one tail: what each lacks is told for itself, to the byte.
snapshotTest('omitted-counts-are-exact', ['--retain', '100001'], async (t, peer) => {
  const script = `${print(0, 20000)}; ${print(5000000, 30000)} >&2; ${print(20000, 3000)}; ` +
    'echo done >&2; sleep 1000';
  const view = await startProcess(t, peer, { argv: sh(script) });
  await view.waitText('done', 'stderr');
  await view.waitText(lines(22999, 1));
  const whole = { stdout: lines(0, 23000), stderr: `${lines(5000000, 30000)}done\n` };
  const shot = await snapshot(peer, view.id);
  assert.equal(shot.truncated, true);
  let kept = 0;
  for (const stream of ['stdout', 'stderr']) {
    const text = decode(shot[stream]);
    kept += text.length;
    const { bytes, at } = shot.omitted[stream];
    assert.equal(text.length + bytes, whole[stream].length, stream);
    assert.equal(text.slice(0, at), whole[stream].slice(0, at), `head of ${stream}`);
    assert.equal(text.slice(at), whole[stream].slice(at + bytes), `tail of ${stream}`);
  }
  assert.equal(kept, 100001);
  assert.equal(shot.omitted.stdout.at, 50000);
});

snapshotTest('nothing-is-retained', ['--retain', '0'], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh('echo gone; sleep 1000') });
  await view.waitText('gone');
  const shot = await snapshot(peer, view.id);
  assert.equal(shot.stdout, '');
  assert.equal(shot.stderr, '');
  assert.deepEqual(shot.omitted, { stdout: { bytes: 5, at: 0 } });
  assert.equal(shot.truncated, true);
});

snapshotTest('a-megabyte-while-it-is-written', ['--retain', '1MiB'], async (t, peer) => {
  const view = await startProcess(t, peer, { argv: sh(`${print(0, 500000)}; sleep 1000`) });
  const whole = lines(0, 500000);
  for (let round = 0; round < 5; round++) {
    const shot = await snapshot(peer, view.id);
    const text = decode(shot.stdout);
    const { bytes, at } = shot.omitted.stdout || { bytes: 0, at: text.length };
    assert.ok(text.length <= 1048576);
    assert.ok(text.slice(0, at) === whole.slice(0, at), 'the head differs');
    assert.ok(text.slice(at) === whole.slice(at + bytes, bytes + text.length), 'the tail differs');
  }
  await view.waitText(lines(499999, 1), 'stdout', 30000);
});

// What a snapshot must be whatever is left out of it: the ends of what was written.
function checkEnds(shot, stream, whole) {
  const text = decode(shot[stream]);
  const { bytes, at } = shot.omitted[stream] || { bytes: 0, at: text.length };
  assert.equal(text.length + bytes, whole.length, stream);
  assert.ok(text.slice(0, at) === whole.slice(0, at), `head of ${stream}`);
  assert.ok(text.slice(at) === whole.slice(at + bytes), `tail of ${stream}`);
  return { size: text.length, head: at };
}

// However much is retained, Codex's client takes the reply, and the counts stay exact.
for (const [name, retain] of [['all', '16MiB'], ['a-part', '4MiB']]) {
  snapshotTest(`a-reply-is-bounded-where-${name}-is-retained`, ['--retain', retain],
    async (t, peer) => {
      const script = `${print(0, 600000)}; echo small >&2; read x; ${print(5000000, 400000)} >&2` +
        '; echo end >&2; sleep 1000';
      const view = await startProcess(t, peer, { argv: sh(script), pipeStdin: true });
      const whole = { stdout: lines(0, 600000), stderr: 'small\n' };
      const snap = async () => {
        const id = peer.post('process/snapshot', { processId: view.id });
        const shot = await peer.result(id);
        const { raw } = peer.log.find(({ msg }) => msg.id === id && !msg.method);
        assert.ok(raw.length < 1800 * 1024, `a reply of ${raw.length} bytes`);
        assert.ok(raw.length > 1700 * 1024, `a reply of only ${raw.length} bytes`);
        return { stdout: checkEnds(shot, 'stdout', whole.stdout),
          stderr: checkEnds(shot, 'stderr', whole.stderr) };
      };
      await view.waitText(whole.stderr, 'stderr', 30000);
      await peer.wait(() => view.output('stdout').length === whole.stdout.length || undefined,
        'stdout', 30000);
      let { stdout, stderr } = await snap();
      assert.equal(stderr.size, 6);
      assert.ok(Math.abs(stdout.head - (stdout.size - stdout.head)) < 100, `${stdout.head}`);
      await view.write('go\n');
      whole.stderr += `${lines(5000000, 400000)}end\n`;
      await peer.wait(() => view.output('stderr').length === whole.stderr.length || undefined,
        'stderr', 30000);
      ({ stdout, stderr } = await snap());
      if (name === 'all') assert.ok(Math.abs(stdout.size - stderr.size) <= 1);
    });
}

snapshotTest('refusals', [], async (t, peer) => {
  await peer.refused('process/snapshot', { processId: 'nobody' }, -32600,
    'unknown process id nobody');
  await peer.refused('process/snapshot', {}, -32602, /processId/);
});
