#!/usr/bin/env node
// Turns a recording of asciinema into an SVG that moves, and lets its last frame stand for a while.
// usage: render.js NODE_MODULES RECORDING PICTURE
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const LAST_FRAME_S = 6;

const [modules, recording, picture] = process.argv.slice(2);
const { render } = require(path.join(modules, 'svg-term'));
const lines = fs.readFileSync(recording, 'utf8').trimEnd().split('\n');
const [end] = JSON.parse(lines[lines.length - 1]);
lines.push(JSON.stringify([end + LAST_FRAME_S, 'o', ' ']));
fs.writeFileSync(picture, `${render(lines.join('\n'), { window: true, cursor: false })}\n`);
