"use strict";
// The console as Lambda's runtimes for Node patch it: a line has the time, the request's id and a level, as text or as JSON.

const { format } = require("node:util");
const { toLogText } = require("./errors.cjs");

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Of the invocation that is under way. */
const current = { requestId: undefined, tenantId: undefined };

const isJson = () => process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";

function textLine(level, message, ...parameters) {
  return [new Date().toISOString(), current.requestId, level, format(message, ...parameters)].map(String).join("\t");
}

function describe(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : error.stack,
  };
}

function jsonLine(level, first, ...others) {
  const messages = [first, ...others];
  const line = { timestamp: new Date().toISOString(), level, requestId: current.requestId };
  if (current.tenantId) line.tenantId = current.tenantId;
  if (messages.length === 1) {
    const replacer = (_key, value) => (value instanceof Error ? { ...describe(value), ...value } : value);
    try {
      return JSON.stringify({ ...line, message: messages[0] }, replacer);
    } catch {
      return JSON.stringify({ ...line, message: format(messages[0]) });
    }
  }
  const error = messages.find((message) => message instanceof Error);
  return JSON.stringify({ ...line, message: format(...messages), ...(error && describe(error)) });
}

/** Replaces the methods of the console. `outside` stands for the request's id as long as there is no request. */
function patchConsole(outside) {
  current.requestId = outside;
  const line = isJson() ? jsonLine : textLine;
  const least = Math.max(LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()), 0);
  LEVELS.forEach((level, at) => {
    // A line of text is one event of the log, so its line ends are carriage returns.
    const write = (...messages) => process.stdout.write(line(level, ...messages).replace(/\n/g, "\r") + "\n");
    console[level.toLowerCase()] = at >= least || level === "FATAL" ? write : () => {};
  });
  console.log = console.info;
}

/** Logs an error of the function itself. */
function logError(label, error) {
  const shown = error instanceof Error ? error : new Error(error);
  if (isJson()) console.error(shown);
  else console.error(label, toLogText(shown));
}

module.exports = { current, patchConsole, logError };
