// Small parts that several views use.
import { useState } from "preact/hooks";
import { html } from "./html.js";
import { NEAR, share, store } from "./store.js";

export const grouped = (n) => n.toLocaleString("en-US");
const SUFFIX = { bytes: " B", milliseconds: " ms", megabytes: " MB" };
export const amount = (n, unit) => grouped(n) + (SUFFIX[unit] ?? "");
export const unitOf = (row) => store.rows.get(row)?.unit;
export const plural = (n, one, many = one + "s") => `${grouped(n)} ${n === 1 ? one : many}`;

/** A number of bytes for an axis. */
export function short(n, unit) {
  if (unit === "milliseconds") return n >= 1000 ? `${+(n / 1000).toFixed(1)} s` : `${n} ms`;
  if (unit !== "bytes") return grouped(n);
  if (n >= 1e6) return `${+(n / 1e6).toFixed(1)} MB`;
  return n >= 1e3 ? `${+(n / 1e3).toFixed(1)} kB` : `${n} B`;
}

/** A point in time of the day, local. */
export function clock(at) {
  const date = new Date(at);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function percent(part) {
  // Never round down to a limit that was crossed, nor up to one that was kept.
  if (part > 1 && part < 1.001) return "> 100 %";
  const of100 = 100 * part;
  if (of100 === 0) return "0 %";
  if (of100 < 0.1) return "< 0.1 %";
  return `${of100 < 100 ? Math.floor(of100 * 10) / 10 : Math.round(of100 * 10) / 10} %`;
}

/** The first sentence of a row's documentation. */
export function sentence(doc) {
  const line = doc.split("\n\n")[0].replace(/\s+/g, " ").trim();
  const end = line.search(/\.\s/);
  return end < 0 ? line : line.slice(0, end + 1);
}

export const level = (measure) => (!measure.admitted ? "over" : share(measure) >= NEAR ? "near" : "");

export function Gauge({ part, level }) {
  return html`<span class=${"gauge " + level} aria-hidden="true">${part > 0 && html`<i style=${{ width: `${Math.min(100, 100 * part)}%` }}></i>`}</span>`;
}

export function Status({ request }) {
  const { status } = request;
  if (status !== null) return html`<span class=${"badge " + (status >= 500 ? "over" : status >= 400 ? "near" : "good")}>${status}</span>`;
  if (request.bad) return html`<span class="badge over">failed</span>`;
  return html`<span class="badge">${request.functions.length ? "ok" : "–"}</span>`;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Clipboards are for secure contexts only. A page under another name than localhost is not one.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function Copy({ text, what }) {
  const [result, setResult] = useState("");
  const click = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    setResult((await copy(text)) ? "Copied" : "Not copied");
    setTimeout(() => setResult(""), 1500);
  };
  return html`<button type="button" class="quiet" onClick=${click} aria-label=${`Copy ${what}`}>
    <span aria-live="polite">${result || "Copy"}</span></button>`;
}

/** A text of any length in a box of its own, with a button that copies it. */
export function Box({ text, what }) {
  return html`<div class="box"><pre tabindex="0" role="region" aria-label=${what}>${text}</pre><${Copy} text=${text} what=${what} /></div>`;
}

/** One limit: its description, its used part, its numbers. */
export function Limit({ measure, children }) {
  const row = store.rows.get(measure.row);
  const unit = row?.unit;
  const isMinimum = measure.row.endsWith("_min");
  const used = share(measure);
  return html`<div class="limit">
    <div class="what"><code>${measure.row}</code>${row && html`<small>${sentence(row.facts.doc)}</small>`}</div>
    <${Gauge} part=${used} level=${level(measure)} />
    <span class=${"number percent " + level(measure)}>${percent(used)}</span>
    <div class="numbers"><span class=${"number" + (measure.admitted ? "" : " over strong")}>${amount(measure.observed, unit)}</span>
      <small class="number"> of at ${isMinimum ? "least" : "most"} ${amount(measure.max, unit)}</small>${children}</div>
  </div>`;
}
