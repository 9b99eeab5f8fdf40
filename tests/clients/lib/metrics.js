'use strict';
// GET /metrics: asking for it by hand, and a strict reader of the text format 0.0.4. The reader
// throws at whatever the format forbids or a server of ours should not do: samples before their
// HELP and TYPE, a family in two places, a sample twice, names and numbers of wrong form, counters
// that do not end in _total, histograms whose buckets do not add up.

const assert = require('node:assert/strict');
const { rawConnect } = require('./raw');

const TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"$/;
const NUMBER = /^(?:\d+(?:\.\d+)?|\+Inf|NaN)$/;

function readNumber(text) {
  assert.match(text, NUMBER);
  return text === '+Inf' ? Infinity : Number(text);
}

function readLabels(text) {
  const labels = {};
  for (const each of text === undefined ? [] : text.split(/,(?=[a-z])/)) {
    const [, name, value] = LABEL.exec(each) || assert.fail(`label ${each}`);
    assert.ok(!(name in labels), `label ${name} twice`);
    labels[name] = value;
  }
  return labels;
}

function addSample(family, line) {
  const [, name, labels, value] = SAMPLE.exec(line) || assert.fail(`sample ${line}`);
  const histogram = family.type === 'histogram';
  const rest = name.startsWith(family.name) ? name.slice(family.name.length) : null;
  const wanted = histogram ? ['_bucket', '_sum', '_count'] : [''];
  assert.ok(wanted.includes(rest), `sample ${name} in the family ${family.name}`);
  const key = line.slice(0, line.lastIndexOf(' '));
  assert.ok(!family.samples.has(key), `sample ${key} twice`);
  family.samples.set(key, { suffix: rest, labels: readLabels(labels), value: readNumber(value) });
}

function checkHistogram(family) {
  const all = [...family.samples.values()];
  const buckets = all.filter((one) => one.suffix === '_bucket');
  const count = all.find((one) => one.suffix === '_count');
  const sum = all.find((one) => one.suffix === '_sum');
  assert.ok(buckets.length > 1 && count && sum, `${family.name} is not whole`);
  let before = { end: -Infinity, value: 0 };
  for (const { labels, value } of buckets) {
    const end = readNumber(labels.le);
    assert.ok(end > before.end, `${family.name}: buckets out of order`);
    assert.ok(value >= before.value, `${family.name}: buckets are not cumulative`);
    before = { end, value };
  }
  assert.equal(before.end, Infinity);
  assert.equal(before.value, count.value, `${family.name}: +Inf is not the count`);
  if (count.value === 0) assert.equal(sum.value, 0);
}

function checkFamily(family) {
  assert.ok(family.samples.size > 0, `${family.name} has no sample`);
  assert.equal(family.name.endsWith('_total'), family.type === 'counter', family.name);
  if (family.type === 'histogram') checkHistogram(family);
}

// The families by name: {name, help, type, samples: Map from the text before the value}.
function parseMetrics(text) {
  assert.ok(text.endsWith('\n'), 'no line end at the end');
  const families = new Map();
  let family = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [hash, word, name, ...rest] = line.split(' ');
    if (hash === '#' && word === 'HELP') {
      assert.match(name, NAME);
      assert.ok(!families.has(name), `family ${name} twice`);
      family = { name, help: rest.join(' '), type: null, samples: new Map() };
      families.set(name, family);
      assert.ok(family.help.length > 0);
    } else if (hash === '#') {
      assert.equal(word, 'TYPE', line);
      assert.ok(family && family.name === name && family.type === null, `${line}: wrong place`);
      assert.ok(['counter', 'gauge', 'histogram'].includes(rest.join(' ')), line);
      family.type = rest[0];
    } else {
      assert.ok(family && family.type, `${line} comes before its HELP and TYPE`);
      addSample(family, line);
    }
  }
  families.forEach(checkFamily);
  return families;
}

class Metrics {
  constructor(text) {
    this.text = text;
    this.families = parseMetrics(text);
  }

  get keys() {
    return [...this.families.values()].flatMap((one) => [...one.samples.keys()]);
  }

  // The value of `starts_total{result="ok"}`, say.
  get(key) {
    const name = `execport_${key}`;
    for (const family of this.families.values()) {
      if (family.samples.has(name)) return family.samples.get(name).value;
    }
    return assert.fail(`no sample ${name}`);
  }

  // The sum over all labels of a family.
  sum(name) {
    const family = this.families.get(`execport_${name}`) || assert.fail(`no family ${name}`);
    return [...family.samples.values()].reduce((sum, one) => sum + one.value, 0);
  }
}

function requestText({ method = 'GET', path = '/metrics', headers = {} } = {}) {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`;
}

// One request on a connection of its own: {status, headers, body}.
async function ask(t, where, options) {
  const raw = await rawConnect(t, where);
  raw.write(requestText(options));
  const head = await raw.readHead();
  const body = await raw.readBody(head);
  await raw.waitEnded();
  assert.equal(raw.input.length, 0, 'bytes behind the body');
  return { ...head, body };
}

async function scrape(t, where, headers) {
  const { status, headers: got, body } = await ask(t, where, { headers });
  assert.equal(status, 200);
  assert.equal(got['content-type'], TYPE);
  return new Metrics(body);
}

module.exports = { ask, requestText, scrape, parseMetrics };
