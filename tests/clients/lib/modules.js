'use strict';
// Finds the pinned npm packages, which live outside the tree, and the peer's own program in them.

const fs = require('node:fs');
const path = require('node:path');

let folder = null;

function useModules(dir) {
  folder = path.resolve(dir);
}

// Loads a package from the folder that was given.
function fromModules(name) {
  return require(path.join(folder, name));
}

// The peer's native program: started without its JavaScript wrapper it gets signals itself.
function codexProgram() {
  const vendor = path.join(folder, '@openai', `codex-linux-${process.arch}`, 'vendor');
  for (const triple of fs.existsSync(vendor) ? fs.readdirSync(vendor) : []) {
    const program = path.join(vendor, triple, 'bin', 'codex');
    if (fs.existsSync(program)) return program;
  }
  throw new Error(`no codex program for linux-${process.arch} below ${vendor}`);
}

module.exports = { useModules, fromModules, codexProgram };
