'use strict';
// What the fs/ methods do to files. Runs against both servers but where execport does more, or
// something better, on purpose; those tests say so. What is refused, and how, is in
// files_errors.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startProcess } = require('../lib/sessions');
const { connect, ready, initialize, resume } = require('../lib/clients');
const { sleep } = require('../lib/proc');
const { lease } = require('../lib/stuck');
const { uri, b64, tree, show } = require('../lib/files');

const BOTH = ['execport', 'codex'];
const OPTIONS = { maxDepth: 6, maxDirectories: 2000, maxEntries: 20000,
  followDirectorySymlinks: true, pruneHiddenDirectories: true };

function filesTest(name, options, fn) {
  test(`files/${name}`, { on: ['execport'], timeoutMs: 30000, ...options }, async (t) => {
    const dir = fs.realpathSync(t.dir());
    const server = await startServer(t, { args: t.isExecport ? options.args : [] });
    await fn(t, await ready(t, server), dir, server);
  });
}

const read = async (peer, file, more) => Buffer.from(
  (await peer.request('fs/readFile', { path: uri(file), ...more })).dataBase64, 'base64');
const write = (peer, file, bytes, more) =>
  peer.request('fs/writeFile', { path: uri(file), dataBase64: b64(bytes), ...more });

filesTest('metadata', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { 'a.txt': 'hello', sub: {}, link: '-> a.txt', 'to dir': '-> sub' });
  fs.utimesSync(path.join(dir, 'a.txt'), 5, 1234.567);
  const about = (name) => peer.request('fs/getMetadata', { path: uri(path.join(dir, name)) });
  const flags = ({ isDirectory, isFile, isSymlink }) => [isDirectory, isFile, isSymlink];
  const file = await about('a.txt');
  assert.deepEqual([...flags(file), file.size, file.modifiedAtMs],
    [false, true, false, 5, 1234567]);
  assert.ok(Number.isInteger(file.createdAtMs));
  assert.deepEqual(flags(await about('sub')), [true, false, false]);
  assert.deepEqual(flags(await about('to dir')), [true, false, true]);
  const link = await about('link');
  assert.deepEqual([...flags(link), link.size], [false, true, true, 5]);
  const unfollowed = { path: uri(path.join(dir, 'a.txt')), followSymlinks: false };
  assert.equal((await peer.request('fs/getMetadata', unfollowed)).isFile, true);
});

filesTest('read-every-byte', { on: BOTH }, async (t, peer, dir) => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const large = Buffer.alloc(1000003, (i) => i % 251);
  tree(dir, { empty: '', bytes, large, link: '-> bytes' });
  for (const [name, wanted] of [['empty', Buffer.alloc(0)], ['bytes', bytes], ['link', bytes],
    ['large', large]]) {
    assert.ok((await read(peer, path.join(dir, name))).equals(wanted), name);
  }
  for (const size of [1, 2, 3, 49151, 49152, 49153, 65536, 98303, 98304, 98305]) {
    const wanted = large.subarray(0, size); // around what is read at once
    fs.writeFileSync(path.join(dir, 'sized'), wanted);
    assert.ok((await read(peer, path.join(dir, 'sized'))).equals(wanted), `${size}`);
  }
});

filesTest('read-what-has-no-size', { on: BOTH }, async (t, peer) => {
  assert.match((await read(peer, '/proc/self/status')).toString(), /^Name:\s/);
});

filesTest('write-new-old-linked', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { old: 'a long old text', script: 'x', twin: 'twin', link: '-> old', gone: '-> new2' });
  fs.chmodSync(path.join(dir, 'script'), 0o751);
  fs.linkSync(path.join(dir, 'twin'), path.join(dir, 'other'));
  for (const name of ['old', 'new', 'script', 'twin', 'gone']) {
    assert.deepEqual(await write(peer, path.join(dir, name), `to ${name}`), {});
  }
  assert.deepEqual(await write(peer, path.join(dir, 'empty'), ''), {});
  assert.deepEqual(show(dir), { empty: '', gone: '-> new2', link: '-> old', new: 'to new',
    new2: 'to gone', old: 'to old', other: 'to twin', script: 'to script', twin: 'to twin' });
  await write(peer, path.join(dir, 'link'), 'through the link');
  assert.deepEqual(show(dir).old, 'through the link');
  assert.equal(fs.statSync(path.join(dir, 'script')).mode & 0o7777, 0o751);
  assert.equal(fs.statSync(path.join(dir, 'twin')).nlink, 2);
});

