'use strict';
// WebSocket conformance, what must be refused and with which close code: reserved bits, opcodes,
// wrong fragmentation, invalid UTF-8, bad close frames, masks, lengths and limits.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { OP, frame, closePayload } = require('../lib/raw');
const { opened, request, expectAnswer, alive, endsWith, fragments } = require('../lib/ws_case');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const PROTOCOL = 1002;
const NOT_UTF8 = 1007;
const TOO_BIG = 1009;

// The bytes end the connection with the code; others are served on.
function refuses(name, code, build, options = BOTH) {
  test(`ws/${name}`, options, async (t) => {
    const server = await startServer(t);
    const raw = await opened(t, server);
    raw.write([].concat(build()).reduce((all, part) => Buffer.concat([all, part])));
    await endsWith(t, raw, code);
    await alive(await opened(t, server));
  });
}

function text(fin = true) {
  return frame(OP.TEXT, request().text, { fin });
}

for (let rsv = 1; rsv <= 7; rsv++) {
  refuses(`reserved-bits/text-rsv-${rsv}`, PROTOCOL,
    () => frame(OP.TEXT, request().text, { rsv }));
}
for (const [name, opcode] of [['binary', OP.BINARY], ['ping', OP.PING], ['pong', OP.PONG],
  ['close', OP.CLOSE]]) {
  refuses(`reserved-bits/${name}-rsv-4`, PROTOCOL, () => frame(opcode, '', { rsv: 4 }));
}
refuses('reserved-bits/continuation-rsv-1', PROTOCOL,
  () => [text(false), frame(OP.CONT, '', { rsv: 1 })]);
refuses('reserved-bits/after-good-messages', PROTOCOL,
  () => [text(), frame(OP.PONG), frame(OP.TEXT, request().text, { rsv: 2 })]);

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  refuses(`opcodes/${opcode}-empty`, PROTOCOL, () => frame(opcode));
  refuses(`opcodes/${opcode}-after-a-message`, PROTOCOL, () => [text(), frame(opcode, 'x')]);
}

refuses('pings/126-bytes', PROTOCOL, () => frame(OP.PING, Buffer.alloc(126, 0xfe)));
refuses('pings/fragmented', PROTOCOL, () => frame(OP.PING, 'x', { fin: false }));
refuses('pings/pong-of-126-bytes', PROTOCOL, () => frame(OP.PONG, Buffer.alloc(126, 0xfe)));
refuses('pings/pong-fragmented', PROTOCOL, () => frame(OP.PONG, 'x', { fin: false }));

refuses('fragmentation/continuation-of-nothing', PROTOCOL, () => frame(OP.CONT, 'x'));
refuses('fragmentation/unfinished-continuation-of-nothing', PROTOCOL,
  () => frame(OP.CONT, 'x', { fin: false }));
refuses('fragmentation/continuation-after-a-whole-message', PROTOCOL,
  () => [text(), frame(OP.CONT, 'x')]);
refuses('fragmentation/text-inside-a-message', PROTOCOL, () => [text(false), text()]);
refuses('fragmentation/binary-inside-a-message', PROTOCOL,
  () => [text(false), frame(OP.BINARY, 'x', { fin: false })]);
refuses('fragmentation/close-fragmented', PROTOCOL,
  () => frame(OP.CLOSE, closePayload(1000), { fin: false }));

const INVALID = [['lone-continuation', '80'], ['lone-continuations', 'bfbfbf'],
  ['overlong-slash-2', 'c0af'], ['overlong-slash-3', 'e080af'], ['overlong-slash-4', 'f08080af'],
  ['overlong-nul', 'c080'], ['overlong-edge-2', 'c1bf'], ['overlong-edge-3', 'e09fbf'],
  ['overlong-edge-4', 'f08fbfbf'], ['surrogate-first', 'eda080'], ['surrogate-last', 'edbfbf'],
  ['surrogate-pair', 'eda080edb080'], ['above-10ffff', 'f4908080'], ['five-bytes', 'f888808080'],
  ['six-bytes', 'fc8480808080'], ['fe', 'fe'], ['ff', 'ff'], ['cut-2', 'c3'], ['cut-3', 'e282'],
  ['cut-4', 'f09f98'], ['latin1-in-words', '6772fc6e']];

function withBytes(hex) {
  return Buffer.concat([Buffer.from('{"id":"'), Buffer.from(hex, 'hex'),
    Buffer.from('","method":"no/such"}')]);
}

for (const [name, hex] of INVALID) {
  refuses(`utf8/invalid/${name}`, NOT_UTF8, () => frame(OP.TEXT, withBytes(hex)));
}
refuses('utf8/invalid/cut-at-the-end-of-the-message', NOT_UTF8,
  () => frame(OP.TEXT, Buffer.from('7b7de282', 'hex')));
