'use strict';
// Programs that write without end, and the moment in which they are made to wait.

const fs = require('node:fs');
const { ready } = require('./clients');
const { mustBecome } = require('./proc');
const { sh, startProcess } = require('./sessions');
const { Witness } = require('./witness');

const STALL_MS = 15000;
const QUIET_MS = 400;

function writtenBytes(pid) {
  const text = fs.readFileSync(`/proc/${pid}/io`, 'latin1');
  return Number(/^wchar: (\d+)$/m.exec(text)[1]);
}

// The process has written, and then nothing for a while.
async function mustStall(t, pid) {
  let last = -1;
  let since = Date.now();
  await mustBecome(() => {
    const now = writtenBytes(pid);
    if (now !== last) since = Date.now();
    last = now;
    return now > 0 && Date.now() - since > QUIET_MS;
  }, STALL_MS * t.settings.slow, `process ${pid} is made to wait`);
  return last;
}

// The argv of a shell that tells the witness its process id and becomes `command`.
function toldArgv(witness, command) {
  return sh(`${witness.open}; echo $$ >&9; exec 9>&-; ${command}`);
}

// Starts `count` floods, stops reading, and waits until all are made to wait.
async function stall(t, peer, count, command) {
  const witness = new Witness(t);
  const views = [];
  for (let n = 0; n < count; n++) {
    views.push(await startProcess(t, peer, { argv: toldArgv(witness, command) }));
  }
  peer.transport.pause();
  const pids = (await witness.waitLines(count)).map(Number);
  await Promise.all(pids.map((pid) => mustStall(t, pid)));
  return { peer, views, pids };
}

// The same on a connection of its own.
async function stalled(t, server, count, command) {
  return stall(t, await ready(t, server), count, command);
}

module.exports = { writtenBytes, mustStall, toldArgv, stall, stalled };
