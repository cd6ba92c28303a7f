// hardcap/testing under Jest, as CommonJS.
const { start } = require('hardcap/testing');
const { get, template } = require('../calls.js');

let app;

beforeAll(async () => {
  app = await start({ template, set: { lambda_sync_response: 1_000 } });
}, 60_000);

afterAll(() => app.stop());

beforeEach(() => app.reset());

test('a small limit is met with a small body', async () => {
  expect(await get(`${app.url}/sized?size=900`)).toEqual([200, 900]);
  expect((await get(`${app.url}/sized?size=1000`))[0]).toBe(500);
  const { rows } = await app.report();
  expect(rows.filter((row) => row.refused).map((row) => row.row)).toEqual(['lambda_sync_response']);
});

test('the next test finds nothing of the one before', async () => {
  expect(await app.logs()).toEqual([]);
  expect(await app.records()).toEqual([]);
});
