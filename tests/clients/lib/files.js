'use strict';
// Trees of files for tests: made of an object, and shown as one. A string or Buffer is a file's
// content, an object a directory, a string that begins with `-> ` a symlink.

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const uri = (file) => pathToFileURL(file).href;
const b64 = (bytes) => Buffer.from(bytes).toString('base64');

function tree(dir, what) {
  for (const [name, value] of Object.entries(what)) {
    const at = path.join(dir, name);
    if (typeof value === 'string' && value.startsWith('-> ')) {
      fs.symlinkSync(value.slice(3), at);
    } else if (typeof value === 'string' || Buffer.isBuffer(value)) {
      fs.writeFileSync(at, value);
    } else {
      fs.mkdirSync(at);
      tree(at, value);
    }
  }
}

function show(dir) {
  const found = {};
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const at = path.join(dir, entry.name);
    if (entry.isSymbolicLink()) found[entry.name] = `-> ${fs.readlinkSync(at)}`;
    else if (entry.isDirectory()) found[entry.name] = show(at);
    else found[entry.name] = fs.readFileSync(at, 'utf8');
  }
  return found;
}

module.exports = { uri, b64, tree, show };
