'use strict';
// Whole turns of the Codex CLI, which looks at files through the server: project documents, skills,
// patches, images. What counts is what the model was told and what is on the disk.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startProxy } = require('../lib/cut_proxy');
const { runTurn } = require('../lib/codex_cli');
const { exec, only, pollToEnd } = require('../lib/codex_script');
const { call, customCall } = require('../lib/mock_model');

const BOTH = { on: ['execport', 'codex'], timeoutMs: 90000 };

// A model whose name the CLI knows is offered the tool apply_patch and may see images.
const KNOWN_MODEL = ['-m', 'gpt-5.5'];

// 16 x 16 pixels.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAF0lEQVR4nGP4z8BAEiJN' +
  '9aiGUQ1DSgMAkPn/Afnh+ngAAAAASUVORK5CYII=', 'base64');

const PROJECT = {
  '.git/HEAD': 'ref: refs/heads/main\n',
  'AGENTS.md': 'Words for the whole project: gr\u00fc\u00dfe.\n',
  'one/AGENTS.md': 'Words of folder one that are not read.\n',
  'one/AGENTS.override.md': 'Words in place of those of folder one.\n',
  'one/two/AGENTS.md': 'Words of folder two.\n',
  'one/two/edit me.txt': 'first\nsecond\nthird\n',
  'one/two/move.txt': 'stays\nchanges\n',
  'one/two/gone.txt': 'nothing of worth\n',
  'one/two/picture.png': PNG,
  '.agents/skills/brewing/SKILL.md': '---\nname: brewing\ndescription: how tea is brewed\n---\n' +
    'Take water of 80 degrees.\n',
};

// A directory with these files: text or bytes by path.
function makeTree(t, files) {
  const root = t.dir();
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), content);
  }
  return root;
}

// Runs a turn in the folder one/two of the project; `script` gets a function from a name there to
// its path.
async function projectTurn(t, script, { args = [], prompt } = {}) {
  const server = await startServer(t);
  const proxy = await startProxy(t, server.url);
  const cwd = path.join(makeTree(t, PROJECT), 'one/two');
  const model = await runTurn(t, { url: proxy.url, cwd, args, prompt },
    script((name) => path.join(cwd, name)));
  return { model, proxy };
}

// Everything that a request tells the model, as one text.
function toldIn(request) {
  return request.input.flatMap((item) => item.content || []).map((part) => part.text || '')
    .join('\n');
}

function textOf(outputs, callId) {
  assert.deepEqual(outputs.map((item) => item.call_id), [callId]);
  return outputs[0].output;
}

async function* nothing() {
  // The model has no wish.
}

test('codex-files/project-documents', BOTH, async (t) => {
  const { model } = await projectTurn(t, nothing);
  const told = toldIn(model.requests[0]);
  const at = ['Words for the whole project: gr\u00fc\u00dfe.',
    'Words in place of those of folder one.', 'Words of folder two.']
    .map((words) => told.indexOf(words));
  assert.ok(at[0] >= 0 && at[0] < at[1] && at[1] < at[2], `found at ${at}`);
  assert.ok(!told.includes('that are not read'));
});

test('codex-files/skill-is-offered', BOTH, async (t) => {
  const { model } = await projectTurn(t, nothing);
  assert.match(toldIn(model.requests[0]), /brewing: how tea is brewed/);
});

test('codex-files/skill-is-read-when-it-is-named', BOTH, async (t) => {
  const { model } = await projectTurn(t, nothing, { prompt: 'do your $brewing' });
  assert.match(toldIn(model.requests[0]), /Take water of 80 degrees/);
});

const PATCH = `*** Begin Patch
*** Update File: edit me.txt
@@
 first
-second
+zweite
 third
*** Add File: new/folder/made.txt
+from nothing
+gr\u00fc\u00dfe
*** Update File: move.txt
*** Move to: moved/there.txt
@@
 stays
-changes
+changed
*** Delete File: gone.txt
*** End Patch
`;

function checkPatched(pathOf) {
  const read = (name) => fs.readFileSync(pathOf(name), 'utf8');
  assert.equal(read('edit me.txt'), 'first\nzweite\nthird\n');
  assert.equal(read('new/folder/made.txt'), 'from nothing\ngr\u00fc\u00dfe\n');
  assert.equal(read('moved/there.txt'), 'stays\nchanged\n');
  assert.deepEqual(['move.txt', 'gone.txt'].filter((name) => fs.existsSync(pathOf(name))), []);
}

test('codex-files/apply-patch', BOTH, async (t) => {
  await projectTurn(t, async function* script(pathOf) {
    const told = textOf(yield [customCall('c1', 'apply_patch', PATCH)], 'c1');
    assert.match(told, /Success[^]*A new\/folder\/made.txt\nM edit me.txt\n/);
    checkPatched(pathOf);
  }, { args: KNOWN_MODEL });
});