// A reader sees the old file or the new one, never a part.
filesTest('write-replaces-at-once', {}, async (t, peer, dir) => {
  const file = path.join(dir, 'file');
  const texts = [Buffer.alloc(1500000, 'a'), Buffer.alloc(1000000, 'b')];
  fs.writeFileSync(file, texts[0]);
  let isDone = false;
  const writing = (async () => {
    for (let n = 1; n <= 10; n++) await write(peer, file, texts[n % 2]);
    isDone = true;
  })();
  let looks = 0;
  while (!isDone) {
    const now = fs.readFileSync(file);
    assert.ok(texts.some((text) => text.equals(now)), `${now.length} bytes of a half-written file`);
    looks += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
  assert.ok(looks > 0);
  assert.deepEqual(fs.readdirSync(dir), ['file']);
});

filesTest('create-directory', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { link: '-> real', real: {} });
  const make = (name, more) =>
    peer.request('fs/createDirectory', { path: uri(path.join(dir, name)), ...more });
  assert.deepEqual(await make('one', { recursive: false }), {});
  assert.deepEqual(await make('one'), {}); // there already, and recursive unless told
  assert.deepEqual(await make('a/b/c', { recursive: true }), {});
  assert.deepEqual(await make('link/d'), {});
  assert.deepEqual(await make('e//f/./g/'), {});
  assert.deepEqual(show(dir), { a: { b: { c: {} } }, e: { f: { g: {} } }, link: '-> real', one: {},
    real: { d: {} } });
});

filesTest('read-directory', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { '.hidden': '', f: '', sub: { x: '' }, file: '-> f', dir: '-> sub', broken: '-> no' });
  fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/bad`), Buffer.from([0xff])]), '');
  const { entries } = await peer.request('fs/readDirectory', { path: uri(dir) });
  const wanted = [['.hidden', false, true], ['bad\ufffd', false, true], ['dir', true, false],
    ['f', false, true], ['file', false, true], ['sub', true, false]];
  const byName = (a, b) => (a.fileName < b.fileName ? -1 : 1);
  const got = t.isExecport ? entries : entries.sort(byName); // execport's are sorted
  assert.deepEqual(got.map((one) => [one.fileName, one.isDirectory, one.isFile]), wanted);
});

filesTest('canonicalize', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { 'a b%': {}, link: '-> a b%' });
  const real = async (name) =>
    (await peer.request('fs/canonicalize', { path: uri(path.join(dir, name)) })).path;
  assert.equal(await real('link'), uri(path.join(dir, 'a b%')));
  assert.equal(await real('a b%'), `file://${dir}/a%20b%25`);
  const up = { path: `${uri(dir)}/link/../link` };
  assert.equal((await peer.request('fs/canonicalize', up)).path, uri(path.join(dir, 'a b%')));
});

filesTest('names-in-uris', { on: BOTH }, async (t, peer, dir) => {
  const names = ['a b', 'a%20b', 'ä', '日本', 'a#b?c', 'a+b&c', "it's", '[x]'];
  for (const name of names) await write(peer, path.join(dir, name), name);
  assert.deepEqual(fs.readdirSync(dir).sort(), [...names].sort());
  for (const name of names) assert.equal(String(await read(peer, path.join(dir, name))), name);
  const bad = Buffer.concat([Buffer.from(`${dir}/x`), Buffer.from([0xff, 0xfe])]);
  fs.writeFileSync(bad, 'not UTF-8');
  const found = await peer.request('fs/readFile', { path: `${uri(dir)}/x%FF%fe` });
  assert.equal(Buffer.from(found.dataBase64, 'base64').toString(), 'not UTF-8');
});

