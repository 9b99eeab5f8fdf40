'use strict';
// What the fs/ methods refuse: codes of both servers, execport's own texts, limits, and files that
// are none. Where the two servers' codes differ on purpose a row says so.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { ready } = require('../lib/clients');
const { uri, b64, tree, show } = require('../lib/files');

const BOTH = ['execport', 'codex'];
const WALK = { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: false,
  pruneHiddenDirectories: false };

function errorsTest(name, options, fn) {
  test(`files_errors/${name}`, { on: ['execport'], timeoutMs: 30000, ...options }, async (t) => {
    const dir = fs.realpathSync(t.dir());
    const server = await startServer(t, { args: t.isExecport ? options.args : [] });
    await fn(t, await ready(t, server), dir, server);
  });
}

// Each row: method, params, code, and the text if both servers have the same.
async function allRefused(peer, rows) {
  for (const [method, params, code, text] of rows) {
    const msg = await peer.response(peer.post(`fs/${method}`, params), `the refusal of ${method}`);
    const what = `${method} ${JSON.stringify(params)}: ${JSON.stringify(msg.result)}`;
    assert.ok(msg.error, `${what} was not refused`);
    assert.equal(msg.error.code, code, `${what} ${msg.error.message}`);
    if (text instanceof RegExp) assert.match(msg.error.message, text, what);
    else if (text) assert.equal(msg.error.message, text, what);
  }
}

const NO_ENTRY = 'No such file or directory (os error 2)';
const NO_DIRECTORY = 'Not a directory (os error 20)';

errorsTest('what-the-system-says', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { f: 'x', d: { x: '' }, gone: '-> no' });
  const at = (name) => uri(path.join(dir, name));
  const of = (name, more) => ({ path: at(name), ...more });
  await allRefused(peer, [
    ['getMetadata', of('no'), -32004, NO_ENTRY],
    ['getMetadata', of('gone'), -32004, NO_ENTRY],
    ['getMetadata', of('f/x'), -32603, NO_DIRECTORY],
    ['getMetadata', of('x%FFy'), -32004, NO_ENTRY],
    ['getMetadata', of('x'.repeat(300)), -32603, 'File name too long (os error 36)'
      .replace('File name', t.isExecport ? 'File name' : 'Filename')],
    ['getMetadata', of('x/'.repeat(3000)), -32603, /name too long \(os error 36\)$/],
    ['readFile', of('no'), -32004, NO_ENTRY],
    ['readFile', of('d'), -32600, `path \`${dir}/d\` is not a file`],
    ['readFile', { path: 'file:///dev/null' }, -32600, 'path `/dev/null` is not a file'],
    ['writeFile', of('d', { dataBase64: '' }), -32603, 'Is a directory (os error 21)'],
    ['writeFile', of('no/x', { dataBase64: '' }), -32004, NO_ENTRY],
    ['writeFile', of('f/x', { dataBase64: '' }), -32603, NO_DIRECTORY],
    ['createDirectory', of('a/b', { recursive: false }), -32004, NO_ENTRY],
    ['createDirectory', of('d', { recursive: false }), -32603, 'File exists (os error 17)'],
    ['createDirectory', of('f', { recursive: true }), -32603, 'File exists (os error 17)'],
    ['createDirectory', of('f/x', { recursive: true }), -32603, NO_DIRECTORY],
    ['readDirectory', of('f'), -32603, NO_DIRECTORY],
    ['readDirectory', of('no'), -32004, NO_ENTRY],
    ['canonicalize', of('gone'), -32004, NO_ENTRY],
    ['walk', of('no', { options: WALK }), -32004, NO_ENTRY],
    ['walk', of('d', { options: { ...WALK, maxEntries: 0 } }), -32600,
      'filesystem walk limits must be greater than zero'],
    ['remove', of('no', { force: false }), -32004, NO_ENTRY],
    ['remove', of('d', { recursive: false }), -32603, 'Directory not empty (os error 39)'],
    ['open', of('no', { handleId: 'h' }), -32004, NO_ENTRY],
    ['open', of('d', { handleId: 'h' }), -32600, `path \`${dir}/d\` is not a file`],
    ['copy', { sourcePath: at('d'), destinationPath: at('e'), recursive: false }, -32600,
      'fs/copy requires recursive: true when sourcePath is a directory'],
    ['copy', { sourcePath: at('d'), destinationPath: at('d/e'), recursive: true }, -32600,
      'fs/copy cannot copy a directory to itself or one of its descendants'],
    ['copy', { sourcePath: at('f'), destinationPath: at('d'), recursive: false }, -32603,
      'Is a directory (os error 21)'],
    ['copy', { sourcePath: at('d'), destinationPath: at('f'), recursive: true }, -32603,
      'File exists (os error 17)'],
    ['copy', { sourcePath: at('no'), destinationPath: at('g'), recursive: true }, -32004, NO_ENTRY],
  ]);
  assert.deepEqual(show(dir), { d: { x: '' }, f: 'x', gone: '-> no' });
});

