'use strict';
// A client that loses its connection again and again and must lose nothing else: it comes back with
// the id of its session, sends again what was not answered, reads what it missed. What it does is
// random; a seed repeats it, as far as the system's timing does.

const assert = require('node:assert/strict');
const { CutConn } = require('./cut_conn');
const { Tracker } = require('./tracker');

const POLLS_MOST = 4;
const WRITES_MOST = 5;
const ROUND_MOST_MS = 100; // a connection that has nothing more to say is cut then
const STUCK_MS = 20000;
const MISSED_MS = 5000; // what nobody asks for so long is given up

// The client was so long without a processor that it may have lost something.
class TooLate extends Error {}

class Resumer {
  // options: url, random, slow, start(id, kind) (the params of process/start), kinds of processes.
  constructor(options) {
    Object.assign(this, options, { processes: new Map(), sessionId: undefined, nextId: 1,
      nextShort: 1 });
    this.stats = { cuts: 0, inFrame: 0, byTime: 0, rst: 0, resumed: 0, refused: 0, reads: 0,
      writes: 0, resent: 0, polls: 0, answeredPolls: 0, starts: 0, startsTwice: 0, bytes: 0 };
  }

  fail(why) {
    assert.fail(`seed ${this.seed}, cut ${this.stats.cuts}: ${why}`);
  }

  // ---- Processes ----

  // kind: {expect, sink?, ends?}; sink: {textOf(n)}, writes are numbered.
  addProcess(id, kind) {
    const process = { id, kind, tracker: new Tracker(id, kind.expect), isStarted: false,
      writes: [], nextWrite: 0, lastAnswered: undefined, reading: false, waitRecord: undefined,
      heardMs: Date.now() };
    this.processes.set(id, process);
    return process;
  }

  get living() {
    return [...this.processes.values()].filter(({ tracker }) => !tracker.isClosed);
  }

  // ---- Requests ----

  post(method, params, onReply) {
    const id = this.nextId++;
    this.pending.set(id, { method, params, onReply });
    this.conn.send({ id, method, params });
  }

  onMessage(conn, message) {
    if (conn !== this.conn) return;
    if (message.method) {
      const process = this.processes.get(message.params.processId);
      if (!process) this.fail(`${message.method} of nobody`);
      this.stats.bytes += message.params.chunk ? message.params.chunk.length : 0;
      process.tracker.onNotification(message.method, message.params);
      this.afterEvents(process);
    } else {
      const asked = this.pending.get(message.id);
      if (!asked) {
        this.fail(`a reply nobody waits for: ${JSON.stringify(message).slice(0, 300)}`);
      }
      this.pending.delete(message.id);
      asked.onReply(message);
    }
    if (this.isReady) this.onProgress();
  }

  result(message, what) {
    if (message.error) this.fail(`${what}: ${JSON.stringify(message.error)}`);
    return message.result;
  }

  // ---- Coming back ----

  // One connection from its beginning to its cut. plan: see CutConn; cutsInFrame: after so many
  // things done, in the middle of a message.
  async round(plan) {
    let timer;
    this.pending = new Map();
    this.isReady = false;
    this.actions = plan.actions;
    this.polls = 0;
    this.processes.forEach((process) => {
      process.reading = false;
      process.isReadBehind = false;
      process.heardMs = Date.now();
      process.tracker.forgetConnection();
    });
    const failed = new Promise((resolve, reject) => { this.reject = reject; });
    const conn = new CutConn(this.url, plan, (message) => {
      try {
        this.onMessage(conn, message);
      } catch (error) {
        this.reject(error);
      }
    });
    this.conn = conn;
    timer = setTimeout(() => {
      this.stats.byTime += 1;
      conn.cut();
    }, plan.mostMs || ROUND_MOST_MS * this.slow);
    if (await Promise.race([conn.opened, failed])) this.sayHello();
    const endedBy = await Promise.race([conn.over, failed]);
    clearTimeout(timer);
    if (endedBy !== 'us') this.fail(`the server ended the connection: ${endedBy}`);
    this.stats.cuts += 1;
    if (plan.how === 'rst' && conn.canReset) this.stats.rst += 1;
  }

  sayHello() {
    const params = { clientName: 'execport-tests' };
    if (this.sessionId) params.resumeSessionId = this.sessionId;
    this.post('initialize', params, (message) => {
      if (message.error && message.error.code === -32010) {
        this.stats.refused += 1; // the one before is not known to be over
        this.sayHello();
        return;
      }
      const { sessionId } = this.result(message, 'initialize');
      if (this.sessionId && sessionId !== this.sessionId) this.fail('another session');
      if (this.sessionId) this.stats.resumed += 1;
      this.sessionId = sessionId;
      this.conn.send({ method: 'initialized' });
      this.isReady = true;
      this.comeBack();
    });
  }