const WALKED = { '.dot': '', '.h': { i: { j: '' } }, a: { b: { c: {}, h: '' }, g: '', up: '-> ..' },
  f: '', br: '-> no', la: '-> a', lf: '-> f' };

filesTest('walk', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, WALKED);
  const walk = async (options, where = dir) => {
    const params = { path: uri(where), options: { ...OPTIONS, ...options } };
    const found = await peer.request('fs/walk', params);
    assert.deepEqual(found.errors, []);
    const text = ({ path: at, kind }) =>
      decodeURIComponent(at).slice(`file://${dir}/`.length) + (kind === 'directory' ? '/' : '');
    return found.entries.map(text).join(' ') + (found.truncated ? ' ...' : '');
  };
  assert.equal(await walk({}), '.dot .h/ a/ f la/ a/b/ a/g a/up/ a/b/c/ a/b/h');
  const all = { followDirectorySymlinks: false, pruneHiddenDirectories: false };
  assert.equal(await walk(all), '.dot .h/ a/ f .h/i/ a/b/ a/g .h/i/j a/b/c/ a/b/h');
  assert.equal(await walk({ ...all, maxDepth: 0 }), '.dot .h/ a/ f');
  assert.equal(await walk({ ...all, maxDepth: 1 }), '.dot .h/ a/ f .h/i/ a/b/ a/g');
  assert.equal(await walk({ ...all, maxDirectories: 2 }), '.dot .h/ a/ f .h/i/ ...');
  assert.equal(await walk({ ...all, maxEntries: 3 }), '.dot .h/ a/ ...');
  assert.equal(await walk(all, path.join(dir, 'f')), '');
  assert.equal(await walk(all, path.join(dir, 'la')), '');
  assert.equal(await walk({}, path.join(dir, '.h')), '.h/i/ .h/i/j');
});

filesTest('remove', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { f: 'x', d: { e: { g: '' }, l: '-> ../keep' }, keep: { k: '' }, link: '-> keep',
    broken: '-> no', empty: {} });
  const remove = (name, more) =>
    peer.request('fs/remove', { path: uri(path.join(dir, name)), ...more });
  for (const name of ['f', 'd', 'link', 'broken', 'nothing', 'no/thing']) {
    assert.deepEqual(await remove(name), {}, name);
  }
  assert.deepEqual(await remove('empty', { recursive: false, force: false }), {});
  assert.deepEqual(show(dir), { keep: { k: '' } });
});

filesTest('copy', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { f: 'text', old: 'a longer old text', link: '-> f', d: { x: 'x', l: '-> ../f', s: {} },
    there: { y: 'y' } });
  fs.chmodSync(path.join(dir, 'f'), 0o750);
  const copy = (from, to, recursive) => peer.request('fs/copy',
    { sourcePath: uri(path.join(dir, from)), destinationPath: uri(path.join(dir, to)), recursive });
  for (const [from, to, recursive] of [['f', 'g', false], ['f', 'old', false],
    ['link', 'link2', false], ['d', 'new/deep', true], ['d', 'there', true]]) {
    assert.deepEqual(await copy(from, to, recursive), {}, `${from} to ${to}`);
  }
  const copied = { l: '-> ../f', s: {}, x: 'x' };
  assert.deepEqual(show(dir), { d: copied, f: 'text', g: 'text', link: '-> f', link2: '-> f',
    new: { deep: copied }, old: 'text', there: { ...copied, y: 'y' } });
  assert.equal(fs.statSync(path.join(dir, 'g')).mode & 0o777, 0o750);
});