errorsTest('params', { on: BOTH }, async (t, peer, dir) => {
  const good = uri(dir);
  const differs = t.isExecport ? -32602 : -32600;
  const own = (text) => (t.isExecport ? text : undefined);
  await allRefused(peer, [
    ['getMetadata', {}, -32602, 'missing field `path`'],
    ['getMetadata', { path: 7 }, -32602, own('invalid type for `path`: expected a string')],
    ['getMetadata', { path: 'x' }, -32602,
      own('`path` must be an absolute path or a file: URI')],
    ['getMetadata', { path: 'C:\\x' }, -32602,
      own('`path` is a Windows path, and this server runs on another system')],
    ['getMetadata', { path: 'file:///C:/x' }, differs,
      own('`path` is a Windows path, and this server runs on another system')],
    ['getMetadata', { path: 'file://other/x' }, differs, own('`path` must not name another host')],
    ['getMetadata', { path: 'file:///a%00b' }, -32602,
      own('`path` must not encode NUL or a path separator')],
    ['getMetadata', { path: 'file:///a?b' }, -32602,
      own('`path` must not have a query or fragment')],
    ['readFile', { path: good, followSymlinks: 1 }, -32602,
      own('invalid type for `followSymlinks`: expected a boolean')],
    ['writeFile', { path: good }, -32602, 'missing field `dataBase64`'],
    ['writeFile', { path: good, dataBase64: 'YQ' }, differs,
      own('invalid base64 in `dataBase64` at character 2')],
    ['walk', { path: good }, -32602, 'missing field `options`'],
    ['walk', { path: good, options: {} }, -32602, own('missing field `options.maxDepth`')],
    ['copy', { sourcePath: good, destinationPath: good }, -32602, 'missing field `recursive`'],
    ['watchMissing', { missing: [] }, -32602, 'missing field `watchId`'],
    ['watchMissing', { watchId: 1, missing: ['x'] }, -32602,
      own('`missing[0]` must be an absolute path or a file: URI')],
    ['readBlock', { handleId: 'h', offset: 0 }, -32602, 'missing field `len`'],
    ['readBlock', { handleId: 'h', offset: -1, len: 1 }, -32602],
    ['open', { path: good }, -32602, 'missing field `handleId`'],
    ['open', { path: good, handleId: 'x'.repeat(33) }, differs],
    ['open', { path: good, handleId: 'h', mode: 'write' }, -32602],
    ['close', {}, -32602, 'missing field `handleId`'],
  ]);
});

errorsTest('percent-signs', {}, async (t, peer) => {
  for (const bad of ['%', '%4', '%zz', 'a%g0']) {
    await peer.refused('fs/getMetadata', { path: `file:///${bad}` }, -32602,
      '`path` holds a percent sign without two hex digits');
  }
  await peer.refused('fs/getMetadata', { path: 'file:///a%2Fb' }, -32602,
    '`path` must not encode NUL or a path separator');
});

