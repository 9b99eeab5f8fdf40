'use strict';
// Reads the examples out of docs/protocol.md: fenced blocks of the language `jsonl` (conversations)
// and `http` (one request and its answer). Knows the text only; doc_play.js runs what it finds. The
// form of the blocks is described in the document itself; a block that breaks it is an error that
// names file and line.

const fs = require('node:fs');
const path = require('node:path');

const TRANSPORTS = ['ws', 'unix', 'unix-ws', 'stdio'];

class DocError extends Error {
  constructor(where, text) {
    super(`${where}: ${text}`);
    this.where = where;
  }
}

function slugOf(heading) {
  return heading.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

function transportsOf(where, words) {
  const names = words.split(/,\s*/);
  const odd = names.find((name) => !TRANSPORTS.includes(name));
  if (odd !== undefined) throw new DocError(where, `unknown transport \`${odd}\``);
  return names;
}

// `# needs WHAT`, `# server OPTIONS`, `# over TRANSPORTS`, `# after the handshake`,
// `# where sandboxes work`.
function takeDirective(block, where, text) {
  const [word, ...rest] = text.split(' ');
  const value = rest.join(' ').trim();
  if (block.steps.length > 0) throw new DocError(where, 'a directive behind the first message');
  if (word === 'needs' && value) block.needs = value;
  else if (word === 'server' && value) block.args.push(...value.split(/\s+/));
  else if (word === 'over' && value) block.transports = transportsOf(where, value);
  else if (text === 'after the handshake') block.isGreeted = true;
  else if (text === 'where sandboxes work') block.isSandboxed = true;
  else throw new DocError(where, `unknown directive \`# ${text}\``);
}

function takeLine(block, where, line) {
  const step = /^([a-z]?)(->|<-)(?: (.*))?$/.exec(line);
  if (line.trim() === '' || line.startsWith('//')) return;
  if (line.startsWith('# ')) takeDirective(block, where, line.slice(2).trim());
  else if (step) {
    const [, connection, arrow, text = ''] = step;
    block.steps.push({ where, connection: connection || 'a', sends: arrow === '->', text });
  } else if (/^ +\S/.test(line) && block.steps.length > 0) {
    block.steps[block.steps.length - 1].text += line.trim();
  } else throw new DocError(where, `neither a message nor a directive: \`${line}\``);
}

function openBlock(kind, where, heading) {
  return { kind, where, heading, args: [], steps: [], needs: null, isGreeted: false,
    isSandboxed: false, transports: null };
}

function closeBlock(block) {
  if (block.steps.length === 0) throw new DocError(block.where, 'an example without a message');
  if (!block.transports) block.transports = block.kind === 'http' ? ['ws'] : TRANSPORTS;
  return block;
}

// Examples of one heading are numbered, so that names stay when text is added elsewhere.
function nameBlocks(blocks) {
  const counts = new Map();
  blocks.forEach((block) => {
    const slug = slugOf(block.heading);
    counts.set(slug, (counts.get(slug) || 0) + 1);
    block.name = `${slug}/${counts.get(slug)}`;
  });
  return blocks;
}

// The examples of a text; `file` is how errors call it.
function parseDocument(text, file) {
  const blocks = [];
  let block = null;
  let fence = null;
  let heading = 'top';
  text.split('\n').forEach((line, index) => {
    const where = `${file}:${index + 1}`;
    if (fence === null && line.startsWith('```')) {
      fence = line.slice(3).trim();
      block = ['jsonl', 'http'].includes(fence) ? openBlock(fence, where, heading) : null;
    } else if (line.startsWith('```')) {
      if (block) blocks.push(closeBlock(block));
      block = null;
      fence = null;
    } else if (block) takeLine(block, where, line);
    else if (fence === null && /^#+ /.test(line)) heading = line.replace(/^#+ /, '');
  });
  if (fence !== null) throw new DocError(`${file}`, 'a fenced block without its end');
  return nameBlocks(blocks);
}

const ROOT = path.join(__dirname, '..', '..', '..');

function readProtocolDocument() {
  const file = 'docs/protocol.md';
  return parseDocument(fs.readFileSync(path.join(ROOT, file), 'utf8'), file);
}

module.exports = { ROOT, DocError, parseDocument, readProtocolDocument };