filesTest('blocks', { on: BOTH }, async (t, peer, dir) => {
  const bytes = Buffer.alloc(2500000, (i) => i % 253);
  tree(dir, { big: bytes });
  const open = { handleId: 'h1', path: uri(path.join(dir, 'big')) };
  assert.deepEqual(await peer.request('fs/open', open), { handleId: 'h1' });
  fs.rmSync(path.join(dir, 'big')); // an open file stays what it is
  const parts = [];
  for (let eof = false, offset = 0; !eof;) {
    const block = await peer.request('fs/readBlock', { handleId: 'h1', offset, len: 1048576 });
    parts.push(Buffer.from(block.chunk, 'base64'));
    offset += parts.at(-1).length;
    eof = block.eof;
  }
  assert.ok(Buffer.concat(parts).equals(bytes));
  const at = async (offset, len) => {
    const block = await peer.request('fs/readBlock', { handleId: 'h1', offset, len });
    return [Buffer.from(block.chunk, 'base64').length, block.eof];
  };
  assert.deepEqual(await at(2499999, 1), [1, false]); // the end was not seen
  assert.deepEqual(await at(2499999, 2), [1, true]);
  assert.deepEqual(await at(9000000000, 2), [0, true]);
  assert.deepEqual(await peer.request('fs/close', { handleId: 'h1' }), {});
  assert.deepEqual(await peer.request('fs/close', { handleId: 'h1' }), {});
  const again = { handleId: 'h1', path: 'file:///proc/self/stat' };
  assert.deepEqual(await peer.request('fs/open', again), { handleId: 'h1' });
});

// Requests that do not wait for each other's answers.
filesTest('order-of-one-path', { on: BOTH }, async (t, peer, dir) => {
  const file = path.join(dir, 'd', 'f');
  const ids = [peer.post('fs/createDirectory', { path: uri(path.join(dir, 'd')) })];
  for (let n = 0; n < 30; n++) {
    ids.push(peer.post('fs/writeFile', { path: uri(file), dataBase64: b64(`text ${n}`) }));
    ids.push(peer.post('fs/readFile', { path: uri(file) }));
  }
  ids.push(peer.post('fs/open', { handleId: 'h', path: uri(file) }));
  ids.push(peer.post('fs/readBlock', { handleId: 'h', offset: 5, len: 9 }));
  ids.push(peer.post('fs/close', { handleId: 'h' }));
  ids.push(peer.post('fs/remove', { path: uri(path.join(dir, 'd')) }));
  const results = [];
  for (const id of ids) results.push(await peer.result(id, `the reply to ${id}`));
  for (let n = 0; n < 30; n++) {
    assert.deepEqual(results[2 + 2 * n], { dataBase64: b64(`text ${n}`) });
  }
  assert.deepEqual(results[62], { chunk: b64('29'), eof: true });
  assert.deepEqual(fs.readdirSync(dir), []);
});

filesTest('watch-missing', { on: BOTH }, async (t, peer, dir) => {
  tree(dir, { here: 'x', d: {}, link: '-> d' });
  const at = (name) => uri(path.join(dir, name));
  const watch = (watchId, missing, present) => peer.request('fs/watchMissing',
    { watchId, missing: missing.map(at), ...(present ? { present: at(present) } : {}) });
  const told = (watchId) => peer.waitMessage((msg) => msg.method === 'fs/missingChanged' &&
    msg.params.watchId === watchId, `the notice of watch ${watchId}`);
  const isTold = (watchId) => peer.log.some(({ msg }) => msg.method === 'fs/missingChanged' &&
    msg.params.watchId === watchId);
  assert.deepEqual(await watch(1, ['m', 'other']), { watching: true });
  fs.writeFileSync(path.join(dir, 'unrelated'), '');
  fs.writeFileSync(path.join(dir, 'm'), '');
  await told(1);
  assert.deepEqual(await watch(2, ['x/y/z']), { watching: true }); // what is nearest is watched
  assert.deepEqual(await watch(2, ['other']), { watching: false }); // the number is in use
  fs.mkdirSync(path.join(dir, 'x'));
  await told(2);
  assert.deepEqual(await watch(3, ['n'], 'here'), { watching: true });
  fs.writeFileSync(path.join(dir, 'here'), 'changed');
  await told(3);
  assert.deepEqual(await watch(4, ['p']), { watching: true });
  assert.deepEqual(await watch(5, ['q'], 'here'), { watching: true }); // takes the place of 4
  fs.writeFileSync(path.join(dir, 'p'), '');
  fs.rmSync(path.join(dir, 'here'));
  await told(5);
  assert.ok(!isTold(4), 'a watch that was replaced has told');
  for (const [missing, present] of [[[]], [['m']], [['link/new']], [['m/below']], [['q'], 'no']]) {
    assert.deepEqual(await watch(6, missing, present), { watching: false }, String(missing));
  }
  const many = Array.from({ length: 65 }, (_, i) => `many${i}`);
  assert.deepEqual(await watch(7, many.slice(1)), { watching: true });
  assert.deepEqual(await watch(8, many), { watching: false });
  assert.deepEqual(peer.log.filter(({ msg }) => msg.method).map(({ msg }) => msg.params.watchId),
    [1, 2, 3, 5]); // each once
});