errorsTest('handles', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { f: 'x' });
  const file = uri(path.join(dir, 'f'));
  const open = (handleId) => ({ handleId, path: file });
  await peer.request('fs/open', open('0'));
  await peer.request('fs/open', open('far'));
  const size = 'file read block length must be between 1 and 1048576';
  await allRefused(peer, [
    ['open', open('0'), -32600, 'file handle `0` already exists'],
    ['readBlock', { handleId: 'no', offset: 0, len: 1 }, -32004, 'unknown file handle `no`'],
    ['readBlock', { handleId: '0', offset: 0, len: 0 }, -32600, size],
    ['readBlock', { handleId: '0', offset: 0, len: 1048577 }, -32600, size],
    ['readBlock', { handleId: 'far', offset: 9223372036854776000, len: 1 }, -32600,
      'Invalid argument (os error 22)'],
    ['open', { handleId: 'bad', path: uri(path.join(dir, 'no')) }, -32004],
    ['readBlock', { handleId: 'bad', offset: 0, len: 1 }, -32004, 'unknown file handle `bad`'],
  ]);
  await peer.request('fs/close', { handleId: 'far' }); // with Codex's server it is closed already
  for (let n = 1; n < 128; n++) await peer.request('fs/open', open(String(n)));
  await peer.refused('fs/open', open('128'), -32600,
    'at most 128 file handles may be open per connection');
  await peer.request('fs/close', { handleId: '5' });
  await peer.request('fs/open', open('128'));
});

// Nothing is opened that could make the server wait, or act.
errorsTest('no-files', { on: BOTH }, async (t, peer, dir) => {
  execFileSync('mkfifo', [path.join(dir, 'fifo')]);
  const fifo = uri(path.join(dir, 'fifo'));
  await allRefused(peer, [
    ['readFile', { path: fifo }, -32600, /is not a file$/],
    ['open', { handleId: 'h', path: fifo }, -32600, /is not a file$/],
    ['readDirectory', { path: fifo }, -32603, NO_DIRECTORY],
    ['copy', { sourcePath: fifo, destinationPath: uri(path.join(dir, 'c')), recursive: true },
      -32600, 'fs/copy only supports regular files, directories, and symlinks'],
  ]);
  if (t.isExecport) { // the peer hangs
    await peer.refused('fs/writeFile', { path: fifo, dataBase64: b64('x') }, -32600,
      'path is not a regular file');
    await peer.refused('fs/writeFile', { path: 'file:///dev/full', dataBase64: b64('x') }, -32600,
      'path is not a regular file');
  }
  const about = await peer.request('fs/getMetadata', { path: fifo });
  assert.deepEqual([about.isDirectory, about.isFile], [false, false]);
});

errorsTest('links-that-may-not-be', {}, async (t, peer, dir) => {
  tree(dir, { f: 'x', d: { g: '' }, l: '-> f', dl: '-> d', a: '-> b', b: '-> a' });
  const of = (name, more) => ({ path: uri(path.join(dir, name)), followSymlinks: false, ...more });
  const text = 'path contains a symbolic link';
  await allRefused(peer, ['l', 'dl/g'].flatMap((name) => [
    ['getMetadata', of(name), -32600, text],
    ['readFile', of(name), -32600, text],
    ['writeFile', of(name, { dataBase64: '' }), -32600, text],
    ['remove', of(name), -32600, text],
  ]));
  await peer.refused('fs/createDirectory', of('dl/new'), -32600, text);
  await peer.refused('fs/readFile', { path: uri(path.join(dir, 'a')) }, -32603,
    'Too many levels of symbolic links (os error 40)');
  assert.deepEqual(show(path.join(dir, 'd')), { g: '' });
});

errorsTest('sizes', { args: ['--max-file-read', '64KiB'] }, async (t, peer, dir) => {
  tree(dir, { most: Buffer.alloc(65536, 'x'), more: Buffer.alloc(65537, 'x'), huge: '' });
  fs.truncateSync(path.join(dir, 'huge'), 2 ** 40);
  const of = (name, more) => ({ path: uri(path.join(dir, name)), ...more });
  const large = (limit) => `file is too large to read: limit is ${limit} bytes; ` +
    'read it in blocks with fs/open and fs/readBlock';
  assert.equal((await peer.request('fs/readFile', of('most'))).dataBase64.length, 87384);
  await allRefused(peer, [
    ['readFile', of('more'), -32600, large(65536)],
    ['readFile', of('huge'), -32600, large(65536)],
    ['readFile', of('most', { maxBytes: 65535 }), -32600, large(65535)],
    ['readFile', of('most', { maxBytes: 0 }), -32600, large(0)],
    ['readFile', { path: 'file:///proc/self/environ', maxBytes: 3 }, -32600, large(3)],
  ]);
  await peer.request('fs/readFile', of('most', { maxBytes: 65536 }));
  await peer.request('fs/open', { handleId: 'h', ...of('huge') });
  const block = { handleId: 'h', offset: 2 ** 40 - 1, len: 2 };
  assert.deepEqual(await peer.request('fs/readBlock', block), { chunk: 'AA==', eof: true });
});

