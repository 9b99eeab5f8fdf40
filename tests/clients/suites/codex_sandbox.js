'use strict';
// Turns of the public Codex CLI in its ordinary sandbox modes: what the model was told, and what
// became of the files. Both servers: that proves the turns to be right.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { call } = require('../lib/mock_model');
const { runTurn, parseOutput } = require('../lib/codex_cli');
const { openSandboxes } = require('../lib/sandboxes');

const BOTH = { on: ['execport', 'codex'], timeoutMs: 90000 };

function exec(callId, cmd, more) {
  return call(callId, 'exec_command', { cmd, yield_time_ms: 20000, ...more });
}

// Runs the commands one after the other and gives what the model was told of each.
async function turn(place, sandboxMode, commands, more) {
  const told = [];
  async function* script() {
    for (const [i, command] of commands.entries()) {
      const one = Array.isArray(command) ? command : [command];
      told.push(parseOutput((yield [exec(`c${i}`, ...one)])[0]));
    }
  }
  await runTurn(place.t, { url: place.server.url, sandboxMode, cwd: place.workspace, ...more },
    script());
  return told;
}

function turnTest(name, fn) {
  test(`codex/sandbox/${name}`, BOTH, async (t) => {
    const place = await openSandboxes(t);
    fs.mkdirSync(path.join(place.workspace, '.git'));
    fs.writeFileSync(path.join(place.workspace, 'file'), 'text');
    place.elsewhere = path.join(t.dir('/var/tmp'), 'f');
    await fn(place);
  });
}

turnTest('read-only', async (place) => {
  const [read, written] = await turn(place, 'read-only',
    ['cat file; exit 3', `echo x > file; echo x > new; echo x > ${place.elsewhere}`]);
  assert.equal(read.exitCode, 3);
  assert.equal(read.text, 'text');
  assert.equal(written.exitCode, 1);
  assert.equal(written.text.match(/Read-only file system/g).length, 3);
  assert.equal(fs.readFileSync(path.join(place.workspace, 'file'), 'utf8'), 'text');
  assert.deepEqual(fs.readdirSync(place.workspace).sort(), ['.git', 'file']);
});

turnTest('workspace-write', async (place) => {
  const { workspace, elsewhere } = place;
  const [written, refused] = await turn(place, 'workspace-write',
    ['echo new > file && cat file', `echo x > .git/config; echo x > ${elsewhere}`]);
  assert.equal(written.exitCode, 0);
  assert.equal(written.text, 'new\n');
  assert.equal(refused.exitCode, 1);
  assert.equal(refused.text.match(/Read-only file system/g).length, 2);
  assert.equal(fs.readFileSync(path.join(workspace, 'file'), 'utf8'), 'new\n');
  assert.deepEqual(fs.readdirSync(path.join(workspace, '.git')), []);
  assert.ok(!fs.existsSync(elsewhere));
});

turnTest('more-roots-and-the-network', async (place) => {
  const root = path.dirname(place.elsewhere);
  const config = `[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = ["${root}"]\n`;
  const [written] = await turn(place, 'workspace-write',
    [`echo new > ${place.elsewhere} && perl -MSocket -e 'socket(S,AF_INET,SOCK_STREAM,0) or die'`],
    { config });
  assert.equal(written.exitCode, 0, written.text);
  assert.equal(fs.readFileSync(place.elsewhere, 'utf8'), 'new\n');
});

turnTest('terminal', async (place) => {
  const [told] = await turn(place, 'workspace-write',
    [['test -t 1 && echo terminal > file; cat file; exit 5', { tty: true }]]);
  assert.equal(told.exitCode, 5);
  assert.equal(told.text, 'terminal\r\n');
});
