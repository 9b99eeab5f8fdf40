'use strict';
// Starts the server under test (execport-runner or `codex exec-server`), reads the lines that it
// prints, and ends it. Ending it also judges it: execport has to leave with status 0 on SIGTERM and
// to have said nothing that a sanitizer says.

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { codexProgram } = require('./modules');
const { withDeadline } = require('./harness');
const { killOwn } = require('./proc');

const START_TIMEOUT_MS = 10000;
const STOP_TIMEOUT_MS = 15000;
const STDERR_KEPT = 200000;
const SANITIZER = /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:/;

const living = new Set();
process.on('exit', () => living.forEach((child) => killOwn(child.pid)));

// Splits a stream into lines and lets one wait for the next.
class Lines {
  constructor(stream) {
    this.lines = [];
    this.rest = '';
    this.ended = false;
    this.wake = [];
    stream.setEncoding('utf8');
    stream.on('data', (text) => this.add(text));
    stream.on('close', () => this.finish());
    stream.on('error', () => this.finish());
  }

  add(text) {
    const parts = (this.rest + text).split('\n');
    this.rest = parts.pop();
    this.lines.push(...parts);
    this.notify();
  }

  finish() {
    this.ended = true;
    this.notify();
  }

  notify() {
    this.wake.splice(0).forEach((fn) => fn());
  }

  async waitCount(count) {
    while (this.lines.length < count && !this.ended) {
      await new Promise((resolve) => this.wake.push(resolve));
    }
    return this.lines.length >= count;
  }
}

class Server {
  constructor(t, child) {
    this.kind = t.kind;
    this.patience = t.settings.patience;
    this.child = child;
    this.pid = child.pid;
    this.stderr = '';
    this.endIsExpected = false;
    living.add(child);
    const exited = new Promise((resolve) => child.on('exit', (code, signal) => {
      living.delete(child);
      resolve({ code, signal });
    }));
    // What it wrote last may come behind the news of its end.
    const silent = child.stderr && new Promise((resolve) => child.stderr.on('close', resolve));
    this.exited = Promise.all([exited, silent]).then(([exit]) => exit);
    if (child.stderr) {
      child.stderr.setEncoding('utf8');
      child.stderr.on('data', (text) => {
        this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
      });
    }
  }

  get hasExited() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  // The test ends the server itself; its status is then the test's business.
  expectEnd() {
    this.endIsExpected = true;
    return this;
  }

  signal(name) {
    killOwn(this.pid, name);
  }

  async waitExit(timeoutMs, what) {
    return withDeadline(this.exited, timeoutMs * this.patience, what || 'the end of the server');
  }

  async stop() {
    if (!this.hasExited) this.signal('SIGTERM');
    let exit;
    try {
      exit = await this.waitExit(STOP_TIMEOUT_MS, 'end on SIGTERM');
    } catch (error) {
      this.signal('SIGKILL');
      throw error;
    }
    this.judge(exit);
  }

  judge(exit) {
    if (this.kind !== 'execport') return;
    const report = SANITIZER.exec(this.stderr);
    if (report) throw new Error(`sanitizer: ${this.stderr.slice(report.index).slice(0, 600)}`);
    if (!this.endIsExpected && exit.code !== 0) {
      throw new Error(`the server left with ${JSON.stringify(exit)}: ${this.lastWords()}`);
    }
  }

  // A failed assertion if there is one, else the end of the log.
  lastWords() {
    const assertion = /^.*Assertion.*$/m.exec(this.stderr);
    return assertion ? assertion[0] : this.stderr.slice(-600);
  }
}

function commandLine(t, options) {
  const listen = options.listen || ['ws://127.0.0.1:0'];
  const listenArgs = listen.flatMap((url) => ['--listen', url]);
  const own = t.isExecport ? [t.settings.runner] : [codexProgram(), 'exec-server'];
  const line = [...own, ...listenArgs, ...(options.args || [])];
  return options.wrap ? options.wrap(line) : line;
}

// The peer keeps its state below CODEX_HOME; it gets one of its own and no way to the outside. For
// sandboxes it wants one that is in no temporary directory.
function serverEnv(t, options) {
  const env = t.env(options.env);
  if (t.isExecport) return env;
  const home = options.sandboxes ? t.dir('/var/tmp') : t.dir();
  fs.writeFileSync(path.join(home, 'config.toml'), peerConfig());
  return { ...env, CODEX_HOME: home };
}

function peerConfig() {
  return ['check_for_update_on_startup = false', '[analytics]', 'enabled = false', '[feedback]',
    'enabled = false', '[otel]', 'exporter = "none"', ''].join('\n');
}

// Spawns the server without waiting for anything. options: listen [url], args, env, wrap(line),
// stdio, sandboxes (true: the test needs them).
function spawnServer(t, options = {}) {
  const [program, ...args] = commandLine(t, options);
  const child = spawn(program, args, { detached: true, cwd: options.cwd || '/',
    env: serverEnv(t, options), stdio: options.stdio || ['ignore', 'pipe', 'pipe'] });
  child.on('error', () => {});
  if (child.pid === undefined) throw new Error(`cannot start ${program}`);
  const server = new Server(t, child);
  t.defer(() => server.stop());
  return server;
}

// Spawns the server and waits for one line on standard output for each listener that has one.
async function startServer(t, options = {}) {
  const server = spawnServer(t, options);
  server.stdout = new Lines(server.child.stdout);
  const wanted = options.urls === undefined ? (options.listen || [1]).length : options.urls;
  const done = await withDeadline(server.stdout.waitCount(wanted),
    START_TIMEOUT_MS * t.settings.patience, 'the lines with the listeners\' URLs');
  if (!done) throw new Error(`the server ended at its start: ${server.stderr.slice(-600)}`);
  server.urls = server.stdout.lines.slice(0, wanted);
  server.url = server.urls[0];
  return server;
}

// Runs the server to its end; for command lines that it must refuse.
async function runToEnd(t, args, timeoutMs = 10000) {
  const child = spawn(t.settings.runner, args, { cwd: '/', env: t.env(),
    stdio: ['ignore', 'pipe', 'pipe'] });
  const server = new Server(t, child).expectEnd();
  t.defer(() => server.stop());
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text; });
  const closed = new Promise((resolve) => child.on('close', resolve));
  const exit = await server.waitExit(timeoutMs, `the end of execport-runner ${args.join(' ')}`);
  await closed;
  return { ...exit, stdout, stderr: server.stderr };
}

module.exports = { Lines, Server, spawnServer, startServer, runToEnd };
