// The live page: header, views, keys.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { call, follow, store, useStore } from "./store.js";
import { go, link, useRoute, VIEWS } from "./route.js";
import { clock, grouped } from "./parts.js";
import { Requests } from "./requests.js";
import { Limits } from "./limits.js";
import { Faults } from "./faults.js";
import { Connect } from "./connect.js";

const STATES = { connecting: "connecting", live: "live", lost: "no connection; trying again", ended: "this run has ended" };

function Reset() {
  const dialog = useRef(null);
  const data = useRef(null);
  const [error, say] = useState("");
  const reset = async (event) => {
    event.preventDefault();
    try {
      await call("POST", data.current.checked ? "reset?data=true" : "reset");
      dialog.current.close();
      go({ view: "requests" });
    } catch (failed) {
      say(failed.message);
    }
  };
  return html`<button type="button" onClick=${() => { say(""); data.current.checked = false; dialog.current.showModal(); }}>Reset</button>
    <dialog ref=${dialog} aria-labelledby="reset">
      <form onSubmit=${reset}>
        <h2 id="reset">Begin a new run?</h2>
        <p>All records and log lines are deleted. Limits and faults return to those of the start. Functions stay.</p>
        <p><label><input type="checkbox" name="data" ref=${data} /> Also restore the data of the template</label></p>
        <p class="soft small">Buckets, tables, parameters and secrets become as the template has them. Waiting events and dead letters are deleted.
          Without it, data stays as it is.</p>
        ${error && html`<p class="over" role="alert">${error}</p>`}
        <p class="actions"><button type="button" onClick=${() => dialog.current.close()}>Cancel</button> <button class="primary">Reset</button></p>
      </form>
    </dialog>`;
}

function Header({ route }) {
  const { health, report, state, faults } = store;
  const counts = { faults: faults.length };
  return html`<header class="top">
    <div class="brand"><span class="mark" aria-hidden="true"></span><h1>hardcap</h1></div>
    <nav aria-label="Views">${VIEWS.map(([view, name]) => html`<a key=${view} href=${link({ view })} aria-current=${route.view === view ? "page" : undefined}>${name}
      ${counts[view] > 0 && html`<span class="count"><span class="hidden">in force: </span>${counts[view]}</span>`}</a>`)}</nav>
    <div class="chips">
      ${store.date && html`<span class="chip">${store.date === "current" ? "current limits" : `limits of ${store.date}`}</span>`}
      ${report?.overrides.map((one) => html`<a key=${one.row} class="chip near" href=${link({ view: "limits" })}>${one.row} = ${grouped(one.in_force)}</a>`)}
      ${health?.run && html`<span class="chip" title=${health.run.id}>run since ${clock(health.run.began).slice(0, 8)}</span>`}
    </div>
    <span class=${"state " + state} role="status">${STATES[state]}</span>
    <${Reset} />
  </header>`;
}

function Notices() {
  const { report, state } = store;
  return html`
    ${state === "ended" && html`<div class="notice near" role="alert"><p class="strong">Another run has this address now.</p>
      <p>This page shows the run before. Reload it to see the new run.</p></div>`}
    ${report?.bugs > 0 && html`<div class="notice over" role="alert"><p class="strong">hardcap itself failed ${report.bugs === 1 ? "once" : `${grouped(report.bugs)} times`}: do not trust this run.</p></div>`}`;
}

const DRAWN = { requests: Requests, limits: Limits, faults: Faults, connect: Connect };

function App() {
  useStore();
  const route = useRoute();
  useEffect(() => {
    const press = (event) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      const isField = event.target.closest?.("input, select, textarea, dialog");
      if (event.key === "/" && !isField) {
        const search = document.getElementById("search");
        if (search) { event.preventDefault(); search.focus(); }
      }
      if (event.key === "Escape" && route.id && !event.target.closest?.("dialog")) go({ ...route, id: null });
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [route]);
  useEffect(() => { document.title = `${route.id ? "Request" : VIEWS.find(([view]) => view === route.view)[1]} – hardcap`; }, [route]);
  const View = DRAWN[route.view];
  return html`<a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.getElementById("content").focus(); }}>Skip to the content</a>
    <${Header} route=${route} />
    <main id="content" tabindex="-1" class="stack"><${Notices} /><${View} route=${route} /></main>`;
}

render(html`<${App} />`, document.getElementById("app"));
follow();
