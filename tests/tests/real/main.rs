//! What other people's programs get: a browser, cargo-lambda, real clients and runtimes, a container, the shipped application.

mod browser;
mod cargo_lambda;
mod cases;
mod container;
mod demo;
