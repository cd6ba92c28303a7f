// Every limit: the highest value of the run, and the number in force, which can be changed.
import { useState } from "preact/hooks";
import { html } from "./html.js";
import { call, loadLimits, store } from "./store.js";
import { link } from "./route.js";
import { amount, Gauge, grouped, percent, plural, sentence } from "./parts.js";
import { NEAR } from "./store.js";

function Change({ row, done }) {
  const [value, set] = useState(String(row.max));
  const [error, say] = useState("");
  const send = (method, body) => async (event) => {
    event.preventDefault();
    try {
      await call(method, "limits/" + encodeURIComponent(row.name), body?.());
      await loadLimits();
      done();
    } catch (failed) {
      say(failed.message);
    }
  };
  const id = "max-" + row.name;
  return html`<form class="inline" onSubmit=${send("PUT", () => ({ max: Number(value) }))}>
    <label for=${id}>New limit${row.unit === "count" ? "" : ` in ${row.unit}`}</label>
    <input id=${id} type="number" min="0" max=${Number.MAX_SAFE_INTEGER} step="1" required value=${value} onInput=${(event) => set(event.target.value)} />
    <button class="primary">Set</button>
    ${row.max !== row.aws && html`<button type="button" onClick=${send("DELETE")}>Back to ${amount(row.aws, row.unit)}</button>`}
    <button type="button" class="quiet" onClick=${done}>Cancel</button>
    ${error && html`<p class="over" role="alert">${error}</p>`}
  </form>`;
}

function Row({ row, seen }) {
  const [open, show] = useState(false);
  const isMinimum = row.name.endsWith("_min");
  const part = !seen ? 0 : seen.refused ? Math.max(1, seen.max ? seen.highest / seen.max : 1) : isMinimum ? 0 : seen.max ? seen.highest / seen.max : 1;
  const level = seen?.refused ? "over" : part >= NEAR ? "near" : "";
  const change = html`<button type="button" class="quiet" aria-expanded=${open} aria-label=${`Change ${row.name}`} onClick=${() => show(!open)}>Change</button>`;
  return html`<div class="limit">
    <div class="what"><code>${row.name}</code>${row.max !== row.aws && html` <span class="chip near">AWS has ${amount(row.aws, row.unit)}</span>`}
      <small>${sentence(row.facts.doc)}</small></div>
    ${seen ? html`<${Gauge} part=${part} level=${level} /><span class=${"number percent " + level}>${percent(part)}</span>` : null}
    <div class="numbers">${seen ? html`<span class="number">${amount(seen.highest, row.unit)}</span><small class="number"> of at ${isMinimum ? "least" : "most"} ${amount(seen.max, row.unit)}</small>
        <small class="line"><a href=${link({ view: "requests", filters: { limit: row.name } })}>${grouped(seen.measured)} measured</a>${seen.refused > 0 && html`, <span class="over strong">${grouped(seen.refused)} refused</span>`} ${change}</small>`
      : html`<span class="number">${amount(row.max, row.unit)}</span> ${change}`}</div>
    ${open && html`<${Change} row=${row} done=${() => show(false)} />`}
  </div>`;
}

export function Limits() {
  const [search, set] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  // A limit that is not emulated is not enforced, so a change of its number would have no effect.
  const all = [...store.rows.values()].filter((row) => row.facts.proof.state !== "not_emulated" && words.every((word) => `${row.name} ${row.facts.doc} ${row.facts.scope}`.toLowerCase().includes(word)));
  const seen = new Map((store.report?.rows ?? []).map((row) => [row.row, row]));
  const met = (store.report?.rows ?? []).map((row) => store.rows.get(row.row)).filter((row) => all.includes(row));
  const rest = all.filter((row) => !seen.has(row.name));
  const changed = rest.filter((row) => row.max !== row.aws);
  return html`<div class="stack">
    <div class="bar"><input type="search" aria-label="Search limits" aria-keyshortcuts="/" id="search" placeholder="Name, service or text of a limit" value=${search} onInput=${(event) => set(event.target.value)} />
      <p class="soft small">Limits of ${store.date}. A change is in force from the next request on, and until a reset.</p></div>
    <section class="card" aria-labelledby="met"><div class="head"><h2 id="met">Met in this run</h2><span class="soft small">most used first</span></div>
      ${met.length ? html`<div>${met.map((row) => html`<${Row} key=${row.name} row=${row} seen=${seen.get(row.name)} />`)}</div>` : html`<p class="empty soft">${seen.size ? "No limit matches." : "No limit has been measured in this run."}</p>`}</section>
    <section class="card rest" aria-labelledby="rest"><div class="head"><h2 id="rest">Other limits</h2><span class="soft small">${plural(rest.length, "limit")}</span></div>
      <div>${[...changed, ...rest.filter((row) => !changed.includes(row))].map((row) => html`<${Row} key=${row.name} row=${row} />`)}</div></section>
  </div>`;
}
