'use strict';
// Sees children live and die without a clock: a FIFO that a child opens and everything below it
// inherits. Lines written to it are seen; its end comes when the last process that holds it is
// gone.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { Lines } = require('./server');
const { withDeadline } = require('./harness');

const WAIT_MS = 10000;

class Witness {
  constructor(t) {
    this.patience = t.settings.patience;
    this.path = path.join(t.dir(), 'fifo');
    execFileSync('mkfifo', [this.path]);
    const flags = fs.constants.O_NONBLOCK;
    const readFd = fs.openSync(this.path, fs.constants.O_RDONLY | flags);
    // Our own write end keeps the end from coming before the first child has opened the FIFO.
    this.ownFd = fs.openSync(this.path, fs.constants.O_WRONLY | flags);
    this.socket = new net.Socket({ fd: readFd, readable: true, writable: false });
    this.lines = new Lines(this.socket);
    t.defer(() => {
      this.seal();
      this.socket.destroy();
    });
  }

  // Shell text that opens the FIFO as descriptor 9.
  get open() {
    return `exec 9>'${this.path}'`;
  }

  seal() {
    if (this.ownFd === null) return;
    fs.closeSync(this.ownFd);
    this.ownFd = null;
  }

  // Waits until `count` lines were written, gives all lines.
  async waitLines(count, what = `${count} lines on the witness`) {
    const done = await withDeadline(this.lines.waitCount(count), WAIT_MS * this.patience, what);
    assert.ok(done, `the witness ended, waiting for ${what}`);
    return this.lines.lines;
  }

  // Waits until `count` holders said that they are up, from then on the end can come; gives what
  // they said.
  async allUp(count) {
    const lines = await this.waitLines(count, `${count} processes that are up`);
    this.seal();
    return lines.slice();
  }

  get allGone() {
    return this.lines.ended;
  }

  async waitAllGone(what, timeoutMs = WAIT_MS) {
    this.seal();
    const gone = this.lines.ended ||
      new Promise((resolve) => this.socket.on('close', () => resolve(true)));
    await withDeadline(Promise.resolve(gone), timeoutMs * this.patience, what);
  }
}

module.exports = { Witness };