  // Everything that was not answered is sent again, in its order.
  comeBack() {
    for (const process of this.living) {
      if (process.isStarted) this.goOnWith(process);
      else this.sendStart(process);
    }
  }

  goOnWith(process) {
    if (this.isFinal || this.random.chance(0.9)) this.read(process);
    process.writes.forEach((write) => this.sendWrite(process, write, true));
    if (process.closesStdin) this.sendCloseStdin(process);
  }

  sendStart(process) {
    this.stats.starts += 1;
    this.post('process/start', this.start(process.id, process.kind), (message) => {
      const { error } = message;
      if (error && error.code === -32600 && error.message.includes('already exists')) {
        this.stats.startsTwice += 1;
      } else {
        this.result(message, `the start of ${process.id}`);
      }
      process.isStarted = true;
      this.goOnWith(process);
    });
  }

  // ---- Reading what was missed ----

  read(process) {
    if (process.reading || process.tracker.isClosed) return;
    const afterSeq = process.tracker.seq;
    const params = { processId: process.id, afterSeq };
    if (this.random.chance(0.5)) params.maxBytes = this.random.logUniform(1 << 20);
    process.reading = true;
    this.stats.reads += 1;
    this.post('process/read', params, (message) => {
      process.reading = false;
      if (message.error && message.error.message.includes('is starting')) {
        this.read(process);
        return;
      }
      const reply = this.result(message, `the read of ${process.id}`);
      this.checkTime(process, reply);
      process.isReadBehind = process.tracker.onRead(afterSeq, reply);
      this.afterEvents(process);
      if (!process.isReadBehind) this.read(process);
    });
  }

  checkTime(process, reply) {
    const now = Date.now();
    const isLate = now - process.heardMs > MISSED_MS - 500;
    process.heardMs = now;
    if (isLate && reply.skipped) throw new TooLate();
  }

  afterEvents(process) {
    const { tracker, kind } = process;
    if (!tracker.isClosed) return;
    if (kind.exitCode !== undefined && tracker.exitCode !== kind.exitCode) {
      this.fail(`${process.id} exited with ${tracker.exitCode}`);
    }
    if (kind.onClosed && !process.wasClosed) kind.onClosed(tracker);
    process.wasClosed = true;
  }

  // ---- What it does beside ----

  onProgress() {
    if (this.conn.isCut || this.isFinal || !this.random.chance(0.3)) return;
    if (this.actions-- === 0) {
      this.cutInFrame();
      return;
    }
    const act = this.random.pick([() => this.writeSome(), () => this.writeSome(),
      () => this.startShort(), () => this.poll(), () => this.poll()]);
    act();
  }

  cutInFrame() {
    const sinks = this.living.filter(({ kind, isStarted }) => kind.sink && isStarted);
    if (sinks.length === 0) return;
    const process = this.random.pick(sinks);
    const write = this.nextWriteOf(process);
    this.stats.inFrame += 1;
    this.conn.sendPart({ id: this.nextId++, method: 'process/write',
      params: this.writeParams(process, write) }, this.random);
  }

  writeParams(process, { text, writeId }) {
    return { processId: process.id, chunk: Buffer.from(text).toString('base64'), writeId };
  }

  nextWriteOf(process) {
    const n = process.nextWrite++;
    const write = { n, text: process.kind.sink.textOf(n), writeId: `w${n}` };
    process.writes.push(write);
    return write;
  }

  sendWrite(process, write, isRepeat) {
    this.stats.writes += 1;
    if (isRepeat) this.stats.resent += 1;
    this.post('process/write', this.writeParams(process, write), (message) => {
      const { status } = this.result(message, `write ${write.n} to ${process.id}`);
      if (status !== 'accepted') this.fail(`write ${write.n} to ${process.id}: ${status}`);
      process.writes = process.writes.filter((each) => each !== write);
      process.lastAnswered = write;
    });
  }

  writeSome() {
    const sinks = this.living.filter(({ kind, isStarted, closesStdin }) =>
      kind.sink && isStarted && !closesStdin);
    if (sinks.length === 0) return;
    const process = this.random.pick(sinks);
    if (process.lastAnswered && this.random.chance(0.1)) {
      this.sendWrite(process, process.lastAnswered, true); // as a client whose answer was lost
    }
    while (process.writes.length < WRITES_MOST && this.random.chance(0.7)) {
      this.sendWrite(process, this.nextWriteOf(process), false);
    }
  }

