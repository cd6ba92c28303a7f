"use strict";
// `awslambda.InvokeStore`: values of the invocation that is under way, from nodejs24.x on.

const KEYS = {
  REQUEST_ID: Symbol.for("_AWS_LAMBDA_REQUEST_ID"),
  X_RAY_TRACE_ID: Symbol.for("_AWS_LAMBDA_X_RAY_TRACE_ID"),
  TENANT_ID: Symbol.for("_AWS_LAMBDA_TENANT_ID"),
};

class InvokeStore {
  static PROTECTED_KEYS = KEYS;
  #values;

  getContext() {
    return this.#values;
  }
  hasContext() {
    return this.#values !== undefined;
  }
  get(key) {
    return this.#values?.[key];
  }
  set(key, value) {
    if (Object.values(KEYS).includes(key)) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    this.#values = this.#values ?? {};
    this.#values[key] = value;
  }
  run(values, work) {
    this.#values = values;
    return work();
  }
  getRequestId() {
    return this.get(KEYS.REQUEST_ID) ?? "-";
  }
  getXRayTraceId() {
    return this.get(KEYS.X_RAY_TRACE_ID);
  }
  getTenantId() {
    return this.get(KEYS.TENANT_ID);
  }
}

module.exports = { InvokeStore, KEYS };
