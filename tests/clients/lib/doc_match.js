'use strict';
// Patterns of messages: JSON with placeholders such as <int>, <string as name> or <base64: text>,
// and `...` for further members. `fill` makes text to send of a line, `compile` a pattern of a line
// that is expected, `match` compares. `names` is a Map of values that were remembered.

const PLACEHOLDER =
  /<((?:base64|file|like|one of): [^<>]*|zeros: \d+|[a-zA-Z][a-zA-Z ]*)>/g;
const MARK = '\u0001';
const MORE = '\u0001more';

const TYPES = {
  any: () => true,
  int: (value) => Number.isInteger(value),
  seq: (value) => Number.isInteger(value) && value > 0,
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  null: (value) => value === null,
};

const ESCAPES = { n: '\n', r: '\r', t: '\t', '\\': '\\' };

// Text with \n, \r, \t, \\ and \xHH.
function bytesOf(text) {
  const plain = text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (all, what) => {
    if (what.length === 3) return String.fromCharCode(parseInt(what.slice(1), 16));
    if (!(what in ESCAPES)) throw new Error(`unknown escape ${all}`);
    return ESCAPES[what];
  });
  return Buffer.from(plain, 'latin1');
}

// The names hold the URI of the example's own directory under a name that no example can write.
const FOLDER = '\u0001folder';

function fileOf(name, names) {
  return `${names.get(FOLDER)}/${name}`;
}

function valueOf(what, names) {
  if (what.startsWith('file: ')) return fileOf(what.slice(6), names);
  if (what.startsWith('base64: ')) return bytesOf(what.slice(8)).toString('base64');
  if (what.startsWith('zeros: ')) return Buffer.alloc(Number(what.slice(7))).toString('base64');
  if (!names.has(what)) throw new Error(`<${what}> was not remembered`);
  return names.get(what);
}

// The text of a message to send.
function fill(text, names) {
  return text.replace(PLACEHOLDER, (all, what) => JSON.stringify(valueOf(what, names)));
}

// The pattern of a message that is expected; throws if it is no JSON.
function compile(text) {
  const json = text.replace(PLACEHOLDER, (all, what) => JSON.stringify(MARK + what))
    .replace(/,\s*\.\.\.\s*}/g, `,"\\u0001more":true}`);
  return JSON.parse(json);
}

function placeholderOf(pattern) {
  return typeof pattern === 'string' && pattern.startsWith(MARK) ? pattern.slice(1) : null;
}

function short(value) {
  const text = JSON.stringify(value);
  return text === undefined ? 'nothing' : text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function matchGlob(glob, value) {
  const parts = glob.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return typeof value === 'string' && new RegExp(`^${parts.join('[^]*')}$`).test(value);
}

// `int`, `int or null`, `int as name`: whether the value is of that type; it is remembered.
function matchType(what, value, names) {
  const [, types, name] = /^(.*?)(?: as ([a-zA-Z]+))?$/.exec(what);
  const wanted = types.split(' or ');
  const odd = wanted.find((type) => !(type in TYPES));
  if (odd !== undefined) {
    if (!names.has(what)) throw new Error(`<${what}> is no type and was not remembered`);
    return JSON.stringify(names.get(what)) === JSON.stringify(value);
  }
  if (!wanted.some((type) => TYPES[type](value))) return false;
  if (name) names.set(name, value);
  return true;
}

function matchPlaceholder(what, value, names) {
  if (what.startsWith('base64: ')) return value === bytesOf(what.slice(8)).toString('base64');
  if (what.startsWith('file: ')) return value === fileOf(what.slice(6), names);
  if (what.startsWith('like: ')) return matchGlob(what.slice(6), value);
  if (what.startsWith('one of: ')) return what.slice(8).split(', ').includes(value);
  return matchType(what, value, names);
}

function matchArray(pattern, value, at, names) {
  if (!Array.isArray(value)) return `${at} is ${short(value)}, not a list`;
  if (value.length !== pattern.length) return `${at} has ${value.length} items: ${short(value)}`;
  return pattern.map((each, index) => match(each, value[index], names, `${at}[${index}]`))
    .find((problem) => problem) || null;
}

function matchObject(pattern, value, at, names) {
  if (!TYPES.object(value)) return `${at} is ${short(value)}, not an object`;
  const wanted = Object.keys(pattern).filter((key) => key !== MORE);
  const missing = wanted.find((key) => !(key in value));
  if (missing !== undefined) return `${at} has no member \`${missing}\`: ${short(value)}`;
  const extra = Object.keys(value).find((key) => !wanted.includes(key));
  if (extra !== undefined && !(MORE in pattern)) return `${at} has a member \`${extra}\` too`;
  return wanted.map((key) => match(pattern[key], value[key], names, `${at}.${key}`))
    .find((problem) => problem) || null;
}

// null, or how the value differs from the pattern.
function match(pattern, value, names, at = 'message') {
  const what = placeholderOf(pattern);
  if (what !== null) {
    return matchPlaceholder(what, value, names) ? null : `${at} is ${short(value)}, not <${what}>`;
  }
  if (Array.isArray(pattern)) return matchArray(pattern, value, at, names);
  if (TYPES.object(pattern)) return matchObject(pattern, value, at, names);
  return Object.is(pattern, value) ? null : `${at} is ${short(value)}, not ${short(pattern)}`;
}

// The bytes that a pattern of an output's chunk stands for, or null.
function expectedBytes(pattern) {
  const what = placeholderOf(pattern);
  return what !== null && what.startsWith('base64: ') ? bytesOf(what.slice(8)) : null;
}

function isPlaceholder(pattern, what) {
  return placeholderOf(pattern) === what;
}

module.exports = { FOLDER, fill, compile, match, matchGlob, expectedBytes, isPlaceholder, short };
