'use strict';
// Plays an example of docs/protocol.md against a server over one transport and throws a DocError
// that names the line where the two differ. Beside what the lines say it holds the server to the
// rules of order: the reply to a start before its events, sequence numbers without holes, nothing
// that the example does not show.

const fs = require('node:fs');
const { pathToFileURL } = require('node:url');
const { startServer, spawnServer } = require('./server');
const { connect, connectStdio, connectUnixLines } = require('./clients');
const { rawConnect } = require('./raw');
const { DocError } = require('./doc_text');
const { FOLDER, fill, compile, match, matchGlob, expectedBytes, isPlaceholder, short } =
  require('./doc_match');

// What one message belongs to; messages of one track come in the order of the lines. Output and
// exit of a session are apart, since output may come behind the exit.
function trackOf(msg) {
  if (!msg.method) return `reply ${JSON.stringify(msg.id)}`;
  const { processId, sessionId, stream = '' } = msg.params || {};
  const id = processId === undefined ? sessionId : processId;
  return `${msg.method} ${JSON.stringify(id)} ${stream}`;
}

// One connection of an example: what came and was not expected yet, and the rules of order.
class Line {
  constructor(peer) {
    this.peer = peer;
    this.taken = 0;
    this.pending = [];
    this.starting = new Map();
    this.seqs = new Map();
    this.over = new Set();
    this.faults = [];
    peer.listeners.push((msg) => this.observe(msg));
  }

  send(text) {
    let msg = null;
    try {
      msg = JSON.parse(text);
    } catch { /* an example of a message that is none */ }
    if (msg && msg.method === 'process/start' && msg.params) {
      this.starting.set(JSON.stringify(msg.id), msg.params.processId);
    }
    this.peer.send(text);
  }

  observe(msg) {
    this.pending.push(msg);
    if (!msg.method) {
      const id = JSON.stringify(msg.id);
      if (msg.result && this.starting.has(id)) this.seqs.set(this.starting.get(id), 0);
      this.starting.delete(id);
      return;
    }
    this.observeEvent(msg);
  }

  observeEvent(msg) {
    const { processId, sessionId, seq } = msg.params || {};
    const id = processId === undefined ? sessionId : processId;
    if (this.over.has(id)) this.faults.push(`${msg.method} of ${id} behind its end`);
    if (['process/closed', 'command/exec/exited'].includes(msg.method)) this.over.add(id);
    if (seq === undefined) return;
    if ([...this.starting.values()].includes(processId) && !this.seqs.has(processId)) {
      this.faults.push(`${msg.method} of ${processId} before the reply to its start`);
    }
    const last = this.seqs.get(processId);
    if (last !== undefined && seq !== last + 1) this.faults.push(`seq ${seq} follows ${last}`);
    this.seqs.set(processId, seq);
  }

  // The next message of a track, taken; waits for it.
  next(track, timeoutMs) {
    return this.peer.wait(() => {
      const index = this.pending.findIndex((msg) => trackOf(msg) === track);
      return index < 0 ? undefined : this.pending.splice(index, 1)[0];
    }, `the next message of ${track}`, timeoutMs);
  }
}

class Player {
  // open() gives a fresh peer; waitMs(where) is how long to wait for the line there, undefined: as
  // long as always.
  constructor(block, open, waitMs) {
    this.block = block;
    this.open = open;
    this.waitMs = waitMs;
    this.names = new Map();
    this.lines = new Map();
  }

  async line(name) {
    if (!this.lines.has(name)) {
      const line = new Line(await this.open());
      this.lines.set(name, line);
      if (this.block.isGreeted && name === 'a') await this.greet(line);
    }
    return this.lines.get(name);
  }

  async greet(line) {
    line.send('{"id":"hello","method":"initialize","params":{"clientName":"example"}}');
    const reply = await line.next('reply "hello"');
    this.names.set('sessionId', reply.result.sessionId);
    line.send('{"method":"initialized"}');
  }

  async play() {
    for (const step of this.block.steps) {
      try {
        await this.step(step);
      } catch (error) {
        throw error instanceof DocError ? error : new DocError(step.where, error.message);
      }
    }
    for (const line of this.lines.values()) await this.finish(line);
  }

  async step(step) {
    const line = await this.line(step.connection);
    if (step.sends && ['close', 'cut'].includes(step.text)) {
      line.isOver = true;
      if (step.text === 'close') line.peer.end();
      else line.peer.destroy();
    } else if (step.sends) line.send(fill(step.text, this.names));
    else if (/^close( |$)/.test(step.text)) await this.expectClose(line, step);
    else await this.expect(line, compile(step.text), this.waitMs(step.where));
    if (line.faults.length > 0) throw new Error(line.faults.join('; '));
  }

  async expectClose(line, step) {
    const text = step.text.slice(6);
    const how = await line.peer.waitClosed('the end of the connection', this.waitMs(step.where));
    line.isOver = true;
    if (!text || !this.hasFrames) return;
    const [code, ...reason] = text.split(' ');
    if (String(how.code) !== code || how.reason !== reason.join(' ')) {
      throw new Error(`closed with ${how.code} "${how.reason}"`);
    }
  }

