'use strict';
// hardcap for tests: starts it on free ports, and reads and changes its state while it runs.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { program } = require('./program.js');

/** The interval of looking for the ready file, in milliseconds. */
const POLL = 10;
/** The maximum time for a start, in milliseconds: a template with a Rust function is compiled first. */
const STARTS_WITHIN = 600_000;
/** The maximum time for stopping, in milliseconds, before hardcap is killed. hardcap has the same bound. */
const STOPS_WITHIN = 20_000;
/** The maximum part of the log in an error, in bytes. */
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

function temporaryFolder() {
  try {
    return fs.mkdtempSync(path.join(os.tmpdir(), 'hardcap-'));
  } catch (error) {
    throw new HardcapError(`there is no folder for temporary files: ${error.message}; set TMPDIR to a writable folder`);
  }
}

async function start(options = {}) {
  const folder = temporaryFolder();
  const log = fs.openSync(path.join(folder, 'log.txt'), 'w');
  let app;
  try {
    const command = [program(), ...argumentsOf(options, folder)];
    const child = spawn(command[0], command.slice(1), {
      cwd: options.cwd,
      env: { ...process.env, ...options.environment },
      // hardcap ends with its standard input, which ends with this process, however it ends.
      stdio: ['pipe', 'ignore', log],
      // A session of its own: Ctrl-C in a terminal ends the tests, and hardcap ends with them.
      detached: true,
    });
    // It does not keep a test runner alive that has ended its tests.
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
  /** The way it ended; undefined while it runs. */
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
    this.queues = ready.queues;
    this.topics = ready.topics;
    this.buses = ready.buses;
    this.parameters = ready.parameters;
    this.secrets = ready.secrets;
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
      // The log file has been removed.
    }
    return `${what}\ncommand: ${this.#command.join(' ')}\n${log}`.trimEnd();
  }

  get running() {
    return this.#end === undefined;
  }

  async stop() {
    // The end of its input ends it. A signal as well would be a second request, which ends it without a wait for its processes.
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
    return lines.map(({ at, function: name, stream, request_id: requestId, text }) => ({ at, function: name, stream, requestId, text }));
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

  /** Calls the control API, without `fetch`, which test environments replace. */
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
