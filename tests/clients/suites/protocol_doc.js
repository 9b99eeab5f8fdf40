'use strict';
// The examples of docs/protocol.md, each run against the server over every transport that it is
// for. An example of what the server cannot do yet is marked in the document; it must fail, so that
// the mark goes when the server can. Then: every method, notification and error code that the
// server has is in an example.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { ROOT, readProtocolDocument } = require('../lib/doc_text');
const { compile } = require('../lib/doc_match');
const { mustHold, mustNotHold } = require('../lib/doc_play');
const { openSandboxes } = require('../lib/sandboxes');

const OURS = { on: ['execport'], timeoutMs: 60000 };

const blocks = readProtocolDocument();

for (const block of blocks) {
  if (block.needs) test(`doc/needs/${block.name}`, OURS, (t) => mustNotHold(t, block));
  else {
    test(`doc/${block.name}`, OURS, async (t) => {
      if (block.isSandboxed) await openSandboxes(t); // skips where there can be none
      await mustHold(t, block);
    });
  }
}

// Also of what cannot be run yet.
test('doc/every-line-can-be-read', OURS, () => {
  const steps = blocks.filter((block) => block.kind === 'jsonl').flatMap((block) => block.steps);
  const received = steps.filter((step) => !step.sends && !/^close( |$)/.test(step.text));
  assert.ok(received.length > 100, `${received.length} lines`);
  received.forEach((step) => assert.doesNotThrow(() => compile(step.text),
    `${step.where} is no pattern`));
});

function shown(sends) {
  return blocks.filter((block) => block.kind === 'jsonl' && !block.needs)
    .flatMap((block) => block.steps).filter((step) => step.sends === sends)
    .map((step) => step.text).join('\n');
}

function source(name) {
  return fs.readFileSync(path.join(ROOT, 'wire', name), 'utf8');
}

function firstGroups(text, pattern) {
  return [...text.matchAll(pattern)].map((hit) => hit[1]);
}

test('doc/every-method-has-an-example', OURS, () => {
  const names = firstGroups(source('msg_method.c'), /{"([A-Za-z/]+)", WIRE_/g);
  assert.ok(names.length >= 9, `found ${names}`);
  const sent = shown(true);
  const missing = names.filter((name) => !sent.includes(`"method":"${name}"`));
  assert.deepEqual(missing, []);
});

test('doc/every-notification-has-an-example', OURS, () => {
  const text = (source('msg_output.c') + source('msg_fs_reply.c')).replace(/\\"/g, '"');
  const names = firstGroups(text, /"((?:process|command\/exec|fs)\/[A-Za-z]+)"/g);
  assert.ok(names.length >= 6, `found ${names}`);
  const received = shown(false);
  const missing = names.filter((name) => !received.includes(`"method":"${name}"`));
  assert.deepEqual(missing, []);
});

test('doc/every-error-code-has-an-example', OURS, () => {
  const codes = firstGroups(source('rpc_errors.h'), /WIRE_RPC_CODE_\w+ = (-\d+)/g).map(Number);
  assert.ok(codes.length >= 8, `found ${codes}`);
  const received = shown(false);
  const missing = codes.filter((code) => !received.includes(`"code":${code},`));
  assert.deepEqual(missing, []);
});
