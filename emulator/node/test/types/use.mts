// Compiled, not run: the types as an ES module sees them.
import { Hardcap, HardcapError, program, start, type LogLine, type StartOptions } from 'hardcap/testing';

const options: StartOptions = { template: 'template.yaml', limits: 'current', set: { lambda_sync_response: 1_000 } };
const app: Hardcap = await start(options);
const lines: LogLine[] = await app.logs();
const restore: () => void = app.applyEnvironment(process.env);
restore();
export const found: string = program() + app.outputs['Url'] + lines.length;
export const isError = (error: unknown): error is HardcapError => error instanceof HardcapError;
// @ts-expect-error -- a limit's number is not a list
await start({ set: { lambda_sync_response: [] } });
await app.stop();
