'use strict';
// Programs that write without end, and the moment in which they are made to wait.

const fs = require('node:fs');
const { ready } = require('./clients');
const { mustBecome, parentOf, restOf } = require('./proc');
const { sh, startProcess } = require('./sessions');
const { Witness } = require('./witness');

const STALL_MS = 15000;
const QUIET_MS = 400;

// A server whose clients stand still must not drop them for it.
const PATIENT = ['--send-timeout', '1h'];

function writtenBytes(pid) {
  const text = fs.readFileSync(`/proc/${pid}/io`, 'latin1');
  return Number(/^wchar: (\d+)$/m.exec(text)[1]);
}

// The processes have written, and for a while neither they nor the server, which is their parent
// unless it is given, had anything to do: they sleep. What only lacks a processor does not, and is
// waited for.
async function mustAllStall(pids, serving) {
  const watched = [...(serving ? [serving] : new Set(pids.map(parentOf))), ...pids];
  let last;
  let since = Date.now();
  await mustBecome(() => {
    const written = pids.map(writtenBytes);
    const rests = watched.map(restOf);
    const now = JSON.stringify([written, rests]);
    if (now !== last || rests.includes(null) || written.includes(0)) since = Date.now();
    last = now;
    return Date.now() - since > QUIET_MS;
  }, STALL_MS, `the processes ${pids} are made to wait`);
}

function mustStall(pid, serving) {
  return mustAllStall([pid], serving);
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
  await mustAllStall(pids);
  return { peer, views, pids };
}

// The same on a connection of its own.
async function stalled(t, server, count, command) {
  return stall(t, await ready(t, server), count, command);
}

module.exports = { PATIENT, writtenBytes, mustStall, toldArgv, stall, stalled };
