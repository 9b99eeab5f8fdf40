'use strict';
// Files that do not answer: a file that nobody may open for now, and a directory of a file system
// that nobody serves. The programs that hold them are built beside the server.

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { Lines } = require('./server');

async function hold(t, name, place, lacks) {
  const program = path.join(path.dirname(t.settings.runner), 'tests', name);
  if (!fs.existsSync(program)) t.skip(`${name} is not built beside the server`);
  const child = spawn(program, [place], { env: t.env(), stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const free = () => {
    child.stdin.destroy();
    return gone;
  };
  t.defer(free);
  const lines = new Lines(child.stdout);
  if (!await lines.waitCount(1)) t.skip(`host: ${lacks}`);
  return { free };
}

// Whoever opens the file waits until free(), or for 45 s.
function lease(t, file) {
  return hold(t, 'child-lease', file, 'files cannot be leased here');
}

// Whoever looks into the directory waits until free(), and is told that it is not connected then.
function stick(t, directory) {
  return hold(t, 'child-stuck', directory, 'nothing can be mounted here');
}

module.exports = { lease, stick };
