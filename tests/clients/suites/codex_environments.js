'use strict';
// The ways in which the Codex CLI finds its server: environments.toml with a URL and a token, or
// with a program for its standard streams. What cannot be reached must not run anything.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { codexProgram } = require('../lib/modules');
const { startServer } = require('../lib/server');
const { startTurn, runTurn } = require('../lib/codex_cli');
const { exec, only } = require('../lib/codex_script');
const { killOwn, mustDie } = require('../lib/proc');

const BOTH = { on: ['execport', 'codex'], timeoutMs: 90000 };

// The command line of the process that started the command: the server, and not the CLI itself.
const SHOW_PARENT = 'tr "\\0" " " </proc/$PPID/cmdline';

// The text of environments.toml with one item and nowhere else to run commands.
function environments(fields, top = 'include_local = false') {
  const lines = Object.entries(fields).map(([name, value]) => `${name} = ${toml(value)}`);
  return `${top}\ndefault = "far"\n[[environments]]\nid = "far"\n${lines.join('\n')}\n`;
}

function toml(value) {
  if (Array.isArray(value) || typeof value === 'string') return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([k, v]) => `${k} = ${JSON.stringify(v)}`).join(', ')} }`;
}

async function startWithToken(t, args) {
  const auth = t.isExecport ? [] : ['--ws-auth', 'capability-token'];
  return startServer(t, { args: [...auth, ...args] });
}

async function* showParent(pattern) {
  const out = only(yield [exec('c1', `${SHOW_PARENT}; exit 4`)], 'c1');
  assert.match(out.text, pattern);
  assert.equal(out.exitCode, 4);
}

test('codex-env/token-of-a-file', BOTH, async (t) => {
  const token = crypto.randomUUID();
  const file = path.join(t.dir(), 'token');
  fs.writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const { url } = await startWithToken(t, ['--ws-token-file', file]);
  await runTurn(t, { environments: environments({ url, auth_bearer_token: token }) },
    showParent(/--ws-token-file/));
});

test('codex-env/token-of-a-digest', BOTH, async (t) => {
  const token = crypto.randomUUID();
  const digest = crypto.createHash('sha256').update(token).digest('hex');
  const { url } = await startWithToken(t, ['--ws-token-sha256', digest]);
  await runTurn(t, { environments: environments({ url, auth_bearer_token: token }) },
    showParent(/--ws-token-sha256/));
});

// Runs a turn whose environment cannot be used; the command would leave a file behind.
async function unusable(t, where) {
  const file = path.join(t.dir(), 'ran');
  async function* script() {
    const [failed] = yield [exec('c1', `touch ${file}`)];
    assert.match(failed.output, /No usable execution environment/);
  }
  await runTurn(t, where, script());
  assert.equal(fs.existsSync(file), false, 'the command ran somewhere');
}

test('codex-env/wrong-token', BOTH, async (t) => {
  const { url } = await startWithToken(t, ['--ws-token-sha256', 'a'.repeat(64)]);
  const auth_bearer_token = crypto.randomUUID();
  await unusable(t, { environments: environments({ url, auth_bearer_token }) });
  await unusable(t, { url }); // without any
});

test('codex-env/no-such-program', BOTH, async (t) => {
  await unusable(t, { environments: environments({ program: '/no/such/program' }) });
});

test('codex-env/no-default', BOTH, async (t) => {
  const { environments: text } = nearServer(t);
  await unusable(t, { environments: text.replace('default = "far"', '') });
});

// Why the documents say include_local = false: without it the CLI quietly runs commands itself.
test('codex-env/local-unless-told-otherwise', { ...BOTH, on: ['codex'] }, async (t) => {
  await runTurn(t, { environments: environments({ program: '/no/such/program' }, '') },
    showParent(/codex exec /));
});

// A server for one CLI on its standard streams; its own process says which it is.
function nearServer(t, more = {}) {
  const [program, ...args] = t.isExecport ? [t.settings.runner] : [codexProgram(), 'exec-server'];
  return { environments: environments({ program, args: [...args, '--listen', 'stdio://'],
    ...more }) };
}

test('codex-env/stdio', BOTH, async (t) => {
  await runTurn(t, nearServer(t), showParent(/--listen stdio:/));
});

test('codex-env/stdio-with-variables', BOTH, async (t) => {
  async function* script() {
    const out = only(yield [exec('c1', 'echo $FOR_COMMANDS')], 'c1');
    assert.equal(out.text, 'yes\n');
  }
  await runTurn(t, nearServer(t, { env: { FOR_COMMANDS: 'yes' }, cwd: '/usr' }), script());
});

// The server ends with the CLI, whatever ends that.
for (const signal of [null, 'SIGTERM', 'SIGKILL']) {
  test(`codex-env/stdio-server-ends-with-${signal ? signal.toLowerCase() : 'its-client'}`, BOTH,
    async (t) => {
      let server;
      let turn;
      async function* script() {
        const daemon = t.isExecport ? 'sleep 1000 & ' : '';
        const out = only(yield [exec('c1', `${daemon}echo $PPID; exit 3`)], 'c1');
        server = Number(out.text);
        assert.equal(out.exitCode, 3);
        if (signal) killOwn(turn.pid, signal);
      }
      turn = await startTurn(t, nearServer(t), script());
      if (signal) await turn.waitEnd();
      else await turn.finish();
      await mustDie(server, 10000, 'the server');
    });
}
