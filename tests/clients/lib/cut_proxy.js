'use strict';
// A TCP proxy between a client and a WebSocket server that reads along, cuts and refuses. What went
// through is kept as {conn, dir, msg}, `dir` being 'c2s' or 's2c'; the output of processes is left
// out of it. A hook sees each message before it goes on and may hold it back or cut there.

const net = require('node:net');
const { Relay } = require('./ws_relay');

const WAIT_MS = 15000;

class Link {
  constructor(proxy, client, number) {
    Object.assign(this, { proxy, client, number });
    const { hostname, port } = new URL(proxy.target);
    this.server = net.connect(Number(port), hostname);
    this.join(client, this.server, 'c2s');
    this.join(this.server, client, 's2c');
  }

  // What is read from `from` goes to `to`, in parts, and no faster than `to` takes it.
  join(from, to, dir) {
    from.setNoDelay(true);
    const relay = new Relay((raw, msg) => this.part(to, dir, raw, msg));
    from.on('data', (bytes) => {
      relay.feed(bytes);
      if (to.writableNeedDrain) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => this.reset());
    from.on('close', () => to.end());
  }

  part(to, dir, raw, msg) {
    if (this.client.destroyed || this.server.destroyed) return;
    if (msg !== null && !this.proxy.admit({ conn: this.number, dir, msg })) return;
    if (!to.destroyed) to.write(raw);
  }

  reset() {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

class CutProxy {
  constructor(target, patience) {
    Object.assign(this, { target, patience, log: [], cuts: 0, refused: 0, connections: 0 });
    this.isCut = false;
    this.waitsForKnock = false; // a cut for a time lasts until somebody was refused, too
    this.bytesOut = 0; // encoded output that came from the server
    this.onMessage = () => true;
    this.links = new Set();
    this.wake = new Set();
    this.listener = net.createServer((socket) => this.accept(socket));
  }

  async listen() {
    await new Promise((resolve) => this.listener.listen(0, '127.0.0.1', resolve));
    this.url = `ws://127.0.0.1:${this.listener.address().port}`;
  }

  accept(socket) {
    if (this.isCut) {
      this.refused += 1;
      socket.resetAndDestroy();
      if (this.isOverdue) this.heal();
      return;
    }
    this.connections += 1;
    const link = new Link(this, socket, this.connections);
    this.links.add(link);
    socket.on('close', () => this.links.delete(link));
  }

  // Whether a message goes on: not if the hook says false, or cut the connection.
  admit(entry) {
    const { msg } = entry;
    if (msg.method === 'process/output') this.bytesOut += msg.params.chunk.length;
    else this.log.push(entry);
    const goesOn = this.onMessage(entry) !== false && !this.isCut;
    [...this.wake].forEach((fn) => fn());
    return goesOn;
  }

  // Cuts all connections and refuses new ones until heal(), or for `ms` where that is given.
  cut(ms) {
    this.cuts += 1;
    this.isCut = true;
    this.links.forEach((link) => link.reset());
    const before = this.refused;
    this.isOverdue = false;
    if (ms === undefined) return;
    this.timer = setTimeout(() => {
      this.isOverdue = this.waitsForKnock && this.refused === before;
      if (!this.isOverdue) this.heal();
    }, ms);
  }

  heal() {
    clearTimeout(this.timer);
    this.isCut = this.isOverdue = false;
  }

  // Resolves with the first value of `look(log)` that is neither undefined nor false.
  wait(look, what, timeoutMs = WAIT_MS) {
    return new Promise((resolve, reject) => {
      let timer = null;
      const attempt = () => {
        const found = look(this.log);
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.wake.delete(attempt);
        resolve(found);
      };
      timer = setTimeout(() => {
        this.wake.delete(attempt);
        reject(new Error(`waited ${timeoutMs} ms at the proxy for ${what}`));
      }, timeoutMs * this.patience);
      this.wake.add(attempt);
      attempt();
    });
  }

  // The messages of one direction with this method.
  sent(method, dir = 'c2s') {
    return this.log.filter((entry) => entry.dir === dir && entry.msg.method === method);
  }

  // The requests of the client with what was answered: {method, params, reply}, reply undefined
  // where none came through.
  calls() {
    const replies = new Map(this.log.filter(({ dir, msg }) => dir === 's2c' && !msg.method)
      .map(({ conn, msg }) => [`${conn} ${msg.id}`, msg]));
    return this.log.filter(({ dir, msg }) => dir === 'c2s' && msg.method && 'id' in msg)
      .map(({ conn, msg }) => ({ conn, method: msg.method, params: msg.params,
        reply: replies.get(`${conn} ${msg.id}`) }));
  }

  close() {
    this.cut();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}

// options: onMessage({conn, dir, msg}); what gives false goes no further.
async function startProxy(t, url, options = {}) {
  const proxy = new CutProxy(url, t.settings.patience);
  if (options.onMessage) proxy.onMessage = options.onMessage;
  await proxy.listen();
  t.defer(() => proxy.close());
  return proxy;
}

module.exports = { startProxy };
