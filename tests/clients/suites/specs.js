'use strict';
// The forms of a start, and servers that are told to take only some of them.

const assert = require('node:assert/strict');
const { test } = require('../lib/harness');
const { startServer } = require('../lib/server');
const { ready } = require('../lib/clients');

const command = (t) => ({ argv: ['/bin/true'], cwd: '/', env: t.env() });
const io = { type: 'pipe', stdin: 'closed' };
const FORMS = {
  flat: (t) => ({ ...command(t), tty: false }),
  direct: (t) => ({ spec: { type: 'direct', ...command(t), io } }),
  prepared: (t) => ({ spec: { type: 'prepared', request: command(t), io } }),
};

// Which forms a server with these options takes; the others are refused, and leave nothing behind.
function formsTest(name, args, taken) {
  test(`specs/${name}`, { on: ['execport'] }, async (t) => {
    const peer = await ready(t, await startServer(t, { args }));
    for (const [form, params] of Object.entries(FORMS)) {
      const start = { processId: form, ...params(t) };
      if (taken.includes(form)) {
        assert.deepEqual(await peer.request('process/start', start),
          { processId: form, sandboxType: 'none' });
      } else {
        const kind = form === 'prepared' ? 'prepared' : 'direct';
        await peer.refused('process/start', start, -32600, `this server takes no ${kind} specs`);
        const error = await peer.refused('process/wait', { processId: form }, -32600);
        assert.deepEqual(error.data, { reason: 'neverExisted' });
      }
    }
  });
}

formsTest('all', [], ['flat', 'direct', 'prepared']);
formsTest('no-direct-exec', ['--no-direct-exec'], ['flat', 'prepared']);
formsTest('no-prepared-exec', ['--no-prepared-exec'], ['flat', 'direct']);
formsTest('neither', ['--no-direct-exec', '--no-prepared-exec'], ['flat']);