  startShort() {
    const shorts = this.living.filter(({ kind }) => kind.isShort);
    if (shorts.length >= 2 || !this.random.chance(0.3)) return;
    this.sendStart(this.addProcess(`short-${this.nextShort++}`, this.makeShort()));
  }

  poll() {
    const processes = this.living.filter(({ isStarted, isReadBehind }) =>
      isStarted && isReadBehind);
    if (this.polls >= POLLS_MOST || processes.length === 0) return;
    this.polls += 1;
    this.stats.polls += 1;
    const process = this.random.pick(processes);
    this.random.pick([() => this.pollRead(process), () => this.pollWait(process),
      () => this.pollAny(processes)])();
  }

  answered() {
    this.polls -= 1;
    this.stats.answeredPolls += 1;
  }

  pollRead(process) {
    const afterSeq = process.tracker.seq;
    this.post('process/read', { processId: process.id, afterSeq, waitMs: 60000 }, (message) => {
      this.answered();
      const reply = this.result(message, `the long poll of ${process.id}`);
      if (reply.chunks.length === 0 && !reply.exited && !reply.skipped) {
        this.fail(`a long poll gives nothing: ${JSON.stringify(reply)}`);
      }
      process.tracker.onRead(afterSeq, reply);
      this.afterEvents(process);
    });
  }

  pollWait(process) {
    this.post('process/wait', { processId: process.id }, (message) => {
      this.answered();
      const record = this.result(message, `the wait for ${process.id}`);
      const { exitCode } = process.kind;
      if (exitCode !== undefined && record.exitCode !== exitCode) {
        this.fail(`the wait for ${process.id} gives ${JSON.stringify(record)}`);
      }
    });
  }

  pollAny(processes) {
    const asked = processes.map(({ id, tracker }) => ({ processId: id, afterSeq: tracker.seq }));
    this.post('process/waitAny', { processes: asked }, (message) => {
      this.answered();
      const { ready, timedOut } = this.result(message, 'waitAny');
      if (timedOut || ready.length === 0) this.fail('waitAny gives nothing');
      for (const one of ready) {
        const { afterSeq } = asked.find((each) => each.processId === one.processId);
        if (!['output', 'exited', 'closed'].includes(one.reason) || one.nextSeq <= afterSeq) {
          this.fail(`waitAny after ${afterSeq}: ${JSON.stringify(one)}`);
        }
      }
    });
  }

  // ---- The end: one connection that stays until everything is over ----

  sendCloseStdin(process) {
    process.closesStdin = true;
    this.post('process/closeStdin', { processId: process.id }, (message) => {
      this.result(message, `closing the input of ${process.id}`);
    });
  }

  // Sinks get the end of their input, others are ended; all is read to the close.
  async finish() {
    this.isFinal = true;
    for (const process of this.living) if (process.kind.sink) process.closesStdin = true;
    const over = this.round({ afterBytes: Infinity, how: 'fin', actions: Infinity,
      mostMs: 3 * STUCK_MS * this.slow });
    const done = this.untilClosed();
    await Promise.race([over, done]);
    if (this.living.length > 0) this.fail(`not over: ${this.describe()}`);
    const records = await Promise.race([over, this.records()]);
    this.conn.cut();
    await over;
    return records;
  }

  untilClosed() {
    return new Promise((resolve) => {
      this.onProgress = () => {
        for (const process of this.living) {
          if (!process.isStarted || process.kind.sink || process.wasEnded) continue;
          if (process.kind.isShort) continue;
          process.wasEnded = true;
          this.post('process/terminate', { processId: process.id }, (message) =>
            this.result(message, `the end of ${process.id}`));
        }
        if (this.living.length === 0) resolve();
      };
    });
  }

  // What the server counted of the processes that it still knows.
  records() {
    const ids = [...this.processes.keys()].filter((id) => !this.processes.get(id).kind.isShort);
    return Promise.all(ids.map((id) => new Promise((resolve) => {
      this.post('process/wait', { processId: id }, (message) =>
        resolve({ id, record: this.result(message, `the record of ${id}`) }));
    })));
  }

  describe() {
    return this.living.map(({ id, tracker, writes, isStarted, isReadBehind }) =>
      JSON.stringify({ id, seq: tracker.seq, isStarted, isReadBehind, writes: writes.length,
        waiting: [...tracker.waiting.keys()].slice(0, 3) })).join(' ');
  }
}

module.exports = { Resumer, TooLate };
