'use strict';
// The envelope of the JSON-RPC dialects: ids, unknown members, messages that cannot be parsed, and
// what closes a connection of the dialect `process`.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { ready, connect } = require('../lib/clients');
const { assertError } = require('../lib/peer');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };

function rpcTest(name, options, fn) {
  test(`jsonrpc/${name}`, options, async (t) => fn(t, await ready(t, await startServer(t))));
}

// Waits for the next message after those in the log already.
async function nextAfter(peer, send) {
  const from = peer.log.length;
  send();
  return (await peer.waitMessage(() => true, 'an answer', { from }));
}

const ID_TEXTS = ['0', '1', '-1', '2147483648', '9007199254740993', '9223372036854775807',
  '-9223372036854775808', '""', '"a"', '"5"', '"\u00e9\u{1f600}"', `"${'long'.repeat(60)}"`];

rpcTest('ids-come-back-with-type-and-value', BOTH, async (t, peer) => {
  for (const text of ID_TEXTS) {
    const entry = await nextAfter(peer, () => peer.send(`{"id":${text},"method":"no/such"}`));
    assertError(entry.msg, -32601);
    assert.ok(entry.raw.includes(`"id":${text}`), `${text} in ${entry.raw.slice(0, 300)}`);
  }
});

rpcTest('ids-with-escapes-come-back-equal', BOTH, async (t, peer) => {
  for (const id of ['a"b\\c', 'tab\tline\nnul\0', '\u007f\u2028', '/slash/']) {
    const entry = await nextAfter(peer, () => peer.send({ id, method: 'no/such' }));
    assert.equal(entry.msg.id, id);
  }
});

rpcTest('ids-of-other-types-are-refused', BOTH, async (t, peer) => {
  for (const text of ['true', '1.5', '1e3', '{}', '[]', '9223372036854775808',
    '-9223372036854775809']) {
    const entry = await nextAfter(peer, () => peer.send(`{"id":${text},"method":"no/such"}`));
    assertError(entry.msg, -32600, /^failed to parse .*JSON-RPC message from/);
    assert.equal(entry.msg.id, -1);
  }
});

rpcTest('unknown-method-is-named', BOTH, async (t, peer) => {
  for (const method of ['no/such', 'process/nothing', 'rpc.discover']) {
    const error = await peer.refused(method, {}, -32601);
    assert.ok(error.message.includes(method), error.message);
  }
});

rpcTest('unknown-method-of-command-exec-makes-it-v0', OURS, async (t, peer) => {
  await peer.refused('command/exec/nothing', {}, -32600, 'unknown method: command/exec/nothing');
  await peer.refused('no/such', {}, -32600, 'unknown method: no/such');
});

rpcTest('jsonrpc-member-is-accepted', BOTH, async (t, peer) => {
  peer.send('{"jsonrpc":"2.0","id":"v","method":"process/terminate","params":{"processId":"x"}}');
  assert.equal((await peer.response('v')).result.running, false);
});

rpcTest('unknown-members-are-ignored', BOTH, async (t, peer) => {
  peer.send({ trace: { deep: [1, { a: null }] }, id: 'u', method: 'process/terminate', more: 1e300,
    params: { processId: 'x', unknown: [true], other: { a: {} } } });
  assert.equal((await peer.response('u')).result.running, false);
});

rpcTest('members-in-any-order-with-white-space', BOTH, async (t, peer) => {
  peer.send(' \t\r\n{ "params" : { "processId" :"x" } ,"method": "process/terminate" ' +
    ', "id" :4711 } ');
  assert.equal((await peer.response(4711)).result.running, false);
});

const UNPARSABLE = ['', ' ', '{', '}', 'nonsense', '[]', '5', 'null', '"text"', '{"id":1}', '{}',
  '{"id":1,"method":5}', '{"id":1,"method":"x"} x', '{"id":1,"method":"x",}', "{'id':1}",
  '{"id":01,"method":"x"}', '{"id":1,"method":"\\x"}', '{"id":1,"method":"a\tb"}',
  '{"id":1,"id":2,"method":"x"}', '{"id":1,"method":"\\ud800"}'];

rpcTest('unparsable-message-gets-id-minus-one', BOTH, async (t, peer) => {
  for (const text of UNPARSABLE) {
    const entry = await nextAfter(peer, () => peer.send(text));
    assert.equal(entry.msg.id, -1, `for ${JSON.stringify(text)}: ${entry.raw}`);
    assertError(entry.msg, -32600, /^failed to parse .*JSON-RPC message from/);
  }
  assert.equal((await peer.request('process/terminate', { processId: 'x' })).running, false);
});

rpcTest('endless-depth-is-refused', BOTH, async (t, peer) => {
  for (const depth of [1000, 100000]) {
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    const entry = await nextAfter(peer,
      () => peer.send(`{"id":1,"method":"no/such","params":${deep}}`));
    assert.equal(entry.msg.id, -1);
    assertError(entry.msg, -32600, /^failed to parse .*JSON-RPC message from/);
  }
});

test('jsonrpc/unparsable-message-before-initialize', BOTH, async (t) => {
  const peer = await connect(t, (await startServer(t)).url);
  const entry = await nextAfter(peer, () => peer.send('nonsense'));
  assert.equal(entry.msg.id, -1);
  await peer.refused('no/such', {}, -32601);
  await peer.request('initialize', { clientName: 'x' });
});

// The message that closes the connection, and the same for both servers.
function closingTest(name, options, message, open = ready) {
  test(`jsonrpc/closes/${name}`, options, async (t) => {
    const server = await startServer(t);
    const peer = await open(t, server);
    peer.send(message);
    await peer.waitClosed();
    const other = await ready(t, server);
    await other.request('process/terminate', { processId: 'x' });
  });
}

const opened = (t, server) => connect(t, server.url);

closingTest('unknown-notification', BOTH, { method: 'no/such', params: {} });
closingTest('request-without-id', BOTH,
  { method: 'process/terminate', params: { processId: 'x' } });
closingTest('null-id-is-a-notification', OURS,
  { id: null, method: 'process/terminate', params: { processId: 'x' } });
closingTest('unsolicited-response', BOTH, { id: 1, result: {} });
closingTest('unsolicited-error', BOTH, { id: 'x', error: { code: -1, message: 'what' } });
closingTest('initialized-before-initialize', BOTH, { method: 'initialized', params: {} }, opened);
closingTest('notification-before-initialize', BOTH, { method: 'no/such' }, opened);