filesTest('handles-end-with-the-connection', { on: BOTH }, async (t, peer, dir, server) => {
  tree(dir, { f: 'x' });
  await peer.request('fs/open', { handleId: 'h', path: uri(path.join(dir, 'f')) });
  peer.destroy();
  await peer.closed;
  const next = await resume(t, server, peer.initialized.sessionId);
  await next.refused('fs/readBlock', { handleId: 'h', offset: 0, len: 1 }, -32004,
    'unknown file handle `h`');
});

filesTest('root', { args: [] }, async (t, peer, dir) => {
  tree(dir, { in: { f: 'in', up: '-> ../out', abs: `-> ${dir}/in/f`, etc: '-> /etc/passwd',
    ok: '-> f', d: {} }, out: 'out' });
  const root = path.join(dir, 'in');
  const server = await startServer(t, { args: ['--files-root', root] });
  const inside = await initialize(await connect(t, server.url));
  assert.equal(String(await read(inside, path.join(root, 'ok'))), 'in');
  await write(inside, path.join(root, 'd/new'), 'new');
  assert.equal(fs.readFileSync(path.join(root, 'd/new'), 'utf8'), 'new');
  const where = [path.join(dir, 'out'), `${root}/../out`, path.join(root, 'up'), '/etc/passwd',
    path.join(root, 'etc'), path.join(root, 'abs'), `${root}x`, dir];
  for (const at of where) {
    const outside = /is not below the directory that this server serves$/;
    await inside.refused('fs/readFile', { path: at }, -32004, outside);
    await inside.refused('fs/getMetadata', { path: at }, -32004, outside);
    await inside.refused('fs/writeFile', { path: at, dataBase64: '' }, -32004, outside);
    await inside.refused('fs/canonicalize', { path: at }, -32004, outside);
  }
  await inside.refused('fs/remove', { path: root }, -32004, /not below the directory/);
  await inside.refused('fs/createDirectory', { path: `${dir}/new` }, -32004, /not below/);
  await inside.refused('fs/copy', { sourcePath: `${root}/f`, destinationPath: `${dir}/f`,
    recursive: false }, -32004, /not below/);
  assert.deepEqual(show(dir).out, 'out');
});

filesTest('off', { args: ['--no-files'] }, async (t, peer, dir) => {
  const { capabilities } = peer.initialized.environmentInfo;
  assert.deepEqual(capabilities, { fsWatchMissing: false });
  for (const method of ['getMetadata', 'readFile', 'writeFile', 'watchMissing', 'close']) {
    const text = `method not found: fs/${method}`;
    await peer.refused(`fs/${method}`, { path: uri(dir) }, -32601, text);
  }
});

// A connection that is lost takes what it has asked for with it; the server goes on.
filesTest('lost-in-the-middle', {}, async (t, peer, dir, server) => {
  const wide = {};
  for (let i = 0; i < 100; i++) wide[`d${i}`] = { a: '', b: { c: '' } };
  tree(dir, wide);
  for (let n = 0; n < 10; n++) {
    const lost = await ready(t, server);
    for (let i = 0; i < 30; i++) {
      lost.post('fs/walk', { path: uri(dir), options: OPTIONS });
      lost.post('fs/open', { handleId: `${i}`, path: '/proc/self/status' });
    }
    lost.post('fs/watchMissing', { watchId: 1, missing: [uri(path.join(dir, 'no'))] });
    lost.destroy();
  }
  await write(peer, path.join(dir, 'f'), 'alive');
  assert.equal(String(await read(peer, path.join(dir, 'f'))), 'alive');
});

