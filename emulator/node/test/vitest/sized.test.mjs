// hardcap/testing under Vitest, as an ES module.
import { start } from 'hardcap/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import calls from '../calls.js';

const { get, template } = calls;
let app;

beforeAll(async () => {
  app = await start({ template, limits: '2018-01-01' });
}, 60_000);

afterAll(() => app.stop());

beforeEach(() => app.reset());

test('the limits are those of the day', async () => {
  expect(app.limits).toBe('2018-01-01');
  expect((await get(`${app.outputs.Url}?size=6300000`))[0]).toBe(500);
});

test('the next test finds nothing of the one before', async () => {
  expect(await app.logs()).toEqual([]);
  expect(await get(app.outputs.Url)).toEqual([200, 5]);
});
