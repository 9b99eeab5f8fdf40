'use strict';
// The tests of the tests of docs/protocol.md: an example of a wrong form, or one that differs from
// what the server does, is noticed, by file and line.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { parseDocument } = require('../lib/doc_text');
const { compile, fill, match } = require('../lib/doc_match');
const { mustHold } = require('../lib/doc_play');

const OURS = { on: ['execport'] };

// A document with one block of these lines: the first of them stands in line 4.
function blockOf(lines, kind = 'jsonl') {
  return parseDocument(['# Title', '', `\`\`\`${kind}`, ...lines, '```', ''].join('\n'), 'x.md')[0];
}

const WRONG_FORM = [
  [['# need process/read', '-> {}'], 'x.md:4: unknown directive `# need process/read`'],
  [['-> {}', '# over ws'], 'x.md:5: a directive behind the first message'],
  [['# over ws, tcp', '-> {}'], 'x.md:4: unknown transport `tcp`'],
  [['{"id":1}'], 'x.md:4: neither a message nor a directive: `{"id":1}`'],
  [['-> {}', '=> {}'], 'x.md:5: neither a message nor a directive: `=> {}`'],
  [['// nothing but words'], 'x.md:3: an example without a message'],
];

test('doc/self/wrong-forms-are-named', OURS, () => {
  for (const [lines, message] of WRONG_FORM) assert.throws(() => blockOf(lines), { message });
  assert.throws(() => parseDocument('```jsonl\n-> {}\n', 'x.md'), { message: /^x\.md: .*end$/ });
});

test('doc/self/blocks-are-read', OURS, () => {
  const block = blockOf(['# server --window 64KiB', '# over ws, unix', '# after the handshake',
    '// words', '-> {"id":1,', '   "method":"a b"}', 'b<- close 1000']);
  assert.deepEqual(block.args, ['--window', '64KiB']);
  assert.deepEqual(block.transports, ['ws', 'unix']);
  assert.equal(block.isGreeted, true);
  assert.equal(block.name, 'title/1');
  assert.deepEqual(block.steps, [
    { where: 'x.md:8', connection: 'a', sends: true, text: '{"id":1,"method":"a b"}' },
    { where: 'x.md:10', connection: 'b', sends: false, text: 'close 1000' }]);
  assert.deepEqual(parseDocument('```sh\n-> no\n```\n', 'x.md'), []);
});

// Pattern, a value that matches, values that do not.
const PATTERNS = [
  ['{"a":<int>}', { a: 1 }, [{ a: 1.5 }, { a: '1' }, { a: null }, {}, { a: 1, b: 2 }, [1]]],
  ['{"a":<int or null>}', { a: null }, [{ a: 'x' }, {}]],
  ['{"a":1,...}', { a: 1, b: 2 }, [{ b: 2 }, { a: 2 }]],
  ['[1,<any>]', [1, {}], [[1], [1, 2, 3], [2, 1], { 0: 1, 1: 2 }]],
  ['{"a":<base64: x\\n>}', { a: 'eAo=' }, [{ a: 'eA==' }, { a: 'x\n' }]],
  ['{"a":<like: one*t.o>}', { a: 'one and t.o' }, [{ a: 'one and two' }, { a: 'one' }, { a: 1 }]],
  ['{"a":<one of: x, y>}', { a: 'y' }, [{ a: 'z' }, { a: 'x, y' }]],
  ['{"a":"1"}', { a: '1' }, [{ a: 1 }]],
  ['{"a":false}', { a: false }, [{ a: null }, { a: 0 }]],
];

test('doc/self/patterns', OURS, () => {
  for (const [text, good, bad] of PATTERNS) {
    const pattern = compile(text);
    assert.equal(match(pattern, good, new Map()), null, text);
    for (const value of bad) {
      assert.ok(match(pattern, value, new Map()), `${text} took ${JSON.stringify(value)}`);
    }
  }
});

