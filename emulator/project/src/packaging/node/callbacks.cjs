"use strict";
// Invocations up to nodejs22.x: a handler returns a promise, calls back, or lets the event loop run empty.

const { contextOf } = require("./context.cjs");
const log = require("./log.cjs");
const { openStream } = require("./stream.cjs");

/** Serves invocations one after the other. `report.error` is what an uncaught exception calls. */
exports.serve = function serve(client, user, report) {
  /** What is done when nothing is left to do: the event loop is empty. */
  const idle = { then: () => {} };
  process.on("beforeExit", () => idle.then());
  const invoke = user.streaming ? stream : buffer;
  const next = () => {
    setImmediate(async () => {
      try {
        const { headers, body } = await client.next();
        const id = headers["lambda-runtime-aws-request-id"];
        report.error = (error) => client.invocationError(id, error);
        await invoke({ client, user, idle, next, id, headers, body });
      } catch (error) {
        console.log(`Unexpected Top Level Error: ${error}`);
        report.error(error).finally(() => process.exit(129));
      }
    });
  };
  next();
};

function buffer({ client, user, idle, next, id, headers, body }) {
  let isComplete = false;
  let waits = true;
  const complete = (result) => {
    if (isComplete) {
      console.error("Invocation has already been reported as done. Cannot call complete more than once per invocation.");
      return;
    }
    isComplete = true;
    client.respond(id, result).then(next, next);
  };
  const fail = (error) => {
    log.logError("Invoke Error", error);
    client.invocationError(id, error).then(next, next);
  };
  const isMissing = (error) => error === undefined || error === null;
  const done = (error, result) => {
    idle.then = () => {};
    if (isMissing(error)) complete(result);
    else fail(error);
  };
  const callback = (error, result) => {
    if (!isMissing(error) || !waits) return done(error, result);
    idle.then = () => {
      idle.then = () => {};
      setImmediate(() => complete(result));
    };
  };
  const first = onlyFirst();
  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
    succeed: first((result) => done(null, result)),
    fail: first((error) => done(isMissing(error) ? "handled" : error)),
    done: first(done),
  };
  const call = first(callback);
  // The handler is not asynchronous and never calls back.
  idle.then = () => {
    idle.then = () => {};
    isComplete = true;
    client.respond(id, null).then(next, next);
  };
  try {
    const result = user.handler(JSON.parse(body), Object.assign(context, contextOf(headers)), call);
    if (typeof result?.then === "function") result.then(context.succeed, context.fail).catch(context.fail);
  } catch (error) {
    call(error);
  }
}

/** Wraps functions so that together they run once; one that throws may be followed by another. */
function onlyFirst() {
  let finished = false;
  return (work) => (...values) => {
    if (finished) return;
    work(...values);
    finished = true;
  };
}

async function stream({ client, user, idle, next, id, headers, body }) {
  const { stream, done, fail } = openStream(client, id, user.highWaterMark);
  let waits = true;
  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
  };
  const goOn = () => {
    idle.then = () => {};
    if (!waits) return next();
    idle.then = () => {
      idle.then = () => {};
      setImmediate(next);
    };
  };
  const give = async (error) => {
    log.logError("Invoke Error", error);
    await fail(error);
    goOn();
  };
  idle.then = () => {
    idle.then = () => {};
    next();
  };
  try {
    const result = user.handler(JSON.parse(body), stream, Object.assign(context, contextOf(headers)));
    if (typeof result?.then !== "function") return await give("Streaming does not support non-async handlers.");
    if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
    await done;
    if (!stream.writableFinished) return await give("Response stream is not finished.");
    goOn();
  } catch (error) {
    await give(error);
  }
}
