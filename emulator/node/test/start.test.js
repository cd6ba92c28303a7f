'use strict';
// hardcap/testing under node:test: `node --test`.

const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
const { HardcapError, start } = require('hardcap/testing');
const { LARGEST, get, template } = require('./calls.js');

let app;

const launcher = path.join(path.dirname(require.resolve('hardcap/package.json')), 'bin', 'hardcap.js');

/** Of tests that wait for other processes. */
const within = { timeout: 60_000 };

before(async () => {
  app = await start({ template, parameters: { Stage: 'tried' } });
});

after(async () => {
  await app?.stop();
});

/** Whether a hardcap still listens; false as soon as it has ended. */
async function outlives(url) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answers = await fetch(`${url}/_hardcap/health`).then(() => true, () => false);
    if (!answers || Date.now() > deadline) return answers;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts the command as npx does. What it has started ends with the test: a process that is left would keep the runner alive. */
function startCommand(t, words, environment) {
  const options = { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...process.env, ...environment } };
  const command = spawn(process.execPath, [launcher, ...words], options);
  t.after(() => {
    try {
      process.kill(-command.pid, 'SIGKILL');
    } catch {
      // All have ended.
    }
  });
  return command;
}

test('an API responds up to the limit and fails one byte beyond it', async () => {
  await app.reset();
  assert.deepEqual(await get(`${app.outputs.Url}?size=${LARGEST}`), [200, LARGEST]);
  const over = await fetch(`${app.outputs.Url}?size=${LARGEST + 1}`);
  assert.deepEqual([over.status, await over.text()], [500, '{"message":"Internal Server Error"}']);
  assert.deepEqual(await get(`${app.url}/sized`), [200, 5]);
});

test('names, outputs and addresses are those of the template', () => {
  assert.deepEqual(app.outputs, { Url: `${app.url}/sized`, Table: app.tables.Orders });
  assert.deepEqual(Object.keys(app.urls), ['ServerlessHttpApi']);
  assert.deepEqual(Object.keys({ ...app.functions, ...app.buckets }), ['Sized', 'Files']);
  assert.deepEqual([app.queues, app.topics, app.buses, app.parameters, app.secrets], [{}, {}, {}, {}, {}]);
  assert.equal(app.environment.AWS_ENDPOINT_URL, app.awsUrl);
});

test('logs and records tell what happened since the last reset', async () => {
  await app.reset();
  assert.deepEqual([await app.logs(), await app.records()], [[], []]);
  await get(`${app.url}/sized?size=6300000`);
  const lines = (await app.logs('Sized')).map((line) => line.text);
  assert.ok(lines.includes('tried: asked for 6300000 bytes'), lines.join('\n'));
  const { rows } = await app.report();
  assert.deepEqual(rows.filter((row) => row.refused > 0).map((row) => row.row), ['lambda_sync_response']);
  await app.reset();
  assert.deepEqual([await app.logs(), await app.records()], [[], []]);
});

test('limits and faults that were changed are in force until the reset', async () => {
  await app.setLimit('lambda_sync_response', 1_000);
  assert.equal((await get(`${app.url}/sized?size=2000`))[0], 500);
  await app.reset();
  await app.addFault({ fault: 'throttle', function: 'Sized' });
  assert.notEqual((await get(`${app.url}/sized`))[0], 200);
  await app.reset();
  assert.equal((await get(`${app.url}/sized?size=2000`))[0], 200);
  await assert.rejects(app.setLimit('lambda_sync_respons', 1), /lambda_sync_respons/);
});

test('the environment is applied and restored', () => {
  const environment = { AWS_REGION: 'eu-north-1', OTHER: '1' };
  const restore = app.applyEnvironment(environment);
  assert.equal(environment.AWS_ENDPOINT_URL, app.awsUrl);
  assert.equal(environment.AWS_REGION, app.region);
  restore();
  assert.deepEqual(environment, { AWS_REGION: 'eu-north-1', OTHER: '1' });
});

