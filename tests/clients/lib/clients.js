'use strict';
// Connections as tests want them: opened, initialized, closed and judged by the test's context.

const { Peer, RpcError } = require('./peer');
const { overWs, overStreams, overUnixLines, overDriver } = require('./transport');

function adopt(t, transport) {
  const peer = new Peer(transport, t.settings.patience);
  t.defer(() => {
    peer.destroy();
    if (peer.faults.length > 0) {
      throw new Error(`the protocol was broken: ${peer.faults.slice(0, 5).join('; ')}`);
    }
  });
  return peer;
}

// A WebSocket connection on which nothing was said yet. options as of overWs.
async function connect(t, url, options) {
  return adopt(t, await overWs(url, options));
}

async function connectDriver(t, url) {
  return adopt(t, await overDriver(url));
}

async function connectUnixLines(t, path) {
  return adopt(t, await overUnixLines(path));
}

// The lines on a server's standard streams; the server was spawned with pipes for them.
function connectStdio(t, server) {
  return adopt(t, overStreams(server.child.stdout, server.child.stdin));
}

async function initialize(peer) {
  peer.initialized = await peer.request('initialize', { clientName: 'execport-tests' });
  peer.notify('initialized', {});
  return peer;
}

// A new connection that takes up a session again. A server that has not seen the end of the one
// before says so, and is asked once more. onPeer(peer) is called before anything can come.
async function resume(t, server, resumeSessionId, onPeer = () => {}) {
  for (;;) {
    const peer = await connect(t, server.url);
    onPeer(peer);
    const params = { clientName: 'execport-tests', resumeSessionId };
    const { result, error } = await peer.response(peer.post('initialize', params));
    if (result) {
      peer.initialized = result;
      peer.notify('initialized', {});
      return peer;
    }
    if (!error.message.includes('already attached')) throw new RpcError(error);
    peer.destroy();
  }
}

async function ready(t, server, options) {
  return initialize(await connect(t, server.url, options));
}

module.exports = { adopt, connect, connectDriver, connectUnixLines, connectStdio, initialize,
  ready, resume };
