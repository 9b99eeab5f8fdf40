'use strict';
// Cuts at every place of a connection, thousands of them: floods, writes, starts and long polls are
// under way, and nothing is written twice, nothing lost, every event comes once and in its order.
// EXECPORT_SEED repeats a run, EXECPORT_CUTS says how many cuts; 300 in all, 10,000 with
// EXECPORT_SOAK.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { sh } = require('../lib/sessions');
const { chooseSeed, Random } = require('../lib/random');
const { Resumer, TooLate } = require('../lib/resumer');

const PATTERN_BYTES = 1999993; // a prime above any ring: what is lost does not look like the rest
const CUTS = Number(process.env.EXECPORT_CUTS) || (process.env.EXECPORT_SOAK ? 10000 : 300);
const MS_EACH = 100;

// Bytes without control characters, which a terminal would change.
function makePattern(seed) {
  const bytes = Buffer.alloc(PATTERN_BYTES);
  let state = seed | 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = 33 + (state >>> 25) % 94;
  }
  return bytes;
}

function expectPattern(pattern) {
  return (position, bytes) => {
    for (let at = 0; at < bytes.length;) {
      const from = (position + at) % pattern.length;
      const size = Math.min(bytes.length - at, pattern.length - from);
      if (bytes.compare(pattern, from, from + size, at, at + size) !== 0) {
        assert.fail(`other bytes between ${position + at} and ${position + at + size}`);
      }
      at += size;
    }
  };
}

const nothing = (position, bytes) => assert.fail(`unexpected ${bytes.subarray(0, 80)}`);

// The n-th write to a sink.
function textOf(n) {
  return `${n}:${'abcdefghij'.repeat((n * 7919) % 601)}\n`;
}

// What a sink gives back is what was written to it.
function expectWrites() {
  let rest = Buffer.alloc(0);
  let n = 0;
  return (position, bytes) => {
    for (let at = 0; at < bytes.length;) {
      if (rest.length === 0) rest = Buffer.from(textOf(n++));
      const size = Math.min(rest.length, bytes.length - at);
      assert.ok(bytes.subarray(at, at + size).equals(rest.subarray(0, size)),
        `write ${n - 1} came back wrong at ${position + at}`);
      rest = rest.subarray(size);
      at += size;
    }
  };
}

class Scene {
  constructor(t, name, seed) {
    this.t = t;
    this.dir = t.dir();
    this.random = new Random(seed);
    this.pattern = makePattern(seed);
    this.file = path.join(this.dir, 'pattern');
    this.name = name;
    fs.writeFileSync(this.file, this.pattern);
  }

  params(processId, kind) {
    return { processId, argv: sh(kind.script), cwd: '/', env: this.t.env(), tty: !!kind.tty,
      pipeStdin: !!kind.sink };
  }

  flood(script, extra) {
    const expect = expectPattern(this.pattern);
    return { script: script.replaceAll('FILE', this.file), ...extra,
      expect: { stdout: expect, stderr: expectPattern(this.pattern), pty: expect } };
  }

  sink(log) {
    return { script: `exec tee -a '${log}'`, sink: { textOf, log }, exitCode: 0,
      expect: { stdout: expectWrites(), stderr: nothing, pty: nothing } };
  }

  // Writes some bytes and ends by itself.
  short() {
    const bytes = this.random.below(3) * this.random.logUniform(300000);
    const exitCode = this.random.below(100);
    return this.flood(`head -c ${bytes} FILE; exit ${exitCode}`, { isShort: true, exitCode,
      onClosed: (tracker) => assert.equal(tracker.bytes.stdout, bytes, `bytes of ${tracker.id}`) });
  }

  fill(client) {
    client.makeShort = () => this.short();
    client.start = (id, kind) => this.params(id, kind);
    client.addProcess('flood', this.flood('while :; do cat FILE; done'));
    client.addProcess('both', this.flood(
      '(while :; do cat FILE >&2; done) & while :; do dd if=FILE bs=777 status=none; done'));
    client.addProcess('terminal', this.flood('stty raw -echo; while :; do cat FILE; done',
      { tty: true }));
    for (const name of ['sink-a', 'sink-b']) {
      client.addProcess(name, this.sink(path.join(this.dir, `${name}.log`)));
    }
  }

  // What the children wrote down, and what the server counted.
  check(client, records) {
    for (const { id, record } of records) {
      const { kind, tracker, nextWrite } = client.processes.get(id);
      for (const stream of ['stdout', 'stderr', 'pty']) {
        assert.equal(tracker.bytes[stream], record.bytesOut[stream] || 0, `${stream} of ${id}`);
      }
      if (!kind.sink) continue;
      const wanted = crypto.createHash('md5');
      for (let n = 0; n < nextWrite; n++) wanted.update(textOf(n));
      const got = crypto.createHash('md5').update(fs.readFileSync(kind.sink.log));
      assert.equal(got.digest('hex'), wanted.digest('hex'), `the log of ${id}`);
    }
  }
}

function planOf(random) {
  return { afterBytes: random.chance(0.85) ? random.logUniform(1 << 21) : Infinity,
    how: random.pick(['fin', 'rst']), isMute: random.chance(0.1),
    actions: random.chance(0.4) ? random.below(12) : Infinity };
}

async function cutMany(t, url, seed, cuts) {
  for (;;) {
    try {
      return await tryCuts(t, url, seed, cuts);
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
    }
  }
}

async function tryCuts(t, url, seed, cuts) {
  const scene = new Scene(t, url, seed);
  const client = new Resumer({ url, seed, random: scene.random, slow: t.settings.slow });
  scene.fill(client);
  for (let i = 0; i < cuts; i++) await client.round(planOf(scene.random));
  const records = await client.finish();
  scene.check(client, records);
  return client.stats;
}

// With nothing retained, what was missed comes from the ring alone.
const SETTINGS = [
  [],
  ['--retain', '0'],
  ['--retain', '0', '--resume-ring', '64KiB', '--stdin-queue', '4KiB'],
  ['--retain', '64KiB', '--resume-ring', '256KiB', '--window', '128KiB'],
];

function cutTest(name, args, cuts) {
  test(`cuts/${name}`, { on: ['execport'], timeoutMs: 30000 + cuts * MS_EACH }, async (t) => {
    const seed = chooseSeed();
    console.log(`# cuts/${name}: ${cuts} cuts, EXECPORT_SEED=${seed}`);
    const server = await startServer(t, { args,
      listen: ['ws://127.0.0.1:0', `unix://${path.join(t.dir(), 'socket')}`] });
    const half = Math.ceil(cuts / 2);
    const all = await Promise.all([cutMany(t, server.urls[0], seed, half),
      cutMany(t, server.urls[1], seed + 1, half)]);
    console.log(`# ws ${JSON.stringify(all[0])}\n# unix ${JSON.stringify(all[1])}`);
  });
}

SETTINGS.forEach((args, index) => cutTest(`settings-${index}`, args,
  Math.ceil(CUTS / SETTINGS.length)));
