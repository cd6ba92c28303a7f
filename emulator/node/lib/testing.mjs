import testing from './testing.js';

export const { Hardcap, HardcapError, program, start } = testing;
