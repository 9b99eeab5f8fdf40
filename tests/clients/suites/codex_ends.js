'use strict';
// Whatever ends the Codex CLI, nothing that it started is left when the server's detach time is
// over: children on pipes and terminals, in the background, in sessions of their own.

const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { startTurn } = require('../lib/codex_cli');
const { exec } = require('../lib/codex_script');
const { killOwn, mayMakeCgroups } = require('../lib/proc');
const { Witness } = require('../lib/witness');

const LONG = 'echo up >&9; exec sleep 1000';
const OWN_SESSION = '(setsid bash -c "echo up >&9; exec sleep 1000") & true';
// Forks twice with a session of its own in between: its parent is no longer any of the session's.
const FAR = '(setsid bash -c "(setsid bash -c \\"echo up >&9; exec sleep 1000\\" &) & exit" &)';

// Runs `scripts` as commands of a turn, each on a pipe and on a terminal, and ends the CLI when
// `holders` processes in all are up on the witness.
async function killedTurn(t, server, signal, witness, { scripts, holders }) {
  const quick = { yield_time_ms: 250 };
  const begin = `${witness.open}; trap "" HUP`;
  const calls = scripts.flatMap((script, n) => [exec(`p${n}`, `${begin}; ${script}`, quick),
    exec(`t${n}`, `${begin}; ${script}`, { ...quick, tty: true })]);
  async function* script() {
    yield calls;
    await new Promise(() => {}); // the model thinks until the CLI is gone
  }
  const turn = await startTurn(t, { url: server.url }, script());
  await witness.allUp(holders);
  killOwn(turn.pid, signal);
  await turn.waitEnd();
}

const NEAR = { scripts: [LONG, `sleep 1000 & ${LONG}`], holders: 4 };

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
  const name = signal.toLowerCase();
  // On SIGINT the CLI itself ends what it started. After the others nobody but the server is there
  // to do it; the peer had not done it after 40 s.
  test(`codex-end/${name}`, { on: signal === 'SIGINT' ? ['execport', 'codex'] : ['execport'],
    timeoutMs: 60000 }, async (t) => {
    const server = await startServer(t, { args: t.isExecport ? ['--detach-ttl', '700ms'] : [] });
    const witness = new Witness(t);
    await killedTurn(t, server, signal, witness, NEAR);
    await witness.waitAllGone('the death of all that the CLI started');
  });

  // What has left its session and lost its parents is found by cgroups; without them it ends
  // together with the server.
  test(`codex-end/${name}-with-daemons`, { timeoutMs: 60000 }, async (t) => {
    const server = await startServer(t, { args: ['--detach-ttl', '700ms'] });
    const witness = new Witness(t);
    await killedTurn(t, server, signal, witness,
      { scripts: [`${OWN_SESSION}; ${LONG}`, `${FAR}; ${LONG}`], holders: 8 });
    if (!mayMakeCgroups()) await server.stop();
    await witness.waitAllGone('the death of all that the CLI started');
  });
}

// A command that has ended may have left a daemon, as in any shell: it stays, and ends together
// with the server.
test('codex-end/daemons-of-ended-commands', { timeoutMs: 60000 }, async (t) => {
  const server = await startServer(t, { args: ['--detach-ttl', '1ms'] });
  const witness = new Witness(t);
  await killedTurn(t, server, 'SIGKILL', witness, { scripts: [`${FAR}; exit 0`], holders: 2 });
  await server.stop();
  await witness.waitAllGone('the death of the daemons');
});
