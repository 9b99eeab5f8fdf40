'use strict';
// Looking at and ending processes through /proc, and waiting for a condition with a deadline.
// Only processes that carry a test's tag in their environment, or that a test started itself, are
// ever signalled.

const fs = require('node:fs');
const path = require('node:path');

const POLL_MS = 15;

// Deadlines are for what hangs; how much longer than on an idle machine they are is said once.
let patience = 1;

function usePatience(factor) {
  patience = factor;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// True as soon as `condition` holds, false when it did not within `timeoutMs`.
async function waitFor(condition, timeoutMs) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await sleep(POLL_MS);
  }
}

async function mustBecome(condition, timeoutMs, what) {
  const did = await waitFor(condition, timeoutMs * patience);
  if (!did) throw new Error(`${what}: not within ${timeoutMs} ms`);
}

function readProc(pid, name) {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return null;
  }
}

// The fields of /proc/PID/stat that follow the command: state first.
function statFields(pid) {
  const text = readProc(pid, 'stat');
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).trim().split(' ');
}

// The processor time that a process has used, in ticks of a hundredth of a second.
function cpuTicks(pid) {
  const fields = statFields(pid);
  return Number(fields[11]) + Number(fields[12]);
}

// What the threads of a process have done so far, as a text that stays the same while none of them
// runs; null if one of them is not asleep, or the process is gone.
function restOf(pid) {
  let threads;
  try {
    threads = fs.readdirSync(`/proc/${pid}/task`);
  } catch {
    return null;
  }
  const looks = threads.map((id) => readProc(pid, `task/${id}/status`));
  const isAsleep = (text) => text !== null && /^State:\s+S/m.test(text);
  return looks.every(isAsleep) ? looks.map((text) => text.match(/_switches:\s+\d+/g)).join() : null;
}

// A zombie counts as dead: its memory and descriptors are gone.
function isAlive(pid) {
  const fields = statFields(pid);
  return fields !== null && fields[0] !== 'Z' && fields[0] !== 'X';
}

function parentOf(pid) {
  const fields = statFields(pid);
  return fields === null ? null : Number(fields[1]);
}

function allPids() {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}

function childrenOf(pid) {
  return allPids().filter((each) => parentOf(each) === pid);
}

function programOf(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}

// The processes of one server, from the one that was started down to the one that serves: each is
// the child of the one before and runs the same program. What lies between are its keepers.
function serverChain(pid) {
  const chain = [pid];
  const program = programOf(pid);
  for (;;) {
    const next = childrenOf(chain[chain.length - 1]).find((each) => programOf(each) === program);
    if (next === undefined) return chain;
    chain.push(next);
  }
}

function servingPid(pid) {
  return serverChain(pid).pop();
}

function commandOf(pid) {
  const text = readProc(pid, 'cmdline');
  return text === null ? '' : text.replace(/\0/g, ' ').trim().slice(0, 120);
}

// Living processes, except this one, whose environment holds `tag` as a whole entry.
function taggedPids(tag) {
  const found = [];
  for (const pid of allPids()) {
    if (pid === process.pid) continue;
    const environ = readProc(pid, 'environ');
    if (environ && environ.split('\0').includes(tag) && isAlive(pid)) {
      found.push({ pid, command: commandOf(pid) });
    }
  }
  return found;
}

function killOwn(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function mustDie(pid, timeoutMs, what) {
  await mustBecome(() => !isAlive(pid), timeoutMs, `${what} (pid ${pid}) ends`);
}

// The open descriptors of a process.
function descriptorCount(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}

// The flags of the file description behind a descriptor, as fcntl(F_GETFL) would give them.
function descriptorFlags(pid, fd) {
  const text = fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
  return parseInt(/^flags:\s*([0-7]+)/m.exec(text)[1], 8);
}

// Whether a process here may make cgroups of version 2 below its own: what has left the session and
// lost its parents can be found by nothing else.
function mayMakeCgroups() {
  const own = /^0::(.*)$/m.exec(fs.readFileSync('/proc/self/cgroup', 'latin1'));
  return own !== null && ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].some((mount) => {
    try {
      const dir = fs.mkdtempSync(path.join(mount, own[1], 'execport-clients-'));
      const usable = fs.existsSync(path.join(dir, 'cgroup.kill'));
      fs.rmdirSync(dir);
      return usable;
    } catch {
      return false;
    }
  });
}

module.exports = { usePatience, sleep, waitFor, mustBecome, statFields, cpuTicks, restOf, isAlive,
  parentOf, childrenOf, commandOf, serverChain, servingPid, taggedPids, killOwn, mayMakeCgroups,
  mustDie, descriptorCount, descriptorFlags };
