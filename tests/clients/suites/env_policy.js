'use strict';
// process/start's envPolicy: what of the server's own environment a child gets.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startProcess } = require('../lib/sessions');
const { startServer } = require('../lib/server');
const { ready } = require('../lib/clients');

const BOTH = { on: ['execport', 'codex'] };
const SERVER_ENV = { SHELL: '/bin/sh', LOGNAME: 'someone', PLAIN: 'plain', PLAIN_TWO: 'two',
  MY_API_KEY: 'k', MySecretThing: 's', A_TOKEN_B: 't', TMPDIR: '/tmp' };
const POLICY = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {},
  includeOnly: [] };

function policyTest(name, policy, env, check) {
  test(`env-policy/${name}`, BOTH, async (t) => {
    const server = await startServer(t, { env: SERVER_ENV });
    const peer = await ready(t, server);
    const view = await startProcess(t, peer,
      { argv: ['/usr/bin/env', '-0'], envPolicy: { ...POLICY, ...policy }, env });
    await view.waitClosed();
    const entries = view.text().split('\0').filter((entry) => entry)
      .map((entry) => entry.split(/=(.*)/s).slice(0, 2));
    const seen = Object.fromEntries(entries);
    assert.equal(Object.keys(seen).length, entries.length, 'no name twice');
    assert.equal(seen.EXECPORT_TEST_TAG, t.env().EXECPORT_TEST_TAG, '`env` lies over all');
    check(seen, t);
  });
}

policyTest('all', {}, {}, (seen) => {
  for (const [name, value] of Object.entries(SERVER_ENV)) assert.equal(seen[name], value, name);
});

policyTest('none', { inherit: 'none' }, { MINE: '1' }, (seen) => {
  assert.equal(seen.MINE, '1');
  for (const name of Object.keys(SERVER_ENV)) assert.ok(!(name in seen), name);
});

policyTest('core', { inherit: 'core' }, {}, (seen) => {
  for (const name of ['SHELL', 'LOGNAME', 'TMPDIR', 'LANG']) assert.ok(name in seen, name);
  for (const name of ['PLAIN', 'MY_API_KEY', 'A_TOKEN_B']) assert.ok(!(name in seen), name);
});

policyTest('default-excludes', { ignoreDefaultExcludes: false }, {}, (seen) => {
  assert.equal(seen.PLAIN, 'plain');
  for (const name of ['MY_API_KEY', 'MySecretThing', 'A_TOKEN_B']) assert.ok(!(name in seen), name);
});

const GLOBS = ['plain*', 'my?ecret*', 'SHEL'];

policyTest('exclude-globs-without-case', { exclude: GLOBS }, {}, (seen) => {
  for (const name of ['PLAIN', 'PLAIN_TWO', 'MySecretThing']) assert.ok(!(name in seen), name);
  for (const name of ['SHELL', 'MY_API_KEY']) assert.ok(name in seen, name);
});

policyTest('set-and-include-only', { set: { ADDED: 'a', PLAIN: 'new' },
  includeOnly: ['ADD*', 'plain'] }, { LAID: 'over' }, (seen) => {
  assert.equal(seen.ADDED, 'a');
  assert.equal(seen.PLAIN, 'new');
  assert.equal(seen.LAID, 'over');
  for (const name of ['PLAIN_TWO', 'SHELL', 'LOGNAME']) assert.ok(!(name in seen), name);
});

policyTest('set-comes-after-exclude', { exclude: ['ADDED', 'PLAIN'], set: { ADDED: 'a' } },
  { PLAIN: 'again' }, (seen) => {
    assert.equal(seen.ADDED, 'a');
    assert.equal(seen.PLAIN, 'again');
  });
