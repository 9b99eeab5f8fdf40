'use strict';
// Ways to carry JSON-RPC messages: npm `ws`, npm `websocket-driver`, and lines on a pair of streams
// or a socket. All have the same face: send(text), end(), destroy(), `onText`, and `closed`, a
// promise of {code, reason}; code null where no close frame came. All but the driver can pause()
// and resume() reading.

const net = require('node:net');
const { fromModules } = require('./modules');

function base() {
  const transport = { onText: () => {} };
  transport.closed = new Promise((resolve) => { transport.resolveClosed = resolve; });
  return transport;
}

// options: headers, ws (options for the client of npm `ws`).
function overWs(url, options = {}) {
  const WebSocket = fromModules('ws');
  const socket = new WebSocket(url, { perMessageDeflate: false, headers: options.headers,
    ...options.ws });
  const transport = base();
  transport.socket = socket;
  transport.send = (text) => socket.send(text);
  transport.end = () => socket.close(1000);
  transport.destroy = () => socket.terminate();
  transport.pause = () => socket.pause();
  transport.resume = () => socket.resume();
  socket.on('message', (data, isBinary) => transport.onText(data.toString('utf8'), isBinary));
  socket.on('close', (code, reason) => transport.resolveClosed(
    { code: code === 1006 || code === 1005 ? null : code, reason: reason.toString() }));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(transport));
    socket.on('error', reject);
    socket.on('unexpected-response', (request, response) => {
      const error = new Error(`HTTP ${response.statusCode}`);
      error.status = response.statusCode;
      response.resume();
      request.destroy();
      reject(error);
    });
  });
}

function overDriver(url) {
  const driver = fromModules('websocket-driver').client(url);
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  const transport = base();
  transport.driver = driver;
  transport.send = (text) => driver.text(text);
  transport.end = () => driver.close();
  transport.destroy = () => socket.destroy();
  driver.messages.on('data', (data) => transport.onText(data.toString()));
  driver.on('close', ({ code, reason }) => transport.resolveClosed({ code, reason }));
  socket.on('close', () => transport.resolveClosed({ code: null, reason: '' }));
  socket.pipe(driver.io).pipe(socket);
  return new Promise((resolve, reject) => {
    driver.on('open', () => resolve(transport));
    driver.on('error', reject);
    socket.on('error', reject);
    driver.start();
  });
}

// Newline framing. A line that does not end before the stream does is given to `onText` too.
function overStreams(readable, writable) {
  const transport = base();
  let rest = '';
  readable.setEncoding('utf8');
  readable.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    lines.forEach((line) => transport.onText(line));
  });
  readable.on('close', () => transport.resolveClosed({ code: null, reason: '' }));
  readable.on('error', () => transport.resolveClosed({ code: null, reason: '' }));
  writable.on('error', () => {});
  transport.writeRaw = (bytes) => writable.write(bytes);
  transport.send = (text) => writable.write(`${text}\n`);
  transport.end = () => writable.end();
  transport.destroy = () => { writable.destroy(); readable.destroy(); };
  transport.pause = () => readable.pause();
  transport.resume = () => readable.resume();
  return transport;
}

function overUnixLines(path) {
  const socket = net.connect(path);
  return new Promise((resolve, reject) => {
    socket.on('connect', () => resolve(overStreams(socket, socket)));
    socket.on('error', reject);
  });
}

module.exports = { overWs, overDriver, overStreams, overUnixLines };