errorsTest('copy-onto-itself', {}, async (t, peer, dir) => {
  tree(dir, { f: 'kept', l: '-> f' });
  for (const name of ['f', 'l']) {
    await peer.refused('fs/copy', { sourcePath: uri(path.join(dir, 'f')),
      destinationPath: uri(path.join(dir, name)), recursive: false }, -32600,
    'fs/copy cannot copy a file to itself');
  }
  assert.equal(show(dir).f, 'kept');
});

const special = (kind, access) => ({ path: { type: 'special', value: { kind } }, access });
const at = (file, access) => ({ path: { type: 'path', path: uri(file) }, access });
const sandboxOf = (dir, entries) => ({ permissions: { type: 'managed',
  file_system: { type: 'restricted', entries }, network: 'restricted' }, cwd: uri(dir),
workspaceRoots: [uri(dir)], windowsSandboxLevel: 'disabled' });

// The codex server needs a helper program of its own, which it does not find below /tmp.
errorsTest('sandbox', {}, async (t, peer, dir) => {
  tree(dir, { f: 'f', in: { g: 'g', out: '-> ../f', '.git': { c: '' } } });
  const inside = path.join(dir, 'in');
  const write = (name, sandbox) =>
    ['writeFile', { path: uri(path.join(dir, name)), dataBase64: '', sandbox }, -32603,
      'Read-only file system (os error 30)'];
  const readOnly = sandboxOf(dir, [special('root', 'read')]);
  const workspace = sandboxOf(dir, [special('root', 'read'), at(inside, 'write')]);
  const alone = sandboxOf(dir, [at(inside, 'write')]);
  const file = uri(path.join(dir, 'f'));
  for (const sandbox of [readOnly, workspace]) {
    const { dataBase64 } = await peer.request('fs/readFile', { path: file, sandbox });
    assert.equal(dataBase64, b64('f'));
  }
  await allRefused(peer, [
    write('f', readOnly), write('new', readOnly), write('in/g', readOnly),
    write('f', workspace), write('new', workspace), write('in/out', workspace),
    write('in/.git/c', workspace),
    ['createDirectory', { path: uri(path.join(dir, 'd')), sandbox: workspace }, -32603],
    ['remove', { path: file, sandbox: workspace }, -32603],
    ['remove', { path: uri(inside), sandbox: workspace }, -32603],
    ['copy', { sourcePath: file, destinationPath: uri(path.join(dir, 'c')), recursive: false,
      sandbox: workspace }, -32603],
    ['readFile', { path: file, sandbox: alone }, -32004, NO_ENTRY],
    ['readFile', { path: uri(path.join(inside, 'out')), sandbox: alone }, -32004, NO_ENTRY],
    ['getMetadata', { path: file, sandbox: alone }, -32004, NO_ENTRY],
    ['open', { handleId: 'h', path: file, sandbox: alone }, -32004, NO_ENTRY],
    ['readFile', { path: file, sandbox: { cwd: 'x'.repeat(300000) } }, -32602, /256 KiB$/],
    ['readFile', { path: file, sandbox: {} }, -32602,
      /^execport cannot enforce the sandbox that was asked for: /],
    ['readFile', { path: file, sandbox: { permissions: { type: 'new' } } }, -32602,
      /^execport cannot enforce the sandbox that was asked for: /],
  ]);
  const watch = { missing: [uri(path.join(dir, 'no'))], sandbox: alone };
  assert.deepEqual(await peer.request('fs/watchMissing', { watchId: 1, ...watch }),
    { watching: false });
  watch.missing = [uri(path.join(inside, 'no'))];
  assert.deepEqual(await peer.request('fs/watchMissing', { watchId: 1, ...watch }),
    { watching: true });
  for (const name of ['in/new', 'in/g']) {
    await peer.request('fs/writeFile', { path: uri(path.join(dir, name)), dataBase64: b64('w'),
      sandbox: workspace });
  }
  assert.deepEqual(show(dir), { f: 'f', in: { '.git': { c: '' }, g: 'w', new: 'w',
    out: '-> ../f' } });
});
