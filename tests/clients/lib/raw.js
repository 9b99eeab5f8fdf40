'use strict';
// A bare socket: HTTP by hand, and WebSocket frames as a test wants them, right or wrong.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const net = require('node:net');

const WAIT_MS = 10000;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

function upgradeHead(key, { path = '/', host = '127.0.0.1', headers = {}, drop = [] } = {}) {
  const lines = { Host: host, Connection: 'Upgrade', Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, ...headers };
  drop.forEach((name) => delete lines[name]);
  const text = Object.entries(lines).flatMap(([name, value]) =>
    [].concat(value).map((each) => `${name}: ${each}\r\n`)).join('');
  return `GET ${path} HTTP/1.1\r\n${text}\r\n`;
}

// A client's frame. options: fin, rsv (0 to 7), mask (false: none), lengthBytes (1, 3 or 9: how the
// length is written), claim (a length that differs from the payload's).
function frame(opcode, payload = '', options = {}) {
  const { fin = true, rsv = 0, mask = true, claim } = options;
  const bytes = Buffer.from(payload);
  const length = claim === undefined ? bytes.length : claim;
  const field = lengthField(BigInt(length), options.lengthBytes);
  field[0] |= mask ? 0x80 : 0;
  const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]);
  if (!mask) return Buffer.concat([head, field, bytes]);
  const key = crypto.randomBytes(4);
  const masked = Buffer.from(bytes.map((byte, index) => byte ^ key[index & 3]));
  return Buffer.concat([head, field, key, masked]);
}

function lengthField(length, bytes) {
  const size = bytes || (length < 126n ? 1 : length < 65536n ? 3 : 9);
  const field = Buffer.alloc(size);
  if (size === 1) field[0] = Number(length);
  else if (size === 3) {
    field[0] = 126;
    field.writeUInt16BE(Number(length), 1);
  } else {
    field[0] = 127;
    field.writeBigUInt64BE(length, 1);
  }
  return field;
}

function closePayload(code, reason = '') {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

// The first whole frame in `bytes`, or null. Checks what a server must never do.
function parseFrame(bytes) {
  if (bytes.length < 2) return null;
  assert.equal(bytes[1] & 0x80, 0, 'a server must not mask');
  assert.equal(bytes[0] & 0x70, 0, 'a server must not set reserved bits');
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
    assert.ok(length >= 126, 'the length is written too long');
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
    assert.ok(length >= 65536, 'the length is written too long');
  }
  if (bytes.length < at + length) return null;
  return { fin: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & 0x0f,
    payload: bytes.subarray(at, at + length), size: at + length };
}