test('doc/self/values-are-remembered', OURS, () => {
  const names = new Map();
  assert.equal(match(compile('{"id":<string as it>}'), { id: 'x' }, names), null);
  assert.equal(fill('{"id":<it>,"b":<base64: \\x00>}', names), '{"id":"x","b":"AA=="}');
  assert.equal(match(compile('{"id":<it>}'), { id: 'x' }, names), null);
  assert.ok(match(compile('{"id":<it>}'), { id: 'y' }, names));
  assert.throws(() => match(compile('{"id":<other>}'), { id: 'y' }, names), /not remembered/);
  assert.throws(() => fill('{"id":<other>}', names), /not remembered/);
});

const HANDSHAKE = '# after the handshake';
const START = '-> {"id":1,"method":"process/start","params":{"processId":"p","argv":["/bin/echo",' +
  '"hello"],"cwd":"/","env":{},"tty":false}}';
const STARTED = '<- {"id":1,"result":{"processId":"p","sandboxType":"none"}}';
const OUTPUT = '<- {"method":"process/output","params":{"processId":"p","seq":<seq>,' +
  '"stream":"stdout","chunk":<base64: hello\\n>}}';
const EXITED = '<- {"method":"process/exited","params":{"processId":"p","seq":<seq>,"exitCode":0,' +
  '"sandboxDenied":false}}';
const CLOSED = '<- {"method":"process/closed","params":{"processId":"p","seq":<seq>}}';
const WHOLE = [HANDSHAKE, START, STARTED, OUTPUT, EXITED, CLOSED];

// One line of the example changed, the line that must be named, and what must be said of it. Where
// it says that it waited nothing more can come, so it need not wait long.
const WRONG_CONTENT = [
  [STARTED, STARTED.replace('none', 'some'), 7, /sandboxType is "none", not "some"/],
  [OUTPUT, OUTPUT.replace('hello', 'hullo'), 8, /the output is "hello\\n"/],
  [OUTPUT, OUTPUT.replace('"stream":"stdout"', '"stream":"stderr"'), 8, /waited|no chunk/],
  [EXITED, EXITED.replace(':0', ':1'), 9, /exitCode is 0, not 1/],
  [CLOSED, CLOSED.replace('<seq>', '7'), 10, /seq is 3, not 7/],
  [EXITED, '', 3, /does not show .*process\/exited/],
  [CLOSED, '<- close', 10, /waited/],
];

test('doc/self/what-the-server-does-not-do-is-named', OURS, async (t) => {
  await mustHold(t, blockOf(WHOLE));
  for (const [line, instead, number, what] of WRONG_CONTENT) {
    const lines = WHOLE.map((each) => (each === line ? instead : each));
    const block = blockOf(['# over ws', ...lines]);
    const waitMs = (where) => (where === `x.md:${number}` && /waited/.test(what) ? 200 : undefined);
    const error = await mustHold(t, block, waitMs).then(() => null, (thrown) => thrown);
    assert.ok(error, `${instead || 'a line less'} was not noticed`);
    assert.ok(error.message.startsWith(`x.md:${number}: over ws: `), error.message);
    assert.match(error.message, what);
  }
});

test('doc/self/http-that-differs-is-named', OURS, async (t) => {
  const good = ['-> GET /readyz HTTP/1.1', '-> Host: 127.0.0.1', '->', '<- HTTP/1.1 200 OK',
    '<- Connection: close', '<- Content-Type: <any>', '<- Content-Length: 3', '<-', '<- ok'];
  await mustHold(t, blockOf(good, 'http'));
  const cases = [['200 OK', '204 OK', /^x\.md:7: the answer's line is "HTTP\/1\.1 200 OK"$/],
    ['<- Content-Length: 3', '', /^x\.md:3: the answer has a line "Content-Length: 3" too$/],
    ['<- ok', '<- no', /^x\.md:3: the body is "ok\\n"$/]];
  for (const [from, to, message] of cases) {
    const lines = good.map((line) => line.replace(from, to));
    await assert.rejects(mustHold(t, blockOf(lines, 'http')), { message });
  }
});
