//! Jobs on the emulator: the ports on its S3 and DynamoDB, and whole jobs in real functions.

mod ports;
mod runs;
