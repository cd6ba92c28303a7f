"use strict";
// Invocations from nodejs24.x on: what the handler returns, or what its promise settles to, is the answer.

const { contextOf } = require("./context.cjs");
const log = require("./log.cjs");
const { KEYS } = require("./store.cjs");
const { openStream } = require("./stream.cjs");

exports.serve = async function serve(client, user) {
  const invoke = user.streaming ? stream : buffer;
  for (;;) {
    const { headers, body } = await client.next();
    const id = headers["lambda-runtime-aws-request-id"];
    const context = contextOf(headers);
    const values = { [KEYS.REQUEST_ID]: id, [KEYS.X_RAY_TRACE_ID]: headers["lambda-runtime-trace-id"] };
    const work = () => invoke(client, user, id, JSON.parse(body), context);
    const store = globalThis.awslambda?.InvokeStore;
    await (store ? store.run(values, work) : work());
  }
};

const tick = () => new Promise((resolve) => setImmediate(resolve));

async function buffer(client, user, id, event, context) {
  try {
    const result = await user.handler(event, context);
    await tick();
    await client.respond(id, result);
  } catch (error) {
    await tick();
    log.logError("Invoke Error", error);
    await client.invocationError(id, error);
  }
}

async function stream(client, user, id, event, context) {
  const { stream, done, fail } = openStream(client, id, user.highWaterMark);
  try {
    const result = user.handler(event, stream, context);
    if (typeof result?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
    if ((await result) !== undefined) console.warn("Streaming handlers ignore return values.");
    await done;
    if (!stream.writableFinished) throw new Error("Response stream is not finished.");
  } catch (error) {
    await tick();
    log.logError("Invoke Error", error);
    await fail(error);
  }
}
