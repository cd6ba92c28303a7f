// Faults: those in force, and a form that adds one. The kinds and their fields are those of docs/faults.md.
import { useState } from "preact/hooks";
import { html } from "./html.js";
import { call, loadFaults, store } from "./store.js";
import { grouped, plural } from "./parts.js";

const MILLIS = { name: "millis", label: "Milliseconds", value: "1000" };
const SERVICE = { name: "service", label: "Service", options: ["s3", "dynamodb"] };
const BUCKET = { name: "bucket", label: "Bucket (every bucket when empty)" };
const KINDS = [
  ["throttle", "Throttle: refuse an invocation with 429", true, []],
  ["slow_cold_start", "Slow cold start: a sandbox starts later", true, [MILLIS]],
  ["kill", "Kill: the function's process gets SIGKILL", true, [{ name: "phase", label: "Phase", options: ["busy", "before_next", "after_response"] }, { name: "after_millis", label: "After milliseconds", value: "0" }]],
  ["duplicate", "Duplicate: an asynchronous event is delivered twice", true, []],
  ["delay", "Delay: an asynchronous event is delivered later", true, [MILLIS]],
  ["reorder", "Reorder: asynchronous events change their order", true, [{ name: "within_millis", label: "Within milliseconds", value: "1000" }]],
  ["drop", "Drop: an asynchronous event is accepted and lost", true, []],
  ["fail", "Fail: a call of S3 or DynamoDB fails", false, [SERVICE, { name: "error", label: "Error", options: ["internal", "throttle"] }, BUCKET]],
  ["slow", "Slow: a call of S3 or DynamoDB takes longer", false, [SERVICE, MILLIS, BUCKET]],
];
const isNumber = (name) => name.endsWith("millis");

function Field({ field }) {
  const id = "fault-" + field.name;
  return html`<div><label for=${id}>${field.label}</label>
    ${field.options ? html`<select id=${id} name=${field.name}>${field.options.map((option) => html`<option value=${option}>${option}</option>`)}</select>`
      : isNumber(field.name) ? html`<input id=${id} name=${field.name} type="number" min="0" max="86400000" required value=${field.value} />`
      : html`<input id=${id} name=${field.name} />`}</div>`;
}

function Add() {
  const [kind, choose] = useState("throttle");
  const [error, say] = useState("");
  const [, , hasFunction, fields] = KINDS.find(([name]) => name === kind);
  const add = async (event) => {
    event.preventDefault();
    const fault = { fault: kind };
    for (const [name, value] of new FormData(event.target)) {
      if (value === "" || name === "fault") continue;
      if (name === "percent") fault.probability = Number(value) / 100;
      else fault[name] = isNumber(name) || name === "count" ? Number(value) : value;
    }
    try {
      await call("POST", "faults", fault);
      say("");
      await loadFaults();
    } catch (failed) {
      say(failed.message);
    }
  };
  return html`<form class="card" onSubmit=${add} aria-labelledby="add">
    <div class="head"><h2 id="add">Inject a fault</h2><span class="soft small">in force from the next request on</span></div>
    <div class="body fields">
      <div class="wide"><label for="fault-kind">Fault</label><select id="fault-kind" name="fault" value=${kind} onChange=${(event) => choose(event.target.value)}>
        ${KINDS.map(([name, about]) => html`<option key=${name} value=${name}>${about}</option>`)}</select></div>
      ${hasFunction && html`<div><label for="fault-function">Function</label><select id="fault-function" name="function"><option value="">every function</option>
        ${store.functions.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}</select></div>`}
      ${fields.map((field) => html`<${Field} key=${kind + field.name} field=${field} />`)}
      <div><label for="fault-percent">Probability in percent</label><input id="fault-percent" name="percent" type="number" min="0" max="100" step="any" value="100" required /></div>
      <div><label for="fault-count">Maximum count (optional)</label><input id="fault-count" name="count" type="number" min="1" step="1" /></div>
      <p class="wide"><button class="primary">Inject</button> ${error && html`<span class="over" role="alert">${error}</span>`}</p>
    </div></form>`;
}

function Active({ fault }) {
  const { id, fault: kind, occasions, struck, probability, count, ...rest } = fault;
  const where = Object.entries(rest).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${isNumber(name) ? grouped(value) : value}`);
  const often = [`${+(100 * (probability ?? 1)).toFixed(4)} %`, ...(count === null || count === undefined ? [] : [plural(count, "time") + " at most"])];
  const remove = async () => { await call("DELETE", "faults/" + id).catch(() => {}); await loadFaults(); };
  return html`<tr><td><code class="strong">${kind}</code><small>${[...where, ...often].join(", ")}</small></td>
    <td class="number" data-name="occasions">${grouped(occasions)}</td><td class="number" data-name="injected">${grouped(struck)}</td>
    <td class="number" data-name="">
      <button type="button" onClick=${remove} aria-label=${`Remove ${kind}, fault ${id}`}>Remove</button></td></tr>`;
}

export function Faults() {
  const { faults } = store;
  const clear = async () => { await call("DELETE", "faults"); await loadFaults(); };
  return html`<div class="stack">
    <section class="card" aria-labelledby="active"><div class="head"><h2 id="active">Faults in force</h2><span class="soft small">${faults.length ? plural(faults.length, "fault") : ""}</span>
        ${faults.length > 0 && html`<button type="button" class="end" onClick=${clear}>Remove all</button>`}</div>
      ${faults.length ? html`<table class="stacks"><caption>Faults in force</caption><thead><tr><th>fault</th><th class="number">occasions</th><th class="number">injected</th><th><span class="hidden">actions</span></th></tr></thead>
        <tbody>${faults.map((fault) => html`<${Active} key=${fault.id} fault=${fault} />`)}</tbody></table>` : html`<p class="empty soft">No fault is injected. An injected fault is recorded under its own name, never as a refusal by AWS.</p>`}</section>
    <${Add} />
  </div>`;
}
