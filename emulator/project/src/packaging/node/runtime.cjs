"use strict";
// Starts the runtime: patches the console, loads the handler, then serves invocations.
//
// The behaviour is that of aws-lambda-ric 3.3.0 for functions up to nodejs22.x and that of 4.0.2 from nodejs24.x on (both
// read on 2026-11-29; Apache-2.0). No code of them is contained. The two differ in callbacks, in what an uncaught exception
// means, and in what ends an invocation.

const { Client } = require("./client.cjs");
const { UnhandledPromiseRejection, CallbackHandlerDeprecated } = require("./errors.cjs");
const handlers = require("./handler.cjs");
const log = require("./log.cjs");

/** The first major version whose runtime accepts no callbacks. */
const WITHOUT_CALLBACKS = 24;

const CALLBACK_ERROR =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify " +
  "this function to use a supported handler signature to use Node.js 24 or later. For more information see " +
  "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

/** The major version of the function's `Runtime`; that of this process where it has none. */
function majorVersion() {
  const declared = /^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? "");
  return Number(declared ? declared[1] : process.versions.node.split(".")[0]);
}

exports.start = function start() {
  const client = new Client(process.env.AWS_LAMBDA_RUNTIME_API);
  const withoutCallbacks = majorVersion() >= WITHOUT_CALLBACKS;
  log.patchConsole(withoutCallbacks ? "-" : undefined);
  handlers.setGlobals(withoutCallbacks);
  (withoutCallbacks ? startWithPromises : startWithCallbacks)(client);
};

/** Up to nodejs22.x an exception that nobody has caught is reported, and then the process ends. */
function startWithCallbacks(client) {
  const report = { error: (error) => client.initError(error) };
  const end = (label, error, code) => {
    log.logError(label, error);
    report.error(error).finally(() => process.exit(code));
  };
  process.on("uncaughtException", (error) => end("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason, promise) => {
    end("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), 128);
  });
  const { serve } = require("./callbacks.cjs");
  handlers.load(process.cwd(), process.env._HANDLER ?? "").then(
    (user) => serve(client, user, report),
    (error) => end("Uncaught Exception", error, 129),
  );
}

/** From nodejs24.x on such an exception ends the process as it ends any program, and nothing is reported. */
async function startWithPromises(client) {
  let user;
  try {
    user = await handlers.load(process.cwd(), process.env._HANDLER ?? "");
    if (user.handler.length >= 3 && !user.streaming) throw new CallbackHandlerDeprecated(CALLBACK_ERROR);
  } catch (error) {
    log.logError("Init Error", error);
    await client.initError(error);
    throw error;
  }
  await require("./promises.cjs").serve(client, user);
}