  async expect(line, pattern, waitMs) {
    const track = trackOf(this.known(pattern));
    const chunk = pattern.params && expectedBytes(pattern.params.chunk);
    if (chunk && !Number.isInteger(pattern.params.seq)) {
      await this.expectOutput(line, { track, pattern, wanted: chunk, waitMs });
      return;
    }
    const msg = await line.next(track, waitMs);
    const problem = match(pattern, msg, this.names);
    if (problem) throw new Error(`${problem}; got ${short(msg)}`);
  }

  // A pattern whose ids are known, so that its track is.
  known(pattern) {
    return JSON.parse(JSON.stringify(pattern), (key, value) => {
      const name = typeof value === 'string' && value.startsWith('\u0001') ? value.slice(1) : null;
      return name !== null && this.names.has(name) ? this.names.get(name) : value;
    });
  }

  // Output may come in other pieces than the example shows: the pieces are put together.
  async expectOutput(line, { track, pattern, wanted, waitMs }) {
    let got = Buffer.alloc(0);
    while (got.length < wanted.length) {
      const msg = await line.next(track, waitMs);
      const chunk = msg.params && msg.params.chunk;
      const like = { ...pattern, params: { ...pattern.params, chunk } };
      const problem = typeof chunk === 'string' ? match(like, msg, this.names) : 'no chunk';
      if (problem) throw new Error(`${problem}; got ${short(msg)}`);
      got = Buffer.concat([got, Buffer.from(chunk, 'base64')]);
      if (!wanted.subarray(0, got.length).equals(got)) {
        throw new Error(`the output is ${short(got.toString('latin1'))}`);
      }
    }
  }

  // Nothing may have come that no line shows.
  async finish(line) {
    const { where } = this.block;
    if (!line.peer.isClosed && !line.isOver) {
      line.send('{"id":"end of the example","method":"no/such"}');
      await line.next('reply "end of the example"').catch((error) => {
        throw new DocError(where, `behind the example: ${error.message}`);
      });
    }
    if (line.faults.length > 0) throw new DocError(where, line.faults.join('; '));
    if (line.pending.length > 0) {
      throw new DocError(where, `the example does not show ${short(line.pending[0])}`);
    }
  }
}

// A server for an example and a function that opens a fresh connection to it.
async function serve(t, block, transport) {
  if (transport === 'stdio') {
    const server = spawnServer(t, { listen: ['stdio://'], args: block.args,
      stdio: ['pipe', 'pipe', 'pipe'] }).expectEnd();
    return () => connectStdio(t, server);
  }
  const dir = t.dir();
  const listen = transport === 'ws' ? ['ws://127.0.0.1:0'] : [`unix://${dir}/sock`];
  const { url } = await startServer(t, { listen, args: block.args });
  if (transport === 'ws') return () => connect(t, url);
  if (transport === 'unix') return () => connectUnixLines(t, `${dir}/sock`);
  return () => connect(t, `ws+unix://${dir}/sock:/`);
}

async function playOver(t, block, transport, waitMs) {
  const player = new Player(block, await serve(t, block, transport), waitMs);
  player.names.set(FOLDER, pathToFileURL(fs.realpathSync(t.dir())).href);
  player.hasFrames = transport.endsWith('ws');
  try {
    await player.play();
  } catch (error) {
    throw error instanceof DocError ? new DocError(error.where,
      `over ${transport}: ${error.message.slice(error.where.length + 2)}`) : error;
  }
}

// An `http` block: the lines that are sent, then the answer's head line by line (`...`: and more),
// and its body.
async function playHttp(t, block) {
  const { url } = await startServer(t, { args: block.args });
  const raw = await rawConnect(t, url);
  const sent = block.steps.filter((step) => step.sends).map((step) => `${step.text}\r\n`);
  const wanted = block.steps.filter((step) => !step.sends);
  const split = wanted.findIndex((step) => step.text === '');
  const whole = split < 0 ? wanted : wanted.slice(0, split);
  const head = whole.filter((step) => step.text !== '...');
  raw.write(sent.join(''));
  const end = await raw.wait(() => {
    const at = raw.input.indexOf('\r\n\r\n');
    return at < 0 ? undefined : at;
  }, 'the answer');
  const lines = raw.input.subarray(0, end).toString('latin1').split('\r\n');
  head.forEach((step, index) => {
    if (!matchGlob(step.text.replace(/<any>/g, '*'), lines[index])) {
      throw new DocError(step.where, `the answer's line is ${short(lines[index])}`);
    }
  });
  if (lines.length > head.length && head.length === whole.length) {
    throw new DocError(block.where, `the answer has a line ${short(lines[head.length])} too`);
  }
  if (split < 0) return;
  await raw.waitEnded();
  const body = raw.input.subarray(end + 4).toString('utf8');
  const expected = wanted.slice(split + 1).map((step) => `${step.text}\n`).join('');
  if (body !== expected) throw new DocError(block.where, `the body is ${short(body)}`);
}

// The example holds over each of its transports.
async function mustHold(t, block, waitMs = () => undefined) {
  if (block.kind === 'http') return playHttp(t, block);
  for (const transport of block.transports) await playOver(t, block, transport, waitMs);
  return undefined;
}

module.exports = { mustHold };