test('codex-files/apply-patch-as-a-command', BOTH, async (t) => {
  await projectTurn(t, async function* script(pathOf) {
    const told = textOf(yield [exec('c1', `apply_patch <<'EOF'\n${PATCH}EOF`)], 'c1');
    assert.match(told, /Exit code: 0\n[^]*A new\/folder\/made.txt\nM edit me.txt\n/);
    checkPatched(pathOf);
  });
});

test('codex-files/patch-that-does-not-fit', BOTH, async (t) => {
  await projectTurn(t, async function* script(pathOf) {
    const patch = '*** Begin Patch\n*** Update File: edit me.txt\n@@\n-fourth\n+vierte\n' +
      '*** End Patch\n';
    const told = textOf(yield [customCall('c1', 'apply_patch', patch)], 'c1');
    assert.match(told, /Failed to find expected lines in .*edit me.txt/);
    const lost = patch.replace('edit me', 'no such');
    assert.match(textOf(yield [customCall('c2', 'apply_patch', lost)], 'c2'), /no such.txt/);
    assert.equal(fs.readFileSync(pathOf('edit me.txt'), 'utf8'), PROJECT['one/two/edit me.txt']);
  }, { args: KNOWN_MODEL });
});

test('codex-files/view-image', BOTH, async (t) => {
  await projectTurn(t, async function* script(pathOf) {
    const outputs = yield [call('c1', 'view_image', { path: pathOf('picture.png') })];
    assert.match(JSON.stringify(textOf(outputs, 'c1')), /"data:image\/png;base64,iVBORw0KGgo/);
    const lost = yield [call('c2', 'view_image', { path: pathOf('nothing.png') })];
    assert.match(JSON.stringify(textOf(lost, 'c2')), /unable to locate image/);
  }, { args: KNOWN_MODEL });
});

// What a file may hold goes through both ways: long lines, no newline at the end, all of UTF-8.
test('codex-files/patched-bytes-arrive', BOTH, async (t) => {
  const lines = Array.from({ length: 3000 }, (unused, n) => `${n} \u20ac ${'x'.repeat(n % 300)}`);
  await projectTurn(t, async function* script(pathOf) {
    const add = ['*** Begin Patch', '*** Add File: big.txt', ...lines.map((line) => `+${line}`),
      '*** End Patch', ''].join('\n');
    assert.match(textOf(yield [customCall('c1', 'apply_patch', add)], 'c1'), /A big.txt/);
    const edit = ['*** Begin Patch', '*** Update File: big.txt', '@@', `-${lines[1500]}`, '+here',
      '*** End Patch', ''].join('\n');
    assert.match(textOf(yield [customCall('c2', 'apply_patch', edit)], 'c2'), /M big.txt/);
    const wanted = lines.map((line, n) => (n === 1500 ? 'here' : line)).join('\n');
    assert.equal(fs.readFileSync(pathOf('big.txt'), 'utf8'), `${wanted}\n`);
  }, { args: KNOWN_MODEL });
});

// The methods that turns use. Not found is an answer; nothing else may be an error. What the CLI
// asks for only where a server offers it, as the peer does, stands apart.
const USED = ['initialize', 'fs/canonicalize', 'fs/createDirectory', 'fs/getMetadata',
  'fs/readFile', 'fs/remove', 'fs/walk', 'fs/writeFile', 'process/start', 'process/terminate',
  'process/write'];
const IF_OFFERED = ['environmentConfig/read', 'fs/watchMissing'];
const NOT_FOUND = -32004;

// Checks the calls of a turn; gives the methods.
function methodsOf(proxy) {
  const calls = proxy.calls().filter(({ reply }) => reply !== undefined);
  const refused = calls.filter(({ reply }) => reply.error && reply.error.code !== NOT_FOUND);
  assert.deepEqual(refused.map(({ method, reply }) => `${method}: ${reply.error.message}`), []);
  return [...new Set(calls.map(({ method }) => method))].filter((m) => !IF_OFFERED.includes(m));
}

test('codex-files/methods-of-a-full-turn', BOTH, async (t) => {
  const { proxy } = await projectTurn(t, async function* script(pathOf) {
    yield [customCall('c1', 'apply_patch', PATCH)];
    yield [call('c2', 'view_image', { path: pathOf('picture.png') })];
    const begun = only(yield [exec('c3', 'read x; echo "got:$x"',
      { tty: true, yield_time_ms: 250 })], 'c3');
    const said = yield [call('c4', 'write_stdin', { session_id: begun.sessionId, chars: 'y\n' })];
    yield* pollToEnd(only(said, 'c4'));
  }, { args: KNOWN_MODEL, prompt: 'do your $brewing' });
  assert.deepEqual(methodsOf(proxy).sort(), USED.slice().sort());
});

// Where there is no folder of skills the CLI wants to hear of one that comes.
test('codex-files/methods-of-an-empty-folder', BOTH, async (t) => {
  const server = await startServer(t);
  const proxy = await startProxy(t, server.url);
  async function* script() {
    assert.equal(only(yield [exec('c1', 'echo hi')], 'c1').text, 'hi\n');
  }
  await runTurn(t, { url: proxy.url }, script());
  assert.deepEqual(methodsOf(proxy).filter((name) => !USED.includes(name)), []);
});
