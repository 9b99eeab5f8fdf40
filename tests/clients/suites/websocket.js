'use strict';
// WebSocket conformance, what must work: framing, pings and pongs, fragmentation, UTF-8, closing.
// The categories are those of the well-known conformance suites.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { OP, frame, closePayload } = require('../lib/raw');
const { opened, request, expectAnswer, alive, endsWith, fragments } = require('../lib/ws_case');

const BOTH = { on: ['execport', 'codex'] };
const OURS = { on: ['execport'] };
const LENGTHS = [60, 124, 125, 126, 127, 128, 4096, 65535, 65536, 65537, 1048576];

function wsTest(name, options, fn) {
  test(`ws/${name}`, options, async (t) => fn(t, await opened(t)));
}

for (const [name, opcode] of [['text', OP.TEXT], ['binary', OP.BINARY]]) {
  for (const length of LENGTHS) {
    wsTest(`framing/${name}-of-${length}-bytes`, BOTH, async (t, raw) => {
      const { id, text } = request(length);
      raw.write(frame(opcode, text));
      await expectAnswer(raw, id);
    });
  }
  wsTest(`framing/${name}-in-pieces-of-997-bytes`, BOTH, async (t, raw) => {
    const { id, text } = request(65536);
    const bytes = frame(opcode, text);
    for (let at = 0; at < bytes.length; at += 997) raw.write(bytes.subarray(at, at + 997));
    await expectAnswer(raw, id);
  });
  wsTest(`framing/${name}-one-byte-at-a-time`, BOTH, async (t, raw) => {
    for (const length of [100, 300]) {
      const { id, text } = request(length);
      await raw.writeBytewise(frame(opcode, text));
      await expectAnswer(raw, id);
    }
  });
}

wsTest('framing/hundred-frames-in-one-segment', BOTH, async (t, raw) => {
  const requests = Array.from({ length: 100 }, () => request());
  raw.write(Buffer.concat(requests.map(({ text }) => frame(OP.TEXT, text))));
  for (const { id } of requests) await expectAnswer(raw, id);
});

