'use strict';
// Connections for the seed behaviours, over the standard streams of a server or over WebSocket with
// the URL taken from its standard output.

const { spawnServer, startServer } = require('./server');
const { connect, connectStdio, initialize } = require('./clients');

async function openV0(t, kind) {
  if (kind === 'stdio') {
    const server = spawnServer(t, { listen: ['stdio://'], stdio: ['pipe', 'pipe', 'pipe'] });
    return { server, peer: connectStdio(t, server) };
  }
  const server = await startServer(t);
  return { server, peer: await connect(t, server.url) };
}

async function readyV0(t, kind) {
  const opened = await openV0(t, kind);
  await initialize(opened.peer);
  return opened;
}

module.exports = { openV0, readyV0 };
