#!/usr/bin/env node
'use strict';
// The command `hardcap`: runs the program and ends as it ends.

const { spawn } = require('node:child_process');
const os = require('node:os');
const { program } = require('../lib/program.js');

let path;
try {
  path = program();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(1);
}
// A terminal sends an interrupt to the program too, and a second one would end it without its report.
const inTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
// The handlers are there before the program is: a signal between the two would end this process and leave the program running.
let child;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !inTerminal) child.kill(signal);
  });
}
child = spawn(path, process.argv.slice(2), { stdio: 'inherit' });

// npx and npm end at a signal without passing it on. Where one of them has started this, its end is the end of the program.
if (process.env.npm_command) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 250).unref();
}

child.on('error', (error) => {
  console.error(`error: ${path} cannot be run: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  // As shells report a program that was killed.
  process.exit(signal === null ? code : 128 + os.constants.signals[signal]);
});
