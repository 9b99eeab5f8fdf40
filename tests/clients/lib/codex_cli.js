'use strict';
// One turn of the public Codex CLI with a model that follows a script: a CODEX_HOME of its own, the
// mock model as its only provider and as the proxy for anything else, the exec server by
// environment variable or by environments.toml. Nothing but loopback is needed; what the CLI asks
// of its proxy is refused and makes the turn fail.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { MockModel } = require('./mock_model');
const { codexProgram } = require('./modules');
const { withDeadline } = require('./harness');
const { killOwn } = require('./proc');

const TURN_TIMEOUT_MS = 60000;

function configText(model, where) {
  return `model = "scripted"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "${where.sandboxMode || 'danger-full-access'}"
check_for_update_on_startup = false
[model_providers.scripted]
name = "scripted"
base_url = "${model.baseUrl}"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[feedback]
enabled = false
[otel]
exporter = "none"
${where.config || ''}`;
}

function cliEnv(t, home, model, where) {
  const proxy = { HTTP_PROXY: model.origin, HTTPS_PROXY: model.origin, ALL_PROXY: model.origin,
    NO_PROXY: '127.0.0.1,localhost' };
  const target = where.url ? { CODEX_EXEC_SERVER_URL: where.url } : {};
  const programs = where.path ? { PATH: `${where.path}:${process.env.PATH}` } : {};
  return t.env({ ...proxy, ...target, ...programs, HOME: home, CODEX_HOME: home });
}

function prepareHome(t, model, where) {
  const home = t.dir();
  fs.writeFileSync(path.join(home, 'config.toml'), configText(model, where));
  if (where.environments) {
    fs.writeFileSync(path.join(home, 'environments.toml'), where.environments);
  }
  return home;
}

function collect(stream) {
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  return () => Buffer.concat(parts).toString('utf8');
}

function startCli(t, env, where, cwd) {
  const args = ['exec', '--skip-git-repo-check', '-c', 'features.plugins=false',
    ...(where.args || []), where.prompt || 'go on'];
  const child = spawn(codexProgram(), args, { cwd, env, detached: true,
    stdio: ['ignore', 'pipe', 'pipe'] });
  t.defer(() => killOwn(child.pid));
  return child;
}

// A turn that was begun: its model, the CLI's process, its directory, and how it ends.
class Turn {
  constructor(t, model, child, cwd) {
    Object.assign(this, { t, model, child, pid: child.pid, cwd });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    this.closed = new Promise((resolve) => child.on('close', (code, signal) =>
      resolve({ code, signal, log: `${stdout()}\n${stderr()}` })));
  }

  // Waits for the CLI's end, whatever it is.
  waitEnd() {
    return withDeadline(this.closed, TURN_TIMEOUT_MS * this.t.settings.patience, 'the CLI');
  }

  // Waits for the end of a turn that must have done what its script says.
  async finish() {
    const { model } = this;
    const { code, log } = await this.waitEnd();
    if (model.error) throw model.error;
    assert.deepEqual(model.unexpected, [], 'the CLI asked for something else than the model');
    assert.equal(code, 0, `status of the CLI, which said: ${log.slice(-800)}`);
    assert.ok(model.finished, 'the turn ended before the script');
    return model;
  }
}

// Begins a turn; `script` is as for MockModel. where: {url} or {environments: text of the file};
// cwd (default a new directory), args and prompt of the CLI, sandboxMode, config (more of its
// configuration), path (put before $PATH).
async function startTurn(t, where, script) {
  const model = new MockModel(script);
  await model.listen();
  t.defer(() => model.close());
  const home = prepareHome(t, model, where);
  const cwd = where.cwd || t.dir();
  return new Turn(t, model, startCli(t, cliEnv(t, home, model, where), where, cwd), cwd);
}

async function runTurn(t, where, script) {
  return (await startTurn(t, where, script)).finish();
}

// The parts of a function_call_output's text.
function parseOutput(item) {
  assert.equal(item.type, 'function_call_output');
  const at = item.output.indexOf('\nOutput:\n');
  assert.ok(at >= 0, `no output in ${JSON.stringify(item.output.slice(0, 300))}`);
  const head = item.output.slice(0, at);
  const exit = /^Process exited with code (-?\d+)$/m.exec(head);
  const tokens = /^Original token count: (\d+)$/m.exec(head);
  const session = /^Process running with session ID (\d+)$/m.exec(head);
  return { callId: item.call_id, head, text: item.output.slice(at + '\nOutput:\n'.length),
    tokens: tokens ? Number(tokens[1]) : 0, exitCode: exit ? Number(exit[1]) : null,
    sessionId: session ? Number(session[1]) : null };
}

module.exports = { startTurn, runTurn, parseOutput };