test('the error of a hardcap that does not start contains the reason', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wrong-'));
  fs.writeFileSync(path.join(folder, 'template.yaml'), 'Resources: {F: {Type: AWS::Serverless::Function, Properties: {Timeout: 901}}}\n');
  await assert.rejects(start({ cwd: folder }), (error) => {
    assert.ok(error instanceof HardcapError);
    assert.match(error.message, /hardcap did not start \(exit code 1\)[^]*template\.yaml:1[^]*900/);
    return true;
  });
  fs.rmSync(folder, { recursive: true });
});

test('a program that is missing is named', async () => {
  process.env.HARDCAP_PROGRAM = '/nonexistent/hardcap';
  try {
    await assert.rejects(start({ template }), /HARDCAP_PROGRAM=\/nonexistent\/hardcap is not a program/);
  } finally {
    delete process.env.HARDCAP_PROGRAM;
  }
});

test('stop ends the process, and can be repeated', async () => {
  const other = await start({ template });
  await other.stop();
  await other.stop();
  assert.ok(!other.running && !fs.existsSync(other.logFile));
  await assert.rejects(other.reset(), /hardcap has ended/);
});

test('hardcap ends with a process that is killed, and does not hold one that has done its work', within, async (t) => {
  const text = `
    require('hardcap/testing').start({ template: process.argv[1] }).then((app) => {
      console.log(app.awsUrl);
      if (process.argv[2] === 'stay') setInterval(() => {}, 1000);
    });`;
  const killed = spawn(process.execPath, ['-e', text, template, 'stay'], { stdio: ['ignore', 'pipe', 'inherit'], cwd: __dirname });
  t.after(() => killed.kill('SIGKILL'));
  const [line] = await once(killed.stdout.setEncoding('utf8'), 'data');
  assert.equal((await fetch(`${line.trim()}/_hardcap/health`)).status, 200);
  killed.kill('SIGKILL');
  assert.equal(await outlives(line.trim()), false);

  const done = await promisify(execFile)(process.execPath, ['-e', text, template], { cwd: __dirname, timeout: 60_000 });
  assert.equal(await outlives(done.stdout.trim()), false);
});

test('the command ends as the program ends', within, async () => {
  const run = promisify(execFile);
  assert.match((await run(process.execPath, [launcher, '--version'])).stdout, /^hardcap \d+\.\d+\.\d+\n$/);
  await assert.rejects(run(process.execPath, [launcher, 'no-such-command']), { code: 2 });
});

test('the command passes on a signal', within, async (t) => {
  const up = startCommand(t, ['up', template, '--api-port', '0', '--aws-port', '0']);
  let log = '';
  up.stderr.setEncoding('utf8').on('data', (text) => {
    log += text;
    if (log.includes('Ctrl-C')) up.kill('SIGTERM');
  });
  const [code] = await once(up, 'close');
  assert.equal(code, 0, log);
});

test('the command passes on a signal that arrives as the program starts', within, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'early-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const program = path.join(folder, 'hardcap');
  for (const signal of ['TERM', 'INT', 'HUP']) {
    fs.writeFileSync(program, `#!/bin/sh\ntrap 'exit 7' ${signal}\nkill -${signal} "$PPID"\nwhile :; do sleep 0.02; done\n`, { mode: 0o755 });
    const early = startCommand(t, [], { HARDCAP_PROGRAM: program });
    const [code, killed] = await once(early, 'close');
    assert.deepEqual([code, killed], [7, null], signal);
  }
});

test('the command ends with the npx that has started it', within, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'npx-'));
  const readyFile = path.join(folder, 'ready.json');
  const words = ['--no-install', 'hardcap', 'up', '--api-port', '0', '--aws-port', '0', '--ready-file', readyFile, template];
  const npx = spawn('npx', words, { stdio: 'ignore', cwd: __dirname });
  t.after(() => {
    npx.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true });
  });
  while (!fs.existsSync(readyFile)) {
    assert.equal(npx.exitCode, null);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { aws } = JSON.parse(fs.readFileSync(readyFile, 'utf8'));
  assert.equal((await fetch(`${aws}/_hardcap/health`)).status, 200);
  npx.kill('SIGTERM');
  assert.equal(await outlives(aws), false);
});
