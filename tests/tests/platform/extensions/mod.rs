//! Extensions from outside: real processes beside a function, and the API that they speak.

mod api;
mod external;
mod shutdown;
mod telemetry;
mod world;
