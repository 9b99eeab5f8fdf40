'use strict';
// One process as a lossless client sees it over many connections: events in the order of their
// numbers, every byte checked at its place, what was missed filled in by process/read. Whatever is
// against the protocol throws.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');

const REMEMBERED = 256; // events whose bytes a repeat is compared with
const UNNAMED = 'event'; // the exit or the close

function printOf({ kind, bytes }) {
  return `${kind} ${bytes.length} ${crypto.createHash('md5').update(bytes).digest('hex')}`;
}

class Tracker {
  // expect: by stream, a function (position, bytes) that throws if these bytes are wrong there.
  constructor(id, expect) {
    Object.assign(this, { id, expect, seq: 0, waiting: new Map(), seen: new Map() });
    this.bytes = { stdout: 0, stderr: 0, pty: 0 };
    this.exitCode = undefined;
    this.isClosed = false;
    this.forgetConnection();
  }

  // Numbers of notifications go up by one on each connection.
  forgetConnection() {
    this.firstTold = undefined;
    this.lastTold = undefined;
  }

  fail(why) {
    assert.fail(`${this.id} at seq ${this.seq}: ${why}`);
  }

  onNotification(method, params) {
    const { seq } = params;
    if (this.lastTold !== undefined && seq !== this.lastTold + 1) {
      this.fail(`told ${seq} after ${this.lastTold}`);
    }
    this.firstTold ??= seq;
    this.lastTold = seq;
    if (method === 'process/output') this.add(seq, this.chunk(params));
    else if (method === 'process/exited') this.add(seq, { kind: 'exited', code: params.exitCode });
    else if (method === 'process/closed') this.add(seq, { kind: 'closed' });
    else this.fail(`${method}?`);
    this.goOn();
  }

  chunk({ stream, chunk, offset }) {
    if (offset) this.fail(`a chunk from offset ${offset}`);
    const bytes = Buffer.from(chunk, 'base64');
    if (bytes.length === 0 || bytes.length > 65536) this.fail(`a chunk of ${bytes.length} bytes`);
    return { kind: stream, bytes };
  }

  // An event never changes, however often it is given. A number without a chunk in a reply is the
  // exit or the close, whichever it is.
  add(seq, event) {
    const print = event.bytes ? printOf(event) : event.kind;
    const before = this.seen.get(seq);
    const isVague = !event.bytes && (before === UNNAMED || event.kind === UNNAMED) &&
      before !== undefined && !before.includes(' ');
    if (before !== undefined && before !== print && !isVague) {
      this.fail(`${seq} was ${before}, now ${print}`);
    }
    if (before === undefined || before === UNNAMED) {
      this.seen.set(seq, print);
      if (seq > this.seq) this.waiting.set(seq, event);
    }
    this.seen.delete(this.seq - REMEMBERED);
  }

  goOn() {
    for (let event; (event = this.waiting.get(this.seq + 1)) !== undefined;) {
      this.waiting.delete(++this.seq);
      this.take(event);
    }
  }

  take(event) {
    if (this.isClosed) this.fail(`${event.kind} behind the close`);
    if (event.bytes) {
      this.expect[event.kind](this.bytes[event.kind], event.bytes);
      this.bytes[event.kind] += event.bytes.length;
    } else if (this.exitSeq === undefined) {
      if (event.kind === 'closed') this.fail('closed before exited');
      this.exitSeq = this.seq;
      this.exitCode = event.code;
    } else {
      if (event.kind === 'exited') this.fail('a second exit');
      this.isClosed = true;
    }
  }

  // What came by notifications while a read was under way is acknowledged, not missing.
  checkSkipped({ firstSeq, lastSeq, bytes }) {
    for (let seq = Math.max(firstSeq, this.seq + 1); seq <= lastSeq; seq++) {
      if (!this.waiting.has(seq)) this.fail(`lost ${firstSeq} to ${lastSeq}, ${bytes} bytes`);
    }
  }

  // Takes the reply to process/read {afterSeq}. Numbers that it passes over without a chunk are the
  // exit's and the close's. Returns whether notifications go on where it ends.
  onRead(afterSeq, reply) {
    if (reply.skipped) this.checkSkipped(reply.skipped);
    const given = new Set();
    let last = afterSeq;
    for (const chunk of reply.chunks) {
      if (chunk.seq <= last) this.fail(`read ${chunk.seq} after ${last}`);
      last = chunk.seq;
      given.add(last);
      this.add(last, this.chunk(chunk));
    }
    if (reply.nextSeq <= last) this.fail(`nextSeq ${reply.nextSeq} with chunk ${last}`);
    const { firstSeq = 1, lastSeq = 0 } = reply.skipped || {}; // these have been told: see above
    for (let seq = afterSeq + 1; seq < reply.nextSeq; seq++) {
      if (given.has(seq) || seq <= this.seq || (seq >= firstSeq && seq <= lastSeq)) continue;
      if (!reply.exited) this.fail(`read gives no ${seq}, and nothing has exited`);
      this.add(seq, { kind: UNNAMED, code: reply.exitCode });
    }
    this.goOn();
    return this.isClosed || reply.chunks.length === 0 || this.firstTold <= this.seq + 1;
  }
}

module.exports = { Tracker };