wsTest('framing/a-frame-cut-in-its-head', BOTH, async (t, raw) => {
  const first = request(200);
  const second = request(70000);
  const bytes = Buffer.concat([frame(OP.TEXT, first.text), frame(OP.TEXT, second.text)]);
  const firstSize = frame(OP.TEXT, first.text).length;
  for (const cut of [1, 2, 3, 5, firstSize + 1, firstSize + 5, firstSize + 9, firstSize + 13]) {
    raw.write(bytes.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    raw.write(bytes.subarray(cut));
    await expectAnswer(raw, first.id);
    await expectAnswer(raw, second.id);
  }
});

for (const [name, payload] of [['empty', ''], ['text', 'Hello, world!'],
  ['binary', Buffer.from([0, 255, 254, 128, 1])], ['125-bytes', Buffer.alloc(125, 0xfe)]]) {
  wsTest(`pings/${name}`, BOTH, async (t, raw) => {
    raw.write(frame(OP.PING, payload));
    const pong = await raw.nextFrame();
    assert.equal(pong.opcode, OP.PONG);
    assert.deepEqual(pong.payload, Buffer.from(payload));
    await alive(raw);
  });
}

wsTest('pings/one-byte-at-a-time', BOTH, async (t, raw) => {
  await raw.writeBytewise(frame(OP.PING, 'bytewise'));
  assert.equal((await raw.nextFrame()).payload.toString(), 'bytewise');
});

// A server that is asked again before it answered may answer the last ping only (RFC 6455, 5.5.3).
wsTest('pings/ten-in-a-row-keep-their-order', BOTH, async (t, raw) => {
  raw.write(Buffer.concat(Array.from({ length: 10 }, (unused, n) => frame(OP.PING, `p${n}`))));
  let last = -1;
  while (last < 9) {
    const pong = await raw.nextFrame('a pong');
    assert.equal(pong.opcode, OP.PONG);
    const number = Number(pong.payload.toString().slice(1));
    assert.ok(number > last, `pong ${number} after ${last}`);
    last = number;
  }
});

wsTest('pings/unsolicited-pongs-are-ignored', BOTH, async (t, raw) => {
  raw.write(Buffer.concat([frame(OP.PONG), frame(OP.PONG, 'unasked'), frame(OP.PONG, 'again')]));
  await alive(raw);
});

test('ws/pings/the-server-pings', OURS, async (t) => {
  const raw = await opened(t, await startServer(t, { args: ['--ping-interval', '1s'] }));
  for (let n = 0; n < 2; n++) {
    const ping = await raw.nextFrame('a ping', 5000);
    assert.equal(ping.opcode, OP.PING);
    assert.ok(ping.payload.length <= 125);
    raw.write(frame(OP.PONG, ping.payload));
  }
  await alive(raw);
});

test('ws/pings/the-server-pings-after-30-s-by-itself',
  { ...OURS, timeoutMs: 60000, background: true }, async (t) => {
    const raw = await opened(t);
    const begun = Date.now();
    const ping = await raw.nextFrame('a ping', 50000);
    assert.equal(ping.opcode, OP.PING);
    // One timer serves all connections, so the first ping may come earlier than 30 s.
    assert.ok(Date.now() - begun < 40000, 'the ping came late');
    raw.write(frame(OP.PONG, ping.payload));
    await alive(raw);
  });

for (const [name, opcode] of [['text', OP.TEXT], ['binary', OP.BINARY]]) {
  wsTest(`fragmentation/${name}-in-two`, BOTH, async (t, raw) => {
    const { id, text } = request(400);
    raw.write(Buffer.concat(fragments(opcode, Buffer.from(text), [200])));
    await expectAnswer(raw, id);
  });
}

wsTest('fragmentation/empty-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(100);
  raw.write(Buffer.concat(fragments(OP.TEXT, Buffer.from(text), [0, 0, 50, 50, 100, 100])));
  await expectAnswer(raw, id);
});

wsTest('fragmentation/one-byte-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(500);
  const cuts = Array.from({ length: 499 }, (unused, n) => n + 1);
  raw.write(Buffer.concat(fragments(OP.TEXT, Buffer.from(text), cuts)));
  await expectAnswer(raw, id);
});

wsTest('fragmentation/sixteen-thousand-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(1048576);
  const cuts = Array.from({ length: 16383 }, (unused, n) => (n + 1) * 64);
  raw.write(Buffer.concat(fragments(OP.TEXT, Buffer.from(text), cuts)));
  await expectAnswer(raw, id);
});

wsTest('fragmentation/pings-between-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(300);
  const parts = fragments(OP.TEXT, Buffer.from(text), [100, 200]);
  for (const [index, part] of parts.entries()) {
    raw.write(part);
    if (index === 2) continue;
    raw.write(frame(OP.PING, `between ${index}`));
    const pong = await raw.nextFrame();
    assert.equal(pong.opcode, OP.PONG);
    assert.equal(pong.payload.toString(), `between ${index}`);
  }
  await expectAnswer(raw, id);
});

wsTest('fragmentation/fragments-and-pings-in-one-segment', BOTH, async (t, raw) => {
  const { id, text } = request(300);
  const [a, b, c] = fragments(OP.TEXT, Buffer.from(text), [1, 299]);
  raw.write(Buffer.concat([a, frame(OP.PONG, 'x'), b, frame(OP.PONG), c]));
  await expectAnswer(raw, id);
});

const UTF8_SAMPLES = [['latin', '\u00e4\u00f6\u00fc\u00df'],
  ['greek', '\u03ba\u1f79\u03c3\u03bc\u03b5'],
  ['edges', '\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}'],
  ['around-surrogates', '\ud7ff\ue000\ufffd'],
  ['noncharacters', '\ufdd0\ufffe\u{1fffe}\u{10fffe}'],
  ['emoji', '\u{1f600}\u{1f468}\u200d\u{1f469}'],
  ['delete', '\u007f']];

