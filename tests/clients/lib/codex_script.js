'use strict';
// What scripts of the model say most: commands to run, input to write, and the one output that
// comes back.

const assert = require('node:assert/strict');
const { call } = require('./mock_model');
const { parseOutput } = require('./codex_cli');

function exec(callId, cmd, more) {
  return call(callId, 'exec_command', { cmd, yield_time_ms: 20000, ...more });
}

function write(callId, sessionId, chars, more) {
  return call(callId, 'write_stdin', { session_id: sessionId, chars, yield_time_ms: 10000,
    ...more });
}

// Exactly one output came back, and it is that of `callId`.
function only(outputs, callId) {
  assert.deepEqual(outputs.map((item) => item.call_id), [callId]);
  return parseOutput(outputs[0]);
}

// Polls a session until its text is complete: the client's own window may close before it is.
async function* pollUntil(begun, wanted) {
  let text = begun.text;
  for (let n = 0; text.length < wanted.length && begun.sessionId !== null && n < 5; n++) {
    const poll = call(`poll-${n}`, 'write_stdin', { session_id: begun.sessionId, chars: '' });
    text += parseOutput((yield [poll])[0]).text;
  }
  assert.equal(text, wanted);
}

// Polls a session until it has ended; gives its last output, with the text of all of them, the sum
// of their tokens and how many they were.
async function* pollToEnd(begun) {
  let last = begun;
  let { text, tokens } = begun;
  let windows = 1;
  for (let n = 0; last.sessionId !== null && n < 50; n++) {
    const poll = call(`end-${n}`, 'write_stdin', { session_id: last.sessionId, chars: '',
      yield_time_ms: 30000 });
    last = only(yield [poll], `end-${n}`);
    text += last.text;
    tokens += last.tokens;
    windows += 1;
  }
  return { ...last, text, tokens, windows };
}

// The client counted so many bytes, four to a token and rounded up in each of its outputs.
function assertCounted({ tokens, windows }, bytes) {
  const wanted = Math.ceil(bytes / 4);
  assert.ok(tokens >= wanted && tokens < wanted + windows,
    `${tokens} tokens in ${windows} outputs, not ${wanted}`);
}

module.exports = { exec, write, only, pollUntil, pollToEnd, assertCounted };