// More requests than may wait are refused, the others answered, whenever the client reads.
filesTest('many-waiting', {}, async (t, peer, dir) => {
  tree(dir, { f: Buffer.alloc(100000, 'x') });
  const held = await lease(t, path.join(dir, 'f')); // nothing is done before all is asked
  const ids = Array.from({ length: 600 }, () =>
    peer.post('fs/readFile', { path: uri(path.join(dir, 'f')) }));
  await peer.request('fs/getMetadata', { path: uri(dir) }).catch(() => {}); // it has come
  held.free();
  let refused = 0;
  for (const id of ids) {
    const { result, error } = await peer.response(id);
    if (!error) {
      assert.equal(result.dataBase64.length, 133336);
      continue;
    }
    assert.equal(error.code, -32021);
    assert.deepEqual(error.data, { resource: 'waiting file requests', have: 0, need: 1 });
    refused += 1;
  }
  assert.ok(refused > 0 && refused < 400, `${refused} refused`);
});

filesTest('one-that-hangs', {}, async (t, peer, dir, server) => {
  tree(dir, { slow: 'slow', fast: 'fast' });
  const [slow, fast] = ['slow', 'fast'].map((name) => path.join(dir, name));
  const held = await lease(t, slow);
  const other = await ready(t, server);
  const hung = peer.post('fs/readFile', { path: uri(slow) });
  const later = peer.post('fs/writeFile', { path: uri(slow), dataBase64: b64('later') });
  for (let n = 0; n < 50; n++) {
    assert.equal(String(await read(peer, fast)), 'fast'); // the same client's other files
    assert.equal(String(await read(other, fast)), 'fast');
  }
  const also = Array.from({ length: 10 }, () => peer.post('fs/readFile', { path: uri(slow) }));
  assert.equal(String(await read(other, fast)), 'fast'); // whatever one client does
  const view = await startProcess(t, peer, { argv: ['/bin/echo', 'started'] });
  await view.waitText('started');
  const early = peer.log.filter(({ msg }) => [hung, later, ...also].includes(msg.id));
  assert.deepEqual(early, [], 'it did not hang');
  held.free();
  assert.deepEqual(await peer.result(hung, 'what hung'), { dataBase64: b64('slow') });
  assert.deepEqual(await peer.result(later, 'the write behind it'), {});
  for (const id of also) {
    assert.deepEqual(await peer.result(id, 'a read behind it'), { dataBase64: b64('later') });
  }
});

// The end of a connection does not wait for what hangs.
filesTest('lost-while-one-hangs', {}, async (t, peer, dir, server) => {
  tree(dir, { slow: 'slow' });
  const slow = path.join(dir, 'slow');
  const held = await lease(t, slow);
  const lost = await ready(t, server);
  lost.post('fs/readFile', { path: uri(slow) });
  lost.post('fs/writeFile', { path: uri(slow), dataBase64: b64('never') });
  await lost.request('fs/getMetadata', { path: '/usr' }); // both were taken
  lost.destroy();
  await lost.closed;
  await write(peer, path.join(dir, 'f'), 'alive');
  held.free();
  assert.equal(String(await read(peer, slow)), 'slow'); // what waited was dropped
});

filesTest('end-while-one-hangs', { background: true }, async (t, peer, dir, server) => {
  tree(dir, { slow: 'slow' });
  await lease(t, path.join(dir, 'slow'));
  peer.post('fs/readFile', { path: uri(path.join(dir, 'slow')) });
  await peer.request('fs/getMetadata', { path: '/usr' }); // it was taken
  server.expectEnd().signal('SIGTERM');
  await peer.waitClosed('the end of the connection');
  await sleep(500); // a second signal at once may be the first one again
  server.signal('SIGTERM'); // it does not wait for ever
  assert.equal((await server.waitExit(15000)).code, 1);
  assert.match(server.stderr, /server_end_hangs/);
});
