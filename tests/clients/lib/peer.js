'use strict';
// A JSON-RPC peer on a transport: requests with ids of its own, the log of all that came in, and
// waiting for a message with a deadline. Checks on every message that `jsonrpc` is never sent and
// that text frames are used.

const assert = require('node:assert/strict');

const WAIT_MS = 10000;

class RpcError extends Error {
  constructor(error) {
    super(`${error.code} ${error.message}`);
    this.code = error.code;
    this.text = error.message;
    this.data = error.data;
  }
}

class Peer {
  constructor(transport, patience = 1) {
    this.transport = transport;
    this.patience = patience;
    this.log = [];
    this.replies = new Map(); // by id, the first to each
    this.faults = [];
    this.waiters = new Set();
    this.listeners = [];
    this.nextId = 1;
    this.isClosed = false;
    this.closed = transport.closed.then((how) => this.onClosed(how));
    transport.onText = (text, isBinary) => this.onText(text, isBinary);
  }

  onClosed(how) {
    this.isClosed = true;
    this.waiters.forEach((waiter) => waiter());
    return how;
  }

  onText(raw, isBinary) {
    let msg = null;
    try {
      msg = JSON.parse(raw);
    } catch {
      this.faults.push(`not JSON: ${raw.slice(0, 80)}`);
      return;
    }
    if (isBinary) this.faults.push('a binary message');
    if ('jsonrpc' in msg) this.faults.push('a jsonrpc member');
    this.log.push({ raw, msg, index: this.log.length });
    if (!msg.method && !this.replies.has(msg.id)) this.replies.set(msg.id, msg);
    this.listeners.forEach((fn) => fn(msg));
    this.waiters.forEach((waiter) => waiter());
  }

  send(message) {
    this.transport.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  notify(method, params) {
    this.send({ method, params });
  }

  // Resolves with the first value that is not undefined of `look(log)`, asked at each message.
  wait(look, what, timeoutMs = WAIT_MS) {
    return new Promise((resolve, reject) => {
      let timer = null;
      const finish = (fn, value) => {
        clearTimeout(timer);
        this.waiters.delete(attempt);
        fn(value);
      };
      const attempt = () => {
        const found = look(this.log);
        if (found !== undefined) finish(resolve, found);
        else if (this.isClosed) finish(reject, new Error(`connection closed, waiting for ${what}`));
      };
      timer = setTimeout(() => finish(reject, new Error(`waited ${timeoutMs} ms for ${what}`)),
        timeoutMs * this.patience);
      this.waiters.add(attempt);
      attempt();
    });
  }

  // The first message after index `from` that `test` accepts.
  waitMessage(test, what, { from = 0, timeoutMs } = {}) {
    return this.wait((log) => log.slice(from).find((entry) => test(entry.msg)), what, timeoutMs);
  }

  response(id, what = `the reply to ${id}`, timeoutMs) {
    return this.wait(() => this.replies.get(id), what, timeoutMs);
  }

  // Sends a request and gives the id to wait for; does not wait.
  post(method, params) {
    const id = this.nextId++;
    this.send({ id, method, params });
    return id;
  }

  async result(id, what, timeoutMs) {
    const msg = await this.response(id, what, timeoutMs);
    if (msg.error) throw new RpcError(msg.error);
    assert.ok('result' in msg, `neither result nor error: ${JSON.stringify(msg)}`);
    return msg.result;
  }

  request(method, params, timeoutMs) {
    return this.result(this.post(method, params), `the reply to ${method}`, timeoutMs);
  }

  // The request must fail with exactly this code, and this text (string: equal, RegExp: matches).
  async refused(method, params, code, text) {
    const msg = await this.response(this.post(method, params), `the refusal of ${method}`);
    assertError(msg, code, text);
    return msg.error;
  }

  async waitClosed(what = 'the end of the connection', timeoutMs = WAIT_MS) {
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)),
        timeoutMs * this.patience);
    });
    return Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
  }

  end() {
    this.transport.end();
  }

  destroy() {
    this.transport.destroy();
  }
}

function assertError(msg, code, text) {
  assert.ok(msg.error, `expected error ${code}, got ${JSON.stringify(msg).slice(0, 300)}`);
  assert.equal(msg.error.code, code, `code of ${JSON.stringify(msg.error)}`);
  if (text instanceof RegExp) assert.match(msg.error.message, text);
  else if (text !== undefined) assert.equal(msg.error.message, text);
}

module.exports = { Peer, RpcError, assertError };
