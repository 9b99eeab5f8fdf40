'use strict';
// Starts that hang in the file system hold up starts, and nothing that only looks: the metrics, the
// health, the list of processes, the state of the server, new clients.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startParams } = require('../lib/sessions');
const { ready } = require('../lib/clients');
const { mustBecome } = require('../lib/proc');
const { ask, scrape } = require('../lib/metrics');
const { lease, stick } = require('../lib/stuck');

const HELPERS = 2;

// What hangs, what of a start is then not answered, and whether it starts once it hangs no more.
const WAYS = {
  program: async (t, dir) => {
    const program = path.join(dir, 'program');
    fs.copyFileSync('/bin/true', program);
    return { held: await lease(t, program), params: { argv: [program] }, starts: true };
  },
  cwd: async (t, dir) => {
    const cwd = path.join(dir, 'cwd');
    fs.mkdirSync(cwd);
    return { held: await stick(t, cwd), params: { argv: ['/bin/true'], cwd: `${cwd}/below` },
      starts: false };
  },
};

// Every helper for starts hangs, and more starts wait for one.
async function hang(t, server, peer, params) {
  const all = Array.from({ length: HELPERS + 2 }, () => startParams(t, params));
  const starts = all.map((one) => ({ processId: one.processId,
    id: peer.post('process/start', one) }));
  await mustBecome(async () => {
    const metrics = await scrape(t, server.url);
    return metrics.get('helpers_busy{pool="starts"}') === HELPERS &&
      metrics.get('helper_queue_calls{pool="starts"}') === 2;
  }, 10000 * t.settings.slow, 'the starts hang');
  return starts;
}

async function assertAllLooksAreAnswered(t, server, peer, starting) {
  for (let round = 0; round < 20; round++) {
    const all = await scrape(t, server.url);
    assert.equal(all.get('sessions{state="starting",kind="pipe"}'), starting);
    assert.equal((await ask(t, server.url, { path: '/readyz' })).status, 200);
    const { processes } = await peer.request('process/list');
    assert.deepEqual(processes.map(({ state }) => state), Array(starting).fill('starting'));
    await peer.request('environment/status');
  }
  const other = await ready(t, server);
  assert.deepEqual((await other.request('process/list')).processes, []);
  await other.request('environment/status');
}

for (const [name, make] of Object.entries(WAYS)) {
  test(`stuck/${name}`, { on: ['execport'], timeoutMs: 30000 }, async (t) => {
    const { held, params, starts } = await make(t, fs.realpathSync(t.dir()));
    const server = await startServer(t, { args: ['--helpers', String(HELPERS)] });
    const peer = await ready(t, server);
    const asked = await hang(t, server, peer, params);
    await assertAllLooksAreAnswered(t, server, peer, asked.length);
    const cancelled = asked.filter((_, n) => n % HELPERS === 0); // one hangs and one waits
    for (const { processId } of cancelled) {
      assert.deepEqual(await peer.request('process/terminate', { processId }), { running: true });
    }
    const early = peer.log.filter(({ msg }) => asked.some(({ id }) => id === msg.id));
    assert.deepEqual(early, [], 'it did not hang');
    held.free();
    for (const one of asked) {
      const { error } = await peer.response(one.id);
      if (cancelled.includes(one)) assert.match(error.message, /cancelled|cannot enter/);
      else if (starts) assert.equal(error, undefined);
      else assert.match(error.message, /cannot enter/);
    }
    const after = await ready(t, server);
    assert.ok(await after.request('process/start', startParams(t, { argv: ['/bin/true'] })));
  });
}
