'use strict';
// The member `sandbox` as the Codex CLI 0.169.0 sends it in its two modes, and running a shell's
// script in one.

const { pathToFileURL } = require('node:url');
const { startServer } = require('./server');
const { ready } = require('./clients');
const { sh, startProcess } = require('./sessions');

function special(kind, access, more) {
  return { path: { type: 'special', value: { kind, ...more } }, access };
}

function at(path, access) {
  return { path: { type: 'path', path: pathToFileURL(path).href }, access };
}

const READ_ONLY = [special('root', 'read')];

const WORKSPACE_WRITE = [...READ_ONLY, special('project_roots', 'write'),
  special('slash_tmp', 'write'), special('tmpdir', 'write'),
  ...['.git', '.agents', '.codex', '.aws'].map((subpath) => (
    { ...special('project_roots', 'read', { subpath }), missing_path_behavior: 'skip' }))];

// options: network ('restricted'), roots ([cwd]).
function sandbox(entries, cwd, options = {}) {
  const url = (path) => pathToFileURL(path).href;
  return { permissions: { type: 'managed', file_system: { type: 'restricted', entries },
    network: options.network || 'restricted' }, cwd: url(cwd),
  workspaceRoots: (options.roots || [cwd]).map(url), windowsSandboxLevel: 'disabled',
  windowsSandboxProxySettingsMode: 'reconcile', useLegacyLandlock: false };
}

// A server and a workspace that lies in no temporary directory. Skips where the host lets nobody
// make a sandbox.
async function openSandboxes(t, options = {}) {
  const server = await startServer(t, { ...options, sandboxes: true });
  const peer = await ready(t, server);
  const place = { t, server, peer, workspace: t.dir('/var/tmp') };
  if (t.isExecport) await skipWithout(place);
  return place;
}

async function skipWithout({ t, peer, workspace }) {
  try {
    const view = await startProcess(t, peer, { argv: ['/bin/true'],
      sandbox: sandbox(READ_ONLY, workspace) });
    await view.waitClosed();
  } catch (error) {
    if (/there is no bubblewrap|bwrap: /.test(error.message)) t.skip(`host: ${error.message}`);
    throw error;
  }
}

// Starts argv in a sandbox; more: entries (those of workspace-write), network, roots, and whatever
// a start takes.
function startConfined({ t, peer, workspace }, argv, more = {}) {
  const { entries = WORKSPACE_WRITE, network, roots, ...rest } = more;
  return startProcess(t, peer, { argv, cwd: pathToFileURL(workspace).href,
    sandbox: sandbox(entries, workspace, { network, roots }), ...rest });
}

// Runs a script to its end and gives {code, text, errors}.
async function runConfined(place, script, more) {
  const view = await startConfined(place, sh(script), more);
  await view.waitClosed();
  return { code: view.exitCode, text: view.text('stdout'), errors: view.text('stderr') };
}

module.exports = { special, at, READ_ONLY, WORKSPACE_WRITE, sandbox, openSandboxes, startConfined,
  runConfined };