for (const [name, sample] of UTF8_SAMPLES) {
  wsTest(`utf8/valid/${name}`, BOTH, async (t, raw) => {
    const { id, text } = request(0, `u-${sample}`);
    raw.write(frame(OP.TEXT, text));
    await expectAnswer(raw, id);
  });
}

wsTest('utf8/valid/cut-at-every-byte-by-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(0, `u-${UTF8_SAMPLES.map(([, sample]) => sample).join('')}`);
  const bytes = Buffer.from(text);
  for (let cut = 1; cut < bytes.length; cut++) {
    raw.write(Buffer.concat(fragments(OP.TEXT, bytes, [cut])));
    await expectAnswer(raw, id);
  }
});

wsTest('utf8/valid/one-byte-fragments', BOTH, async (t, raw) => {
  const { id, text } = request(0, `u-${UTF8_SAMPLES.map(([, sample]) => sample).join('')}`);
  const bytes = Buffer.from(text);
  const cuts = Array.from({ length: bytes.length - 1 }, (unused, n) => n + 1);
  raw.write(Buffer.concat(fragments(OP.TEXT, bytes, cuts)));
  await expectAnswer(raw, id);
});

wsTest('utf8/binary-that-is-not-utf8-is-an-unparsable-message', BOTH, async (t, raw) => {
  raw.write(frame(OP.BINARY, Buffer.from('7b226964223a22ff227d', 'hex')));
  const reply = await raw.nextMessage();
  assert.equal(reply.id, -1);
  assert.equal(reply.error.code, -32600);
  await alive(raw);
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
  wsTest(`close/valid-code-${code}-is-given-back`, BOTH, async (t, raw) => {
    raw.write(frame(OP.CLOSE, closePayload(code, 'reason')));
    await endsWith(t, raw, code);
  });
}

wsTest('close/without-a-code', BOTH, async (t, raw) => {
  raw.write(frame(OP.CLOSE));
  await endsWith(t, raw, [1005, 1000]);
});

wsTest('close/reason-of-123-bytes', BOTH, async (t, raw) => {
  raw.write(frame(OP.CLOSE, closePayload(1000, '\u00e9'.repeat(61) + 'x')));
  await endsWith(t, raw, 1000);
});

wsTest('close/in-the-middle-of-a-fragmented-message', BOTH, async (t, raw) => {
  raw.write(Buffer.concat([frame(OP.TEXT, '{"id":', { fin: false }),
    frame(OP.CLOSE, closePayload(1000))]));
  await endsWith(t, raw, 1000);
});

wsTest('close/what-follows-a-close-is-ignored', OURS, async (t, raw) => {
  const { text } = request();
  raw.write(Buffer.concat([frame(OP.CLOSE, closePayload(1000)), frame(OP.PING, 'late'),
    frame(OP.TEXT, text), frame(OP.CLOSE, closePayload(1001))]));
  const first = await raw.nextFrame('the close');
  assert.equal(first.opcode, OP.CLOSE);
  assert.equal(first.payload.readUInt16BE(0), 1000);
  await raw.waitEnded();
  assert.equal(raw.input.length, 0, 'something was sent after the close');
});

wsTest('close/requests-before-it-are-answered-or-dropped-whole', BOTH, async (t, raw) => {
  const { id, text } = request();
  raw.write(frame(OP.TEXT, text));
  await expectAnswer(raw, id);
  raw.write(Buffer.concat([frame(OP.TEXT, request().text), frame(OP.CLOSE, closePayload(1000))]));
  await endsWith(t, raw, 1000);
});

wsTest('close/by-tcp-alone-leaves-the-server-serving', BOTH, async (t, raw) => {
  raw.socket.end();
  await raw.waitEnded();
});

test('ws/close/by-reset-leaves-the-server-serving', BOTH, async (t) => {
  const server = await startServer(t);
  const raw = await opened(t, server);
  raw.socket.resetAndDestroy();
  await alive(await opened(t, server));
});
