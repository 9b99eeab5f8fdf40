'use strict';
// The tests' registry, and the context that a test gets. A test is a name, the
// servers that it holds for, a deadline and an async function that throws when it fails. Whatever a
// test opened is closed by its context, in reverse order; then no process that carries the test's
// tag in its environment may be left.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const crypto = require('node:crypto');
const { taggedPids, killOwn, waitFor } = require('./proc');

const DEFAULT_TIMEOUT_MS = 20000;
const CLEANUP_TIMEOUT_MS = 20000;
const REAP_TIMEOUT_MS = 10000;

const tests = [];

class Skip extends Error {}

// options: `on` (servers, default execport only), `timeoutMs`, `background` (mostly waits, so it
// takes nobody's place).
function test(name, options, fn) {
  if (tests.some((other) => other.name === name)) throw new Error(`two tests named ${name}`);
  tests.push({ name, on: ['execport'], timeoutMs: DEFAULT_TIMEOUT_MS, background: false,
    ...options, fn });
}

function withDeadline(promise, timeoutMs, what) {
  let timer;
  const deadline = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done in ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

class Context {
  // settings: server ('execport' or 'codex'), runner (path), slow (what a measured bound is
  // multiplied with), patience (the same for deadlines).
  constructor(settings) {
    this.settings = settings;
    this.kind = settings.server;
    this.tag = `EXECPORT_TEST_TAG=${crypto.randomUUID()}`;
    this.deferred = [];
    this.tempDirs = 0;
  }

  get isExecport() {
    return this.kind === 'execport';
  }

  // The environment of servers and of the children that tests start: small, and marked.
  env(extra) {
    const [name, value] = this.tag.split('=');
    return { PATH: process.env.PATH, HOME: os.tmpdir(), LANG: 'C', [name]: value,
      ...sanitizerEnv(), ...extra };
  }

  skip(why) {
    throw new Skip(why);
  }

  defer(fn) {
    this.deferred.push(fn);
  }

  // A folder of the test's own; `parent` is for what must not lie in a temporary directory.
  dir(parent = os.tmpdir()) {
    const made = fs.mkdtempSync(path.join(parent, 'execport-clients-'));
    this.defer(() => fs.rmSync(made, { recursive: true, force: true }));
    return made;
  }

  async close() {
    const problems = [];
    for (const fn of this.deferred.reverse()) {
      try {
        await withDeadline(Promise.resolve().then(fn), CLEANUP_TIMEOUT_MS * this.settings.patience,
          'clean-up');
      } catch (error) {
        problems.push(error.message);
      }
    }
    const left = await this.reap();
    if (left.length > 0 && this.isExecport) {
      problems.push(`processes were left behind: ${left.join('; ')}`);
    }
    return problems;
  }

  // Ends what still carries the tag and tells what it was. The peer leaves children behind when it
  // is ended; for it that is no failure.
  async reap() {
    const reapMs = REAP_TIMEOUT_MS * this.settings.patience;
    const noneLeft = () => taggedPids(this.tag).length === 0;
    if (await waitFor(noneLeft, this.isExecport ? reapMs : 0)) return [];
    const left = taggedPids(this.tag);
    await waitFor(() => {
      // Again and again: what is left may breed.
      taggedPids(this.tag).forEach((entry) => killOwn(entry.pid));
      return noneLeft();
    }, reapMs);
    return left.map((entry) => `${entry.pid} ${entry.command}`);
  }
}

function sanitizerEnv() {
  const names = ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'];
  return Object.fromEntries(names.filter((n) => process.env[n]).map((n) => [n, process.env[n]]));
}

// Runs a test; gives {problem, skipped, ms}, the first two null where there is nothing to tell.
async function runOne(one, settings) {
  const begun = Date.now();
  const context = new Context(settings);
  let problem = null;
  let skipped = null;
  try {
    await withDeadline(one.fn(context), one.timeoutMs * settings.patience, 'the test');
  } catch (error) {
    if (error instanceof Skip) skipped = error.message;
    else problem = settings.verbose ? error.stack : firstLines(error.message);
  }
  const afterwards = await context.close();
  if (!problem && afterwards.length > 0) problem = firstLines(afterwards.join('; '));
  return { problem, skipped, ms: Date.now() - begun };
}

function firstLines(text) {
  const line = text.replace(/\s*\n\s*/g, ' | ');
  return line.length > 900 ? `${line.slice(0, 900)}...` : line;
}

module.exports = { test, tests, runOne, withDeadline, Skip };
