'use strict';
// The examples of docs/codex.md do what they say: their files are used as they stand there, apart
// from the port and the token.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { runTurn } = require('../lib/codex_cli');
const { exec, only } = require('../lib/codex_script');

const OURS = { timeoutMs: 90000 };
const PAGE = path.join(__dirname, '../../../docs/codex.md');

function blocksOf(kind) {
  const found = fs.readFileSync(PAGE, 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm);
  return [...found].filter((one) => one[1] === kind).map((one) => one[2]);
}

async function* showParent(pattern) {
  const out = only(yield [exec('c1', 'tr "\\0" " " </proc/$PPID/cmdline')], 'c1');
  assert.match(out.text, pattern);
}

test('codex-doc/in-five-lines', OURS, async (t) => {
  const bin = t.dir();
  fs.symlinkSync(t.settings.runner, path.join(bin, 'execport-runner'));
  await runTurn(t, { environments: blocksOf('toml')[0], path: bin },
    showParent(/^execport-runner --listen stdio:/));
});

test('codex-doc/one-server-for-many', OURS, async (t) => {
  const dir = t.dir();
  const [makeToken, start] = blocksOf('sh')[0].trim().split('\n');
  execFileSync('/bin/sh', ['-c', makeToken], { cwd: dir });
  const [program, ...args] = start.split(' ');
  assert.equal(program, 'execport-runner');
  const listen = args.splice(args.indexOf('--listen'), 2)[1].replace(':4500', ':0');
  const server = await startServer(t, { listen: [listen], args, cwd: dir });
  const environments = blocksOf('toml')[1].replace('ws://127.0.0.1:4500', server.url)
    .replace('TOKEN', fs.readFileSync(path.join(dir, 'token'), 'utf8').trim());
  await runTurn(t, { environments }, showParent(/--ws-token-file token/));
});
