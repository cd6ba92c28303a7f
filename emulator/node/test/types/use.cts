// Compiled, not run: the types as CommonJS sees them.
import testing = require('hardcap/testing');

export async function use(): Promise<string> {
  const app: testing.Hardcap = await testing.start({ parameters: { Stage: 'test' } });
  await app.reset({ keepData: true });
  const id: number = await app.addFault({ fault: 'throttle', function: 'Sized' });
  await app.stop();
  return `${testing.program()} ${id}`;
}
