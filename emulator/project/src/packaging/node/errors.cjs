"use strict";
// Errors as Lambda shows them: the document that is posted, the line that is logged, and X-Ray's cause.

const { types } = require("node:util");

class ImportModuleError extends Error {}
class HandlerNotFound extends Error {}
class MalformedHandlerName extends Error {}
class UserCodeSyntaxError extends Error {}
class MalformedStreamingHandler extends Error {}
class InvalidStreamingOperation extends Error {}
class CallbackHandlerDeprecated extends Error {}
class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}

const classes = {
  ImportModuleError,
  HandlerNotFound,
  MalformedHandlerName,
  UserCodeSyntaxError,
  MalformedStreamingHandler,
  InvalidStreamingOperation,
  CallbackHandlerDeprecated,
  UnhandledPromiseRejection,
};
for (const [name, type] of Object.entries(classes)) type.prototype.name = `Runtime.${name}`;

/** A header cannot carry the control character DEL, so Lambda's runtimes write it as %7F. */
const withoutDel = (text) => text?.replace(/\x7F/g, "%7F");

/** Whether it has what an error has: those of another realm are no instances of `Error`. */
function isErrorLike(error) {
  const hasText = (key) => typeof error?.[key] === "string" && error[key] !== "";
  return types.isNativeError(error) || (hasText("name") && hasText("message") && hasText("stack"));
}

/** The error as it is posted: `{errorType, errorMessage, trace}`. */
function toDocument(error) {
  try {
    if (!isErrorLike(error)) {
      return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    }
    return {
      errorType: withoutDel(error.name),
      errorMessage: withoutDel(error.message),
      trace: withoutDel(error.stack).split("\n"),
    };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    };
  }
}

/** The error as it is logged in text: a tab, then JSON with the properties that the error has of its own. */
function toLogText(error) {
  const replacer = (_key, value) => {
    if (!(value instanceof Error)) return value;
    const { name, message, code, stack } = value;
    const shown = Object.assign({ errorType: name, errorMessage: message, code }, value);
    if (typeof stack === "string") shown.stack = stack.split("\n");
    return shown;
  };
  try {
    return "\t" + JSON.stringify(error, replacer);
  } catch {
    return "\t" + JSON.stringify(toDocument(error));
  }
}

/** The cause for X-Ray: the stack as path, line and label. */
function toXRayCause(error) {
  try {
    const lines = (withoutDel(error.stack) ?? "").split("\n").slice(1);
    const stack = lines.map((text) => {
      const line = text.trim().replace(/[()]/g, "").replace(/^\S*\s/, "");
      const space = line.lastIndexOf(" ");
      const [path, number] = line.slice(space + 1).split(":");
      return { path, line: parseInt(number), label: space > 0 ? line.slice(0, space) : "anonymous" };
    });
    const exception = { type: withoutDel(error.name), message: withoutDel(error.message), stack };
    const paths = [...new Set(stack.map((entry) => entry.path))];
    return JSON.stringify({ working_directory: process.cwd(), exceptions: [exception], paths });
  } catch {
    return "";
  }
}

module.exports = { ...classes, toDocument, toLogText, toXRayCause };
