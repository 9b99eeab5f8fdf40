'use strict';
// A WebSocket connection by hand that is cut at an exact place: behind a number of received bytes,
// wherever in a frame that is, or in the middle of a message on its way in. It is cut with FIN or,
// over TCP, with RST. It answers pings, or is mute from the start.
//
// plan: afterBytes (received, the handshake's too; Infinity: never), how ('fin', 'rst'), isMute.

const crypto = require('node:crypto');
const net = require('node:net');
const { upgradeHead, OP } = require('./raw');

// A masked frame (RFC 6455, 5.3).
function maskedFrame(opcode, text) {
  const payload = Buffer.from(text);
  const extra = payload.length < 126 ? 0 : payload.length < 65536 ? 2 : 8;
  const bytes = Buffer.alloc(2 + extra + 4 + payload.length);
  bytes[0] = 0x80 | opcode;
  bytes[1] = 0x80 | (extra === 0 ? payload.length : extra === 2 ? 126 : 127);
  if (extra === 2) bytes.writeUInt16BE(payload.length, 2);
  else if (extra === 8) bytes.writeBigUInt64BE(BigInt(payload.length), 2);
  const at = 2 + extra;
  bytes.writeUInt32BE(crypto.randomInt(2 ** 32 - 1), at);
  for (let i = 0; i < payload.length; i++) {
    bytes[at + 4 + i] = payload[i] ^ bytes[at + (i & 3)];
  }
  return bytes;
}

class CutConn {
  // url: of a ws:// or unix:// listener.
  constructor(url, plan, onMessage) {
    Object.assign(this, { plan, onMessage, received: 0, isOpen: false, isCut: false, parts: [],
      partsBytes: 0, wanted: 1 });
    this.over = new Promise((resolve) => { this.resolveOver = resolve; });
    this.opened = new Promise((resolve) => { this.resolveOpened = resolve; });
    const path = url.startsWith('unix://') ? url.slice(7) : null;
    this.canReset = path === null;
    this.socket = net.connect(path ? { path } :
      { host: new URL(url).hostname, port: Number(new URL(url).port) });
    this.socket.on('connect', () => this.socket.write(
      upgradeHead(crypto.randomBytes(16).toString('base64'))));
    this.socket.on('data', (bytes) => this.onData(bytes));
    this.socket.on('error', (error) => this.end(error.code));
    this.socket.on('close', () => this.end('close'));
  }

  // The connection is over, by us or by the server; told once.
  end(why) {
    if (this.endedBy === undefined) this.endedBy = this.isCut ? 'us' : why;
    this.isCut = true;
    this.resolveOpened(false);
    this.resolveOver(this.endedBy);
  }

  cut() {
    if (this.isCut) return;
    this.isCut = true;
    if (this.plan.how === 'rst' && this.canReset && !this.socket.connecting) {
      this.socket.resetAndDestroy();
    } else {
      this.socket.destroy();
    }
    this.end();
  }

  send(message) {
    if (this.isCut || this.isBroken) return;
    this.socket.write(maskedFrame(OP.TEXT, JSON.stringify(message)));
  }

  // Sends the first part of a message and cuts when the system has it.
  sendPart(message, random) {
    if (this.isCut) return;
    const bytes = maskedFrame(OP.TEXT, JSON.stringify(message));
    this.isBroken = true; // nothing may follow
    this.socket.write(bytes.subarray(0, 1 + random.below(bytes.length - 1)), () => this.cut());
  }

  onData(bytes) {
    if (this.isCut || this.isBroken) return;
    const room = this.plan.afterBytes - this.received;
    this.received += bytes.length;
    this.feed(bytes.length > room ? bytes.subarray(0, room) : bytes);
    if (bytes.length >= room) this.cut();
  }

  // Bytes are put together once enough of them are there.
  feed(bytes) {
    this.parts.push(bytes);
    this.partsBytes += bytes.length;
    while (!this.isCut && this.partsBytes >= this.wanted) {
      const all = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
      const used = this.isOpen ? this.takeFrame(all) : this.takeHead(all);
      this.parts = [all.subarray(used)];
      this.partsBytes = all.length - used;
      if (used === 0) return;
    }
  }

  takeHead(all) {
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    if (!all.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) {
      throw new Error(`no upgrade: ${all.subarray(0, end)}`);
    }
    this.isOpen = true;
    this.wanted = 2;
    this.resolveOpened(true);
    return end + 4;
  }

  takeFrame(all) {
    const short = all[1] & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    this.wanted = head;
    if (all.length < head) return 0;
    const length = short < 126 ? short : short === 126 ? all.readUInt16BE(2) :
      Number(all.readBigUInt64BE(2));
    this.wanted = head + length;
    if (all.length < this.wanted) return 0;
    this.wanted = 2;
    this.takeMessage(all[0] & 0x0f, all.subarray(head, head + length));
    return head + length;
  }

  takeMessage(opcode, payload) {
    if (opcode === OP.TEXT) this.onMessage(JSON.parse(payload.toString('utf8')));
    else if (opcode === OP.PING && !this.plan.isMute && !this.isBroken) {
      this.socket.write(maskedFrame(OP.PONG, payload));
    } else if (opcode === OP.CLOSE) {
      this.end(`close frame ${payload.length >= 2 ? payload.readUInt16BE(0) : ''} ` +
        payload.subarray(2).toString());
      this.socket.destroy();
    }
  }
}

module.exports = { CutConn };
