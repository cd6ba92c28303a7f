// The list of requests: sums, charts, filters, rows. A request that is chosen is shown beside the list.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { NEAR, share, store, title } from "./store.js";
import { go, link } from "./route.js";
import { amount, clock, Gauge, grouped, level, percent, plural, Status, unitOf } from "./parts.js";
import { Latency, Sizes } from "./charts.js";
import { Story } from "./story.js";
import { Welcome } from "./connect.js";

/** The number of rows that are drawn at first, and that a button adds. */
const ROWS = 100;
const STATUSES = [["", "every status"], ["2xx", "2xx"], ["3xx", "3xx"], ["4xx", "4xx"], ["5xx", "5xx"], ["bad", "refused or failed"]];

function matches(request, { search, status, function: name, limit }) {
  if (status === "bad" ? !request.bad : status && (request.status === null || (/^[1-5]xx$/.test(status) ? String(request.status)[0] !== status[0] : String(request.status) !== status))) return false;
  if (name && !request.functions.includes(name)) return false;
  if (limit && !request.measures.some((measure) => measure.row === limit)) return false;
  if (!search) return true;
  const text = `${title(request)} ${request.id} ${request.api} ${request.functions.join(" ")} ${request.fault ?? ""}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function Sums() {
  const { report } = store;
  if (!report) return null;
  const answers = Object.entries(report.answers);
  const of = (from, to) => answers.filter(([status]) => status >= from && status < to).reduce((sum, [, n]) => sum + n, 0);
  const refused = report.rows.reduce((sum, row) => sum + row.refused, 0);
  const injected = Object.values(report.injected).reduce((sum, n) => sum + n, 0);
  const sums = [["2xx and 3xx", of(100, 400)], ["4xx", of(400, 500), "near"], ["5xx", of(500, 600), "over"], ["refused by a limit", refused, "over"],
    ["invocations", report.invocations], ["cold starts", report.cold_starts], ["throttled", report.throttles, "over"]];
  if (injected) sums.push(["faults injected", injected]);
  return html`<dl class="card sums">${sums.map(([name, n, bad]) => html`<div key=${name}><dt>${name}</dt><dd class=${bad && n ? bad : ""}>${grouped(n)}</dd></div>`)}</dl>`;
}

function Filters({ filters, all }) {
  const set = (name) => (event) => go({ view: "requests", filters: { ...filters, [name]: event.target.value } }, true);
  const functions = useMemo(() => [...new Set([...all.flatMap((request) => request.functions), ...store.functions.map((it) => it.name)])].sort(), [all.length, store.functions]);
  const limits = useMemo(() => [...new Set(all.flatMap((request) => request.measures.map((measure) => measure.row)))].sort(), [all]);
  const known = (value, values) => (value && !values.includes(value) ? [value, ...values] : values);
  const isSet = Object.values(filters).some(Boolean);
  return html`<form class="filters" role="search" aria-label="Filter requests" onSubmit=${(event) => event.preventDefault()}>
    <input id="search" type="search" placeholder="Path, id, function, API" aria-label="Search" aria-keyshortcuts="/" value=${filters.search} onInput=${set("search")} />
    <select aria-label="Status" value=${filters.status} onChange=${set("status")}>
      ${known(filters.status, STATUSES.map(([value]) => value)).map((value) => html`<option key=${value} value=${value}>${STATUSES.find(([name]) => name === value)?.[1] ?? value}</option>`)}</select>
    <select aria-label="Function" value=${filters.function} onChange=${set("function")}>
      <option value="">every function</option>${known(filters.function, functions).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>
    <select aria-label="Limit" value=${filters.limit} onChange=${set("limit")}>
      <option value="">every limit</option>${known(filters.limit, limits).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>
    ${isSet && html`<a class="button" href=${link({ view: "requests" })}>Clear filters</a>`}
  </form>`;
}

/** The facts below the title of a row: API and functions, failures, the limits that are used most. */
function Notes({ request, limit }) {
  const facts = [];
  if (request.api) facts.push(html`<span>${request.api}</span>`);
  if (request.method && request.functions.length) facts.push(html`<span>${request.functions.join(", ")}</span>`);
  const wanted = limit ? request.measures.filter((measure) => measure.row === limit) : request.measures.filter((measure) => share(measure) >= NEAR);
  for (const measure of wanted.slice(0, 3)) {
    const text = `${measure.row} ${amount(measure.observed, unitOf(measure.row))}`;
    facts.push(measure.admitted ? html`<span class=${share(measure) >= NEAR ? "near" : ""}>${text}, ${percent(share(measure))}</span>`
      : html`<span class="over strong">${text}, limit ${amount(measure.max, unitOf(measure.row))}</span>`);
  }
  if (request.fault && request.measures.every((measure) => measure.admitted)) facts.push(html`<span class="over strong">${request.fault}</span>`);
  for (const { text, bad } of request.notes.slice(0, 3)) if (text !== title(request)) facts.push(html`<span class=${bad ? "over strong" : ""}>${text}</span>`);
  return html`<span class="facts">${facts}</span>`;
}

/** The used part of the limit that is used most, or of the one that is filtered for. */
function Nearest({ request, limit }) {
  const measure = limit ? request.measures.find((one) => one.row === limit) : request.nearest;
  if (!measure) return html`<span class="nearest"></span>`;
  const part = share(measure);
  return html`<span class="nearest" title=${`${measure.row}: ${amount(measure.observed, unitOf(measure.row))} of ${amount(measure.max, unitOf(measure.row))}`}>
    <${Gauge} part=${part} level=${level(measure)} /><span class="number"><span class="hidden">of the nearest limit: </span>${percent(part)}</span></span>`;
}

function Row({ request, filters, selected }) {
  return html`<li><a class=${"request" + (selected ? " selected" : "") + (request.bad ? " bad" : "")} href=${link({ view: "requests", id: request.id, filters })}
      aria-current=${selected ? "true" : undefined} data-request=${request.id}>
    <${Status} request=${request} />
    <span class="what"><code class="title">${title(request)}</code><${Notes} request=${request} limit=${filters.limit} /></span>
    <${Nearest} request=${request} limit=${filters.limit} />
    <span class="number took">${request.millis === null ? (request.ran === undefined ? "" : amount(request.ran, "milliseconds")) : amount(request.millis, "milliseconds")}</span>
    <time class="number soft" datetime=${new Date(request.at).toISOString()} title=${new Date(request.at).toISOString()}>${clock(request.at).slice(0, 8)}<span>${clock(request.at).slice(8)}</span></time>
  </a></li>`;
}

/** Arrow keys go through the rows. */
function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || !event.target.closest?.("a.request")) return;
  const rows = [...event.currentTarget.querySelectorAll("a.request")];
  const next = rows[rows.indexOf(event.target.closest("a.request")) + by];
  if (next) { event.preventDefault(); next.focus(); }
}

export function Requests({ route }) {
  const { id, filters } = route;
  const [rows, showRows] = useState(ROWS);
  const all = [...store.requests.values()];
  const shown = all.filter((request) => matches(request, filters));
  const chosen = useRef(null);
  const pick = (picked) => go({ view: "requests", id: picked, filters });
  useEffect(() => { if (!id && chosen.current) document.querySelector(`[data-request="${CSS.escape(chosen.current)}"]`)?.focus({ preventScroll: true }); chosen.current = id; }, [id]);
  if (store.state !== "connecting" && all.length === 0 && !id) return html`<${Welcome} />`;
  const newest = shown.slice(-rows).reverse();
  return html`<div class=${"master" + (id ? " with-detail" : "")}>
    <div class="stack list">
      <${Sums} />
      ${!id && html`<div class="charts"><${Latency} requests=${shown} selected=${id} pick=${pick} /><${Sizes} requests=${shown} limit=${filters.limit} selected=${id} pick=${pick} /></div>`}
      <section class="card" aria-labelledby="requests">
        <div class="head"><h2 id="requests">Requests</h2>
          <span class="soft small" role="status">${shown.length === all.length ? plural(all.length, "request") : `${grouped(shown.length)} of ${plural(all.length, "request")}`}, newest first</span></div>
        <${Filters} filters=${filters} all=${all} />
        ${newest.length
          ? html`<ol class="requests" onKeyDown=${step}>${newest.map((request) => html`<${Row} key=${request.id} request=${request} filters=${filters} selected=${request.id === id} />`)}</ol>`
          : html`<p class="empty soft">${all.length ? "No request matches these filters." : "Waiting for the records of this run."}</p>`}
        ${shown.length > rows && html`<p class="more"><button type="button" onClick=${() => showRows(rows + 5 * ROWS)}>Show more (${grouped(shown.length - rows)} older)</button></p>`}
      </section>
    </div>
    ${id && html`<${Story} key=${id} id=${id} request=${store.requests.get(id)} back=${link({ view: "requests", filters })} />`}
  </div>`;
}
