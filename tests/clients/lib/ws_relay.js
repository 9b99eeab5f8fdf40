'use strict';
// The bytes of one WebSocket connection on their way through a proxy, cut into frames that go on as
// they came. The head of the HTTP upgrade passes as it is. Knows no sockets and no protocol.

// The frame that begins at `at`: {size, opcode, fin, key, from}, or null while it is incomplete.
function frameAt(bytes, at) {
  if (bytes.length < at + 2) return null;
  const short = bytes[at + 1] & 0x7f;
  const isMasked = (bytes[at + 1] & 0x80) !== 0;
  let from = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  if (bytes.length < from) return null;
  let length = short;
  if (short === 126) length = bytes.readUInt16BE(at + 2);
  if (short === 127) length = Number(bytes.readBigUInt64BE(at + 2));
  const key = isMasked ? bytes.subarray(from, from + 4) : null;
  if (isMasked) from += 4;
  if (bytes.length < from + length) return null;
  return { fin: (bytes[at] & 0x80) !== 0, opcode: bytes[at] & 0x0f, key, from,
    end: from + length };
}

function payloadOf(bytes, frame) {
  const payload = Buffer.from(bytes.subarray(frame.from, frame.end));
  for (let n = 0; frame.key && n < payload.length; n++) payload[n] ^= frame.key[n & 3];
  return payload;
}

// One direction of one connection. feed(bytes) calls onPart(raw, message) for each whole part: the
// head, a control frame or a piece of a message with message null; the last frame of a text message
// with what it says.
class Relay {
  constructor(onPart) {
    this.onPart = onPart;
    this.rest = Buffer.alloc(0);
    this.hasHead = false;
    this.pieces = [];
  }

  feed(bytes) {
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    if (!this.hasHead && !this.takeHead()) return;
    let at = 0;
    for (let frame; (frame = frameAt(this.rest, at)) !== null; at = frame.end) {
      this.onPart(this.rest.subarray(at, frame.end), this.messageOf(frame));
    }
    this.rest = this.rest.subarray(at);
  }

  takeHead() {
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    this.hasHead = true;
    this.onPart(this.rest.subarray(0, end + 4), null);
    this.rest = this.rest.subarray(end + 4);
    return true;
  }

  messageOf(frame) {
    if (frame.opcode > 2) return null;
    this.pieces.push(payloadOf(this.rest, frame));
    if (!frame.fin) return null;
    return JSON.parse(Buffer.concat(this.pieces.splice(0)).toString('utf8'));
  }
}

module.exports = { Relay };
