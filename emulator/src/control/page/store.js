// The state of the emulator: one run at a time, its records folded by request.
import { useEffect, useState } from "preact/hooks";

/** The newest requests that the page keeps; the emulator itself keeps the newest 10,000 records. */
const REQUESTS_MAX = 5000;
/** A limit that is used to this part is near. */
export const NEAR = 0.9;

const token = document.querySelector('meta[name="token"]').content;

export const store = {
  /** `connecting`, `live`, `lost` (the page tries again) or `ended` (another run has this address now). */
  state: "connecting",
  run: "",
  health: null,
  /** The day of the limits, and every row by its name. */
  date: "",
  rows: new Map(),
  report: null,
  functions: [],
  faults: [],
  /** By request id, the oldest first. */
  requests: new Map(),
};

const watchers = new Set();
let due = false;
function changed() {
  if (due) return;
  due = true;
  setTimeout(() => { due = false; watchers.forEach((watch) => watch()); }, 60);
}

/** The store, for a component that is drawn again when the store changes. */
export function useStore() {
  const [, draw] = useState(0);
  useEffect(() => {
    const watch = () => draw((n) => n + 1);
    watchers.add(watch);
    return () => watchers.delete(watch);
  }, []);
  return store;
}

/** Calls the control API. An error has the sentence of the response. */
export async function call(method, path, body) {
  const headers = { "x-hardcap-token": token };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch("/_hardcap/" + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await response.text();
  let json = null;
  try { json = JSON.parse(text); } catch { /* An error of axum is plain text. */ }
  if (!response.ok) throw new Error(json?.error ?? (text || `HTTP ${response.status}`));
  return json;
}

/** The address of a download, which has the token as a parameter. */
export const address = (path) => `/_hardcap/${path}${path.includes("?") ? "&" : "?"}token=${token}`;

const optional = (promise) => promise.catch(() => null);

export async function loadLimits() {
  const limits = await call("GET", "limits");
  store.date = limits.date;
  store.rows = new Map(limits.rows.map((row) => [row.name, row]));
  changed();
}
export async function loadFaults() {
  store.faults = (await call("GET", "faults")).faults;
  changed();
}
async function loadReport() {
  store.report = (await optional(call("GET", "report"))) ?? store.report;
  changed();
}
async function loadRun() {
  const [health, functions] = await Promise.all([optional(call("GET", "health")), optional(call("GET", "functions")),
    optional(loadLimits()), optional(loadFaults()), loadReport()]);
  store.health = health ?? store.health;
  store.functions = functions?.functions ?? store.functions;
  changed();
}

let reportDue = 0;
function reportSoon() {
  if (reportDue) return;
  reportDue = setTimeout(async () => { reportDue = 0; await Promise.all([loadReport(), optional(loadFaults())]); }, 400);
}

/** The time of a record. The record of an injected fault has none, because its `at` is the function or the bucket: it gets the time of the record before. */
let lastAt = Date.now();
export const timeOf = (record) => (lastAt = typeof record.at === "number" ? record.at : lastAt);

function newRequest(record) {
  const at = timeOf(record);
  return { id: record.request_id, at, records: 0, functions: [], measures: [], notes: [], fault: null,
    status: null, method: "", path: "", api: "", millis: null, bad: false, nearest: null };
}

/** The used part of a limit; 0 for a minimum that was kept. */
export function share(measure) {
  if (!measure.admitted) return Math.max(1, measure.max ? measure.observed / measure.max : 1);
  const isMinimum = measure.observed > measure.max;
  return isMinimum || !measure.max ? 0 : measure.observed / measure.max;
}

const note = (request, text, bad) => request.notes.length < 50 && request.notes.push({ text, bad });
const whole = (n) => n.toLocaleString("en-US");

/** Adds a record to its request. */
export function fold(request, record) {
  const at = timeOf(record);
  request.records += 1;
  if (record.function && !request.functions.includes(record.function)) request.functions.push(record.function);
  switch (record.what) {
    case "answered":
      Object.assign(request, { method: record.method, path: record.path, api: record.api, status: record.status, millis: record.millis });
      request.bad ||= record.status >= 500;
      break;
    case "measured": {
      const measure = { row: record.row, observed: record.observed, max: record.max, admitted: record.admitted, at };
      if (request.measures.length < 200) request.measures.push(measure);
      request.bad ||= !record.admitted;
      if (!request.nearest || share(measure) > share(request.nearest)) request.nearest = measure;
      break;
    }
    case "invoked":
      request.event = record.event;
      request.answer = record.answer;
      request.ran = record.millis;
      if (record.fault) { request.fault = record.fault; request.bad = true; }
      break;
    case "cold_start": note(request, `cold start, ${whole(record.millis)} ms`); break;
    case "throttled": note(request, "throttled", true); request.bad = true; break;
    case "event_accepted": note(request, `event of ${whole(record.event)} B accepted`); request.isEvent = true; break;
    case "event_retried": note(request, `tried again after ${whole(record.wait)} ms`); request.isEvent = true; break;
    case "event_ended":
      note(request, `${record.condition}, attempts: ${record.attempts}`, record.condition !== "Success");
      request.isEvent = true;
      request.bad ||= record.condition !== "Success";
      break;
    case "event_sent": note(request, record.failure ? `not sent to ${record.to}: ${record.failure}` : `sent to ${record.to}`, Boolean(record.failure)); break;
    case "fault_injected": note(request, `injected: ${record.fault} at ${record.subject}`); request.injected = true; break;
    case "bug": note(request, `hardcap failed: ${record.cause}`, true); request.bad = true; break;
  }
}

function take(record) {
  let request = store.requests.get(record.request_id);
  if (!request) {
    request = newRequest(record);
    store.requests.set(record.request_id, request);
    if (store.requests.size > REQUESTS_MAX) store.requests.delete(store.requests.keys().next().value);
  }
  fold(request, record);
}

/** Follows the run. The stream begins with all records that are kept, and does so again after a reset and after a gap. */
export function follow() {
  const live = new EventSource(address("records/live?kept=true"));
  live.addEventListener("run", (event) => {
    const { run, records } = JSON.parse(event.data);
    store.run = run;
    store.state = "live";
    store.requests = new Map();
    records.forEach(take);
    loadRun();
    changed();
  });
  live.addEventListener("record", (event) => { take(JSON.parse(event.data)); reportSoon(); changed(); });
  live.onerror = () => {
    // A response that is not a stream ends it: the token of this page belongs to a process that has ended.
    store.state = live.readyState === EventSource.CLOSED ? "ended" : "lost";
    changed();
  };
}

/** The title of a request in lists. */
export function title(request) {
  if (request.method) return `${request.method} ${request.path}`;
  if (request.functions.length) return `${request.isEvent ? "Event for" : "Invocation of"} ${request.functions.join(", ")}`;
  const scope = store.rows.get(request.measures[0]?.row)?.facts.scope;
  const service = { S3: "S3", DynamoDb: "DynamoDB", Ssm: "Parameter Store", SecretsManager: "Secrets Manager", Lambda: "Lambda" }[scope];
  if (service) return `${service} call`;
  return request.notes[0]?.text ?? "Request";
}
