"use strict";
// The Runtime API: the next event, and what is posted about it.

// Taken before the function is loaded, so that what the function does to these modules does not reach the runtime.
const { Agent, request } = require("node:http");
const { toDocument, toXRayCause } = require("./errors.cjs");
const log = require("./log.cjs");

const VERSION = "/2018-06-01/runtime";
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause";
/** An X-Ray cause of more bytes than this is not sent, as in AWS's clients. */
const XRAY_CAUSE_MAX = 1024 * 1024;

class Client {
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.where = {
      hostname: address.slice(0, colon),
      port: address.slice(colon + 1),
      agent: new Agent({ keepAlive: true }),
    };
  }

  /** Waits for the next invocation: its event as text, and its headers. */
  async next() {
    const response = await this.call("GET", "/invocation/next", {});
    if (response.status !== 200) throw new Error(`the Runtime API answered ${response.status}: ${response.body}`);
    const { headers, body } = response;
    log.current.requestId = headers["lambda-runtime-aws-request-id"];
    log.current.tenantId = headers["lambda-runtime-aws-tenant-id"];
    return { headers, body };
  }

  /** Posts what the handler has returned. Throws at once where it cannot be written as JSON. */
  respond(id, result) {
    return this.post(`/invocation/${encodeURIComponent(id)}/response`, toJson(result));
  }

  /** Posts the error of an invocation. As AWS's native client does, it has no header with the type of the error. */
  invocationError(id, error) {
    const document = toDocument(error);
    const headers = {};
    const cause = asHeader(toXRayCause(error));
    if (cause !== "" && cause.length < XRAY_CAUSE_MAX) headers[XRAY_CAUSE] = cause;
    return this.post(`/invocation/${encodeURIComponent(id)}/error`, toJson(document), headers);
  }

  /** Posts the error of the initialization. */
  initError(error) {
    const document = toDocument(error);
    return this.post("/init/error", toJson(document), { [ERROR_TYPE]: asHeader(document.errorType) });
  }

  /** A request whose body is the streamed response of an invocation. */
  openResponse(id, headers, onResponse, agent = this.where.agent) {
    const path = `${VERSION}/invocation/${encodeURIComponent(id)}/response`;
    return request({ ...this.where, agent, method: "POST", path, headers }, onResponse);
  }

  post(path, body, headers = {}) {
    return this.call("POST", path, { "Content-Type": "application/json", ...headers }, body);
  }

  call(method, path, headers, body) {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const length = bytes && { "Content-Length": bytes.length };
    return new Promise((resolve, reject) => {
      const options = { ...this.where, method, path: VERSION + path, headers: { ...headers, ...length } };
      const asked = request(options, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status, headers } = response;
          resolve({ status, headers, body: Buffer.concat(chunks).toString() });
        });
      });
      asked.on("error", reject);
      asked.end(bytes);
    });
  }
}

function toJson(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

/** A header holds the characters of Latin 1 without controls; others are written as JSON writes them. */
function asHeader(text) {
  return String(text ?? "").replace(/[^\x20-\x7e]/g, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
}

module.exports = { Client };
