"use strict";
// The response of a handler that streams: a writable stream whose bytes go straight to the Runtime API.

// Taken before the function is loaded, as in client.cjs.
const { createConnection } = require("node:net");
const { Agent } = require("node:http");
const { InvalidStreamingOperation, toDocument } = require("./errors.cjs");

const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY = "Lambda-Runtime-Function-Error-Body";
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
/** The zero bytes between the prelude and the body. */
const DELIMITER = new Uint8Array(8);

/** What the function may do with the stream; the request below it stays hidden. */
const METHODS = [
  "cork", "destroy", "end", "uncork", "write", "setContentType",
  "addListener", "emit", "eventNames", "getMaxListeners", "listenerCount", "listeners", "off", "on", "once",
  "prependListener", "prependOnceListener", "rawListeners", "removeAllListeners", "removeListener", "setMaxListeners",
];
const WRITABLE = ["destroyed", "writable", "_onBeforeFirstWrite"];
const READABLE = [
  "writableFinished", "writableObjectMode", "writableEnded", "writableNeedDrain", "writableHighWaterMark", "writableCorked",
  "writableLength",
];

/** Puts the status and the headers of an HTTP response in front of the body. */
class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(PRELUDE_TYPE);
    const json = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(json);
      write(DELIMITER);
    };
    return stream;
  }
}

/** Opens the response: `{stream, done, fail}`. `done` settles when the Runtime API has answered. */
function openStream(client, id, highWaterMark) {
  const headers = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    Trailer: [ERROR_TYPE, ERROR_BODY],
    "Content-Type": "application/octet-stream",
    "Transfer-Encoding": "chunked",
  };
  let request;
  const done = new Promise((resolve, reject) => {
    request = client.openResponse(id, headers, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("aborted", reject);
      response.on("end", () => resolve(Buffer.concat(chunks)));
    }, agentWith(highWaterMark));
    request.on("error", (error) => {
      reject(error);
      request.destroy(error);
    });
  });
  // The handler may fail before it is awaited.
  done.catch(() => {});
  let written = false;
  request.setContentType = (type) => {
    if (written) throw new InvalidStreamingOperation("Cannot set content-type, too late.");
    request.setHeader("Content-Type", type);
  };
  const write = request.write.bind(request);
  request.write = (chunk, encoding, callback) => {
    const isRaw = typeof chunk === "string" || chunk instanceof Uint8Array;
    if (!written) request._onBeforeFirstWrite?.((prelude) => write(prelude));
    written = true;
    return write(isRaw ? chunk : JSON.stringify(chunk), encoding, callback);
  };
  const fail = (error) => {
    const document = toDocument(error);
    const body = Buffer.from(JSON.stringify(document)).toString("base64");
    request.addTrailers({ [ERROR_TYPE]: document.errorType, [ERROR_BODY]: body });
    return new Promise((resolve) => request.end(resolve));
  };
  return { stream: facade(request), done, fail };
}

/** Connections of this agent buffer so many bytes before `write` answers false. */
function agentWith(highWaterMark) {
  if (highWaterMark === undefined) return undefined;
  const agent = new Agent();
  agent.createConnection = (options, listener) => createConnection({ ...options, highWaterMark }, listener);
  return agent;
}

function facade(request) {
  const stream = {};
  for (const name of METHODS) stream[name] = request[name].bind(request);
  for (const name of [...WRITABLE, ...READABLE]) {
    const get = () => request[name];
    const set = WRITABLE.includes(name) ? (value) => { request[name] = value; } : undefined;
    Object.defineProperty(stream, name, { get, set });
  }
  return stream;
}

module.exports = { HttpResponseStream, openStream };
