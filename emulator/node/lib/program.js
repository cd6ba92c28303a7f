'use strict';
// The place of the program `hardcap`: in the optional dependency for this platform.

const fs = require('node:fs');
const path = require('node:path');

/**
 * The path of the program. The variable HARDCAP_PROGRAM names another one.
 *
 * @returns {string}
 * @throws {Error} if there is none for this platform; the message contains what to do.
 */
function program() {
  const named = process.env.HARDCAP_PROGRAM;
  if (named) {
    if (!isExecutable(named)) {
      throw new Error(`HARDCAP_PROGRAM=${named} is not a program: name an executable file, or unset the variable`);
    }
    return named;
  }
  const platform = `${process.platform}-${process.arch}`;
  const name = `@hardcap/${platform}`;
  let manifest;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch {
    const { optionalDependencies } = require('../package.json');
    if (optionalDependencies[name] === undefined) {
      throw new Error(`hardcap has no program for ${platform}: it runs on Linux and macOS, x64 and arm64`);
    }
    throw new Error(
      `the package ${name}, which has the program, is not installed: install hardcap without --omit=optional, ` +
        'on the machine that runs it, or name the program with HARDCAP_PROGRAM',
    );
  }
  return path.join(path.dirname(manifest), 'bin', 'hardcap');
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

module.exports = { program };
