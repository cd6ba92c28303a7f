'use strict';
// hardcap for tests: starts it on free ports, and asks and changes it while it runs.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { program } = require('./program.js');

/** How often the ready file is looked for, in milliseconds. */
const POLL = 10;
/** How long a start may take, in milliseconds: a template with a Rust function is compiled first. */
const STARTS_WITHIN = 600_000;
/** How long hardcap may take to stop before it is killed, in milliseconds. It bounds this itself. */
const STOPS_WITHIN = 20_000;
/** How much of the log an error shows, in bytes. */
const SHOWN_MAX = 16_384;

class HardcapError extends Error {
  name = 'HardcapError';
}

function argumentsOf(options, folder) {
  const words = ['up', '--api-port', '0', '--aws-port', '0', '--stop-at-eof'];
  words.push('--ready-file', path.join(folder, 'ready.json'));
  if (options.limits !== undefined) words.push('--limits', options.limits);
  for (const [row, value] of Object.entries(options.set ?? {})) words.push('--set', `${row}=${value}`);
  for (const [name, value] of Object.entries(options.parameters ?? {})) words.push('--parameter', `${name}=${value}`);
  if (options.data !== undefined) words.push('--data', options.data);
  words.push(...(options.arguments ?? []));
  if (options.template !== undefined) words.push('--', options.template);
  return words;
}

async function start(options = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hardcap-'));
  const log = fs.openSync(path.join(folder, 'log.txt'), 'w');
  let app;
  try {
    const command = [program(), ...argumentsOf(options, folder)];
    const child = spawn(command[0], command.slice(1), {
      cwd: options.cwd,
      env: { ...process.env, ...options.environment },
      // hardcap ends with its standard input, which ends with this process, however it ends.
      stdio: ['pipe', 'ignore', log],
      // A session of its own: Ctrl-C in a terminal is for the tests, whose end is then the end of hardcap.
      detached: true,
    });
    // A test runner that has ended its tests is not held by it.
    child.unref();
    child.stdin.unref();
    child.stdin.on('error', () => {});
    app = new Hardcap(child, command, folder);
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true });
    throw new HardcapError(`hardcap cannot be started: ${error.message}`);
  } finally {
    fs.closeSync(log);
  }
  try {
    await app._waitUntilReady(options.timeout ?? STARTS_WITHIN);
  } catch (error) {
    await app.stop();
    throw error;
  }
  return app;
}

class Hardcap {
  #child;
  #command;
  #folder;
  #ended;
  /** How it ended; undefined while it runs. */
  #end;

  constructor(child, command, folder) {
    this.#child = child;
    this.#command = command;
    this.#folder = folder;
    this.logFile = path.join(folder, 'log.txt');
    this.#ended = new Promise((resolve) => {
      const end = (how) => {
        this.#end = how;
        resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : signal));
    });
  }

  async _waitUntilReady(timeout) {
    const readyFile = path.join(this.#folder, 'ready.json');
    const deadline = Date.now() + timeout;
    while (!fs.existsSync(readyFile)) {
      if (!this.running) throw new HardcapError(this.#explained(`hardcap did not start (${this.#end})`));
      if (Date.now() > deadline) {
        throw new HardcapError(this.#explained(`hardcap did not start within ${timeout} milliseconds`));
      }
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
    const ready = JSON.parse(fs.readFileSync(readyFile, 'utf8'));
    this.urls = { ...ready.apis, ...ready.function_urls };
    this.url = Object.values(this.urls)[0] ?? '';
    this.outputs = ready.outputs;
    this.functions = ready.functions;
    this.tables = ready.tables;
    this.buckets = ready.buckets;
    this.awsUrl = ready.aws;
    this.controlUrl = ready.control;
    this.region = ready.region;
    this.limits = ready.limits;
    this.environment = ready.environment;
    this.awsConfig = {
      endpoint: ready.aws,
      region: ready.region,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      forcePathStyle: true,
    };
  }

  /** An error's text: what happened, the command, and the end of the log. */
  #explained(what) {
    let log = '';
    try {
      log = fs.readFileSync(this.logFile).subarray(-SHOWN_MAX).toString().trim();
    } catch {
      // There is no log any more.
    }
    return `${what}\ncommand: ${this.#command.join(' ')}\n${log}`.trimEnd();
  }

  get running() {
    return this.#end === undefined;
  }

  async stop() {
    // Asks it to end. A signal as well would be a second request, which ends it without a wait for what it has started.
    this.#child.stdin?.destroy();
    if (this.running) {
      // It is waited for now.
      this.#child.ref();
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOPS_WITHIN);
      await this.#ended;
      clearTimeout(timer);
    }
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  applyEnvironment(environment = process.env) {
    const before = Object.keys(this.environment).map((name) => [name, environment[name]]);
    const apply = ([name, value]) => {
      if (value === null || value === undefined) delete environment[name];
      else environment[name] = value;
    };
    Object.entries(this.environment).forEach(apply);
    return () => before.forEach(apply);
  }

  async reset({ keepData = false } = {}) {
    await this.#control('POST', keepData ? 'reset' : 'reset?data=true');
  }

  async logs(name) {
    const query = name === undefined ? '' : `?function=${encodeURIComponent(this.functions[name] ?? name)}`;
    const { lines } = await this.#control('GET', `logs${query}`);
    return lines.map(({ at, function: name, stream, text }) => ({ at, function: name, stream, text }));
  }

  async records() {
    return (await this.#control('GET', 'records')).records;
  }

  async report() {
    return this.#control('GET', 'report');
  }

  async setLimit(row, maximum) {
    await this.#control('PUT', `limits/${encodeURIComponent(row)}`, { max: maximum });
  }

  async addFault(fault) {
    return (await this.#control('POST', 'faults', fault)).id;
  }

  async advanceClock(milliseconds) {
    await this.#control('POST', 'clock/advance', { millis: Math.round(milliseconds) });
  }

  /** Without `fetch`, which test environments replace. */
  async #control(method, route, body) {
    if (!this.running) throw new HardcapError(this.#explained(`hardcap has ended (${this.#end})`));
    const { status, text } = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const request = http.request(`${this.controlUrl}/${route}`, { method, headers, agent: false }, (response) => {
        const pieces = [];
        response.on('data', (piece) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString() }));
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    if (status >= 400) throw new HardcapError(`${method} ${route}: ${text}`);
    return JSON.parse(text);
  }
}

module.exports = { Hardcap, HardcapError, program, start };