class RawSocket {
  constructor(socket, patience) {
    this.socket = socket;
    this.patience = patience;
    this.input = Buffer.alloc(0);
    this.ended = null;
    this.wake = [];
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.update(() => {
      this.input = Buffer.concat([this.input, bytes]);
    }));
    socket.on('end', () => this.update(() => { this.ended = this.ended || 'eof'; }));
    socket.on('error', (error) => this.update(() => { this.ended = this.ended || error.code; }));
    socket.on('close', () => this.update(() => { this.ended = this.ended || 'close'; }));
  }

  update(change) {
    change();
    this.wake.splice(0).forEach((fn) => fn());
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  // One segment a byte: TCP_NODELAY is set and each write is its own.
  async writeBytewise(bytes) {
    for (const byte of Buffer.from(bytes)) {
      await new Promise((resolve) => this.socket.write(Buffer.from([byte]), resolve));
    }
  }

  // Resolves with the first value of `look()` that is not undefined; rejects at the deadline, and
  // when the connection ended without one.
  async wait(look, what, timeoutMs = WAIT_MS) {
    const end = Date.now() + timeoutMs * this.patience;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.ended) throw new Error(`connection ended (${this.ended}), waiting for ${what}`);
      const left = end - Date.now();
      if (left <= 0) throw new Error(`waited ${timeoutMs} ms for ${what}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake.push(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  // An HTTP head: status, headers by lower-case name; the body stays in `input`.
  async readHead(timeoutMs) {
    const at = await this.wait(() => {
      const found = this.input.indexOf('\r\n\r\n');
      return found < 0 ? undefined : found;
    }, 'an HTTP answer', timeoutMs);
    const [first, ...lines] = this.input.subarray(0, at).toString('latin1').split('\r\n');
    this.input = this.input.subarray(at + 4);
    assert.match(first, /^HTTP\/1\.1 \d{3}( |$)/);
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(':');
      assert.ok(colon > 0, `header line ${line}`);
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    return { status: Number(first.slice(9, 12)), headers };
  }

  async readBody(head) {
    const length = Number(head.headers['content-length']);
    assert.ok(Number.isInteger(length), 'content-length');
    await this.wait(() => (this.input.length >= length ? true : undefined), 'the body');
    const body = this.input.subarray(0, length).toString('utf8');
    this.input = this.input.subarray(length);
    return body;
  }

  async upgrade(options) {
    const key = crypto.randomBytes(16).toString('base64');
    this.write(upgradeHead(key, options));
    const head = await this.readHead();
    assert.equal(head.status, 101, `status ${head.status}`);
    const accept = crypto.createHash('sha1').update(key + GUID).digest('base64');
    assert.equal(head.headers['sec-websocket-accept'], accept);
    return head;
  }

  nextFrame(what = 'a frame', timeoutMs) {
    return this.wait(() => {
      const found = parseFrame(this.input);
      if (!found) return undefined;
      this.input = this.input.subarray(found.size);
      return found;
    }, what, timeoutMs);
  }

  // The next data message; pings and pongs before it are passed over.
  async nextMessage(timeoutMs) {
    for (;;) {
      const got = await this.nextFrame('a message', timeoutMs);
      if (got.opcode === OP.PING || got.opcode === OP.PONG) continue;
      assert.equal(got.opcode, OP.TEXT, `opcode ${got.opcode} ${got.payload.toString('hex')}`);
      assert.ok(got.fin, 'the server does not fragment');
      return JSON.parse(got.payload.toString('utf8'));
    }
  }

  // How the connection ends: {code, reason} of the close frame, code null without one. Messages
  // before it are passed over.
  async waitEnd(timeoutMs = WAIT_MS) {
    let close = { code: null, reason: '' };
    for (;;) {
      let got;
      try {
        got = await this.nextFrame('the end of the connection', timeoutMs);
      } catch (error) {
        if (this.ended) return close;
        throw error;
      }
      if (got.opcode === OP.CLOSE) close = parseClose(got.payload);
    }
  }

  async waitEnded(timeoutMs = WAIT_MS) {
    await this.wait(() => this.ended || undefined, 'the end of the connection', timeoutMs);
  }

  destroy() {
    this.socket.destroy();
  }
}

function parseClose(payload) {
  if (payload.length === 0) return { code: 1005, reason: '' };
  assert.ok(payload.length >= 2, 'a close frame of one byte');
  return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString('utf8') };
}

// where: a ws:// URL or the path of a Unix socket. options go to net.connect.
function rawConnect(t, where, options = {}) {
  const target = where.startsWith('/') ? { path: where } :
    { host: new URL(where).hostname, port: Number(new URL(where).port) };
  const socket = net.connect({ allowHalfOpen: false, ...target, ...options });
  const raw = new RawSocket(socket, t.settings.patience);
  t.defer(() => raw.destroy());
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(raw));
    socket.once('error', reject);
  });
}

async function rawUpgraded(t, where, options) {
  const raw = await rawConnect(t, where);
  await raw.upgrade(options);
  return raw;
}

module.exports = { OP, frame, closePayload, upgradeHead, rawConnect, rawUpgraded, RawSocket };
