'use strict';
// What a client sees of one child: ProcessView for the dialect `process`, ExecView for
// exec-server.v0. Both collect output, exit and close as they arrive and note at once what the
// protocol forbids; the notes are raised when the test's context closes.

const assert = require('node:assert/strict');

const MAX_CHUNK_BYTES = 1048576;

function sh(script) {
  return ['/bin/sh', '-c', script];
}

class View {
  constructor(peer, key, id) {
    this.peer = peer;
    this.key = key;
    this.id = id;
    this.bytes = { stdout: [], stderr: [], pty: [] };
    this.exitCode = undefined;
    peer.listeners.push((msg) => {
      if (msg.method && msg.params && msg.params[key] === this.id) this.onEvent(msg);
    });
  }

  fault(text) {
    this.peer.faults.push(`${this.id}: ${text}`);
  }

  addChunk(stream, chunk) {
    const bytes = Buffer.from(chunk, 'base64');
    if (bytes.toString('base64') !== chunk) this.fault('base64 that is not canonical');
    if (bytes.length === 0) this.fault('an empty chunk');
    if (bytes.length > MAX_CHUNK_BYTES) this.fault(`a chunk of ${bytes.length} bytes`);
    if (!this.bytes[stream]) this.fault(`an unknown stream ${stream}`);
    else this.bytes[stream].push(bytes);
  }

  output(stream) {
    return Buffer.concat(this.bytes[stream]);
  }

  text(stream = 'stdout') {
    return this.output(stream).toString('latin1');
  }

  waitText(wanted, stream = 'stdout', timeoutMs) {
    const found = () => {
      const text = this.text(stream);
      const hit = wanted instanceof RegExp ? wanted.exec(text) : text.includes(wanted);
      return hit || undefined;
    };
    return this.peer.wait(found, `${wanted} on ${stream} of ${this.id}, which had ` +
      `${JSON.stringify(this.text(stream).slice(-200))} when the wait began`, timeoutMs);
  }

  waitExit(timeoutMs) {
    return this.peer.wait(() => this.exitCode, `the exit of ${this.id}`, timeoutMs);
  }
}

class ProcessView extends View {
  constructor(peer, id, strict) {
    super(peer, 'processId', id);
    this.strict = strict;
    this.seq = 0;
    this.early = new Map();
    this.replied = false;
    this.closed = undefined;
  }

  // The peer sends the events of two streams out of order, and its client sorts them; execport's
  // come in order and after the reply.
  onEvent(msg) {
    const { seq } = msg.params;
    if (this.strict && !this.replied) this.fault(`${msg.method} before the reply of the start`);
    if (this.strict && seq !== this.seq + 1) this.fault(`seq ${seq} after ${this.seq}`);
    if (seq <= this.seq || this.early.has(seq)) this.fault(`seq ${seq} twice`);
    this.early.set(seq, msg);
    while (this.early.has(this.seq + 1)) {
      this.seq += 1;
      const next = this.early.get(this.seq);
      this.early.delete(this.seq);
      this.inOrder(next);
    }
  }

  inOrder(msg) {
    const { params } = msg;
    if (this.closed) this.fault(`${msg.method} after closed`);
    if (msg.method === 'process/output') this.addChunk(params.stream, params.chunk);
    else if (msg.method === 'process/exited') this.onExited(params);
    else if (msg.method === 'process/closed') this.onClosed();
    else this.fault(`unknown notification ${msg.method}`);
  }

  onExited(params) {
    if (this.exitCode !== undefined) this.fault('a second exit');
    if (typeof params.sandboxDenied !== 'boolean') this.fault('no sandboxDenied');
    if (!Number.isInteger(params.exitCode) || Math.abs(params.exitCode) > 2 ** 31) {
      this.fault(`exit code ${params.exitCode}`);
    }
    this.exitCode = params.exitCode;
  }

  onClosed() {
    if (this.exitCode === undefined) this.fault('closed before exited');
    this.closed = true;
  }

  waitClosed(timeoutMs) {
    return this.peer.wait(() => this.closed, `the close of ${this.id}`, timeoutMs);
  }

  write(text, writeId) {
    const chunk = Buffer.from(text, 'latin1').toString('base64');
    return this.peer.request('process/write', { processId: this.id, chunk, writeId });
  }

  terminate() {
    return this.peer.request('process/terminate', { processId: this.id });
  }
}

let counter = 0;

// Parameters of process/start with what a test leaves out filled in.
function startParams(t, options) {
  return { processId: `p-${++counter}`, cwd: 'file:///', tty: false, ...options,
    env: t.env(options.env) };
}

// Starts a process and gives its view; fails when the start fails or takes longer than timeoutMs.
async function startProcess(t, peer, options, timeoutMs) {
  const params = startParams(t, options);
  const view = new ProcessView(peer, params.processId, t.isExecport);
  const id = peer.post('process/start', params);
  peer.listeners.push((msg) => {
    if (msg.id === id && !msg.method) view.replied = true;
  });
  // The listener above comes after the view's, so the reply is noted before the next message.
  const result = await peer.result(id, `the start of ${params.argv.join(' ')}`, timeoutMs);
  assert.equal(result.processId, params.processId);
  return view;
}

class ExecView extends View {
  constructor(peer, id) {
    super(peer, 'sessionId', id);
    // What came before the view was made: the reply and the first output can share a read.
    peer.log.forEach(({ msg }) => {
      if (msg.method && msg.params && msg.params.sessionId === id) this.onEvent(msg);
    });
  }

  onEvent(msg) {
    const { params } = msg;
    if (msg.method === 'command/exec/outputDelta') this.addChunk(params.stream, params.chunk);
    else if (msg.method === 'command/exec/exited') this.onExited(params);
    else this.fault(`unknown notification ${msg.method}`);
    // A client of this dialect has no other sign of the end of the output.
    const isLate = this.exitCode !== undefined && params.chunk !== undefined;
    if (isLate) this.fault('output after exited');
    if ('seq' in params) this.fault('a seq member');
  }

  onExited(params) {
    if (this.exitCode !== undefined) this.fault('a second exit');
    this.exitCode = params.exitCode;
  }

  write(text) {
    const chunk = Buffer.from(text, 'latin1').toString('base64');
    return this.peer.request('command/exec/write', { sessionId: this.id, chunk });
  }

  terminate() {
    return this.peer.request('command/exec/terminate', { sessionId: this.id });
  }
}

function execParams(t, options) {
  return { cwd: '/', tty: false, arg0: null, ...options, env: t.env(options.env) };
}

async function startExec(t, peer, options) {
  const result = await peer.request('command/exec', execParams(t, options));
  assert.deepEqual(Object.keys(result), ['sessionId']);
  return new ExecView(peer, result.sessionId);
}

module.exports = { sh, startParams, startProcess, execParams, startExec, ProcessView, ExecView };