refuses('utf8/invalid/in-the-second-fragment', NOT_UTF8,
  () => fragments(OP.TEXT, withBytes('eda080'), [8, 9]));
refuses('utf8/invalid/first-fragment-alone-is-bad', NOT_UTF8,
  () => [frame(OP.TEXT, withBytes('ff'), { fin: false }), frame(OP.CONT, 'x')]);
refuses('utf8/invalid/cut-by-the-final-fragment', NOT_UTF8,
  () => [frame(OP.TEXT, Buffer.from('7be2', 'hex'), { fin: false }),
    frame(OP.CONT, Buffer.from('82', 'hex'))]);

for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  const options = code >= 1016 && code < 5000 ? OURS : BOTH;
  refuses(`close/invalid-code-${code}`, PROTOCOL,
    () => frame(OP.CLOSE, closePayload(code)), options);
}
refuses('close/one-byte-payload', PROTOCOL, () => frame(OP.CLOSE, 'x'));
refuses('close/126-bytes-payload', PROTOCOL,
  () => frame(OP.CLOSE, closePayload(1000, 'r'.repeat(124))));
refuses('close/reason-that-is-not-utf8', [NOT_UTF8, PROTOCOL],
  () => frame(OP.CLOSE, Buffer.concat([closePayload(1000), Buffer.from('ff', 'hex')])));

refuses('masking/text-without-a-mask', PROTOCOL,
  () => frame(OP.TEXT, request().text, { mask: false }));
refuses('masking/ping-without-a-mask', PROTOCOL, () => frame(OP.PING, '', { mask: false }));
refuses('masking/close-without-a-mask', PROTOCOL,
  () => frame(OP.CLOSE, closePayload(1000), { mask: false }));

refuses('lengths/two-bytes-where-one-is-enough', PROTOCOL,
  () => frame(OP.TEXT, request(100).text, { lengthBytes: 3 }), OURS);
refuses('lengths/eight-bytes-where-two-are-enough', PROTOCOL,
  () => frame(OP.TEXT, request(1000).text, { lengthBytes: 9 }), OURS);
refuses('lengths/highest-bit-set', [PROTOCOL, TOO_BIG],
  () => frame(OP.TEXT, 'x', { claim: 2n ** 63n, lengthBytes: 9 }));
refuses('lengths/control-frame-with-a-long-length', PROTOCOL,
  () => frame(OP.PING, '', { claim: 70000 }), OURS);

// The size is refused when it is announced: nothing of the message has to be sent.
refuses('limits/64-mib-and-one-byte-announced', TOO_BIG,
  () => frame(OP.TEXT, '', { claim: 64 * 1048576 + 1 }), OURS);
refuses('limits/an-exbibyte-announced', TOO_BIG,
  () => frame(OP.BINARY, 'x', { claim: 2n ** 60n }), OURS);

test('ws/limits/max-message', OURS, async (t) => {
  const limit = 128 * 1024;
  const server = await startServer(t, { args: ['--max-message', '128KiB'] });
  const raw = await opened(t, server);
  const whole = request(limit);
  raw.write(frame(OP.TEXT, whole.text));
  await expectAnswer(raw, whole.id);
  const cut = request(limit);
  raw.write(Buffer.concat(fragments(OP.TEXT, Buffer.from(cut.text), [1000, 100000])));
  await expectAnswer(raw, cut.id);
  raw.write(frame(OP.TEXT, request(limit + 1).text));
  await endsWith(t, raw, TOO_BIG);
});

test('ws/limits/fragments-that-add-up', OURS, async (t) => {
  const server = await startServer(t, { args: ['--max-message', '128KiB'] });
  const raw = await opened(t, server);
  const bytes = Buffer.from(request(128 * 1024 + 1).text);
  raw.write(Buffer.concat(fragments(OP.TEXT, bytes, [60000, 120000])));
  await endsWith(t, raw, TOO_BIG);
});

test('ws/limits/endless-empty-fragments-hold-no-memory', OURS, async (t) => {
  const fs = require('node:fs');
  const { servingPid } = require('../lib/proc');
  const server = await startServer(t);
  const raw = await opened(t, server);
  const serving = servingPid(server.pid);
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(
    fs.readFileSync(`/proc/${serving}/status`, 'latin1'))[1]);
  const before = resident();
  raw.write(frame(OP.TEXT, '{', { fin: false }));
  const empty = Buffer.concat(Array.from({ length: 1000 },
    () => frame(OP.CONT, '', { fin: false })));
  for (let n = 0; n < 300; n++) raw.write(empty);
  raw.write(frame(OP.PING, 'through'));
  const pong = await raw.nextFrame('the pong');
  assert.equal(pong.payload.toString(), 'through');
  assert.ok(resident() - before < 8192, `grew by ${resident() - before} KiB`);
});
