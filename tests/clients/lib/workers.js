'use strict';
// Runs tests in several processes, each one test at a time: what one test computes holds up no
// other's clock. A worker is the program `run` again; it gets names and gives back results.

const { fork } = require('node:child_process');

const BACKGROUND_AT_ONCE = 8;

// Starts a worker; `program` is run's own path, `args` its command line.
function startWorker(program, args) {
  const child = fork(program, [...args, '--worker'], { stdio: 'inherit' });
  const worker = { child, onResult: null };
  const finish = (result) => {
    const { onResult } = worker;
    worker.onResult = null;
    if (onResult) onResult(result);
  };
  child.on('message', finish);
  worker.exited = new Promise((resolve) => child.on('exit', (code, signal) => {
    worker.isGone = true;
    finish({ problem: `the tests' process ended with ${signal || code}`, ms: 0 });
    resolve();
  }));
  worker.run = (name) => new Promise((resolve) => {
    worker.onResult = resolve;
    child.send({ name });
  });
  return worker;
}

// Runs the tests of a queue with up to `count` workers.
async function runQueue(queue, count, startOne, report) {
  const lane = async () => {
    let worker = null;
    for (let one = queue.shift(); one; one = queue.shift()) {
      if (worker === null || worker.isGone) worker = startOne();
      report(one.name, await worker.run(one.name));
    }
    if (worker !== null && !worker.isGone) worker.child.disconnect();
    if (worker !== null) await worker.exited;
  };
  await Promise.all(Array.from({ length: Math.min(count, queue.length) }, lane));
}

// Runs the chosen tests, `jobs` at a time and beside them those that mostly wait.
async function runInWorkers(chosen, { program, args, jobs }, report) {
  const startOne = () => startWorker(program, args);
  const of = (isIt) => chosen.filter(isIt);
  await Promise.all([
    runQueue(of((one) => one.background), BACKGROUND_AT_ONCE, startOne, report),
    runQueue(of((one) => !one.background), jobs, startOne, report)]);
}

// The worker's side: runOne(test) gives the result to send. A promise that no test waits for must
// not hide a failure.
function serveAsWorker(tests, runOne) {
  let stray = null;
  process.on('unhandledRejection', (error) => { stray = stray || error; });
  process.on('message', async ({ name }) => {
    const result = await runOne(tests.find((one) => one.name === name));
    const problem = result.problem || (stray && `no test waited for this: ${stray.message}`);
    stray = null;
    process.send({ ...result, problem });
  });
  process.on('disconnect', () => process.exit(0));
}

module.exports = { runInWorkers, serveAsWorker };
