// One request: its result, the limit that refused it with a remedy, its values against each limit, its payloads, its log.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { call, fold, store, timeOf, title } from "./store.js";
import { amount, Box, clock, Copy, grouped, Limit, plural, Status } from "./parts.js";

const EMPTY = () => ({ functions: [], measures: [], notes: [], records: 0, status: null, method: "", path: "", api: "", millis: null, fault: null, bad: false });

/** Fetches the story of a request, and again when further records of it arrive. */
function useKept(id, records) {
  const [kept, set] = useState({ story: null, error: "" });
  useEffect(() => {
    let live = true;
    const wait = setTimeout(async () => {
      try {
        const story = await call("GET", "requests/" + encodeURIComponent(id));
        if (live) set({ story, error: "" });
      } catch (error) {
        if (live) set({ story: null, error: error.message });
      }
    }, records ? 80 : 0);
    return () => { live = false; clearTimeout(wait); };
  }, [id, records, store.run]);
  return kept;
}

/** JSON with line breaks, if the whole text is kept and is JSON. */
function pretty({ text, bytes, kept }) {
  if (bytes !== kept) return text;
  try {
    const json = JSON.parse(text);
    return typeof json === "object" && json ? JSON.stringify(json, null, 2) : text;
  } catch {
    return text;
  }
}

function Payload({ name, payload, about, open }) {
  if (!payload) return null;
  const isCut = payload.bytes > payload.kept;
  const text = payload.text === undefined ? payload.base64 : pretty(payload);
  return html`<details open=${open}><summary><span class="strong">${name}</span> <span class="soft">${about}</span>
      <span class="number soft size">${amount(payload.bytes, "bytes")}</span></summary>
    ${isCut && html`<p class="soft small">The first ${grouped(payload.kept)} of ${grouped(payload.bytes)} bytes.</p>`}
    ${payload.text === undefined && html`<p class="soft small">Not UTF-8: shown in base64.</p>`}
    ${payload.bytes === 0 ? html`<p class="soft small">Empty.</p>` : html`<${Box} text=${text} what=${name} />`}
  </details>`;
}

function Advice({ advice, explained, request }) {
  if (advice.length) return advice.map((one) => html`<div class="notice over" key=${one.row}>
    <p class="strong"><code>${one.row}</code></p>
    <p class="strong">${one.numbers}</p>
    <p>${one.about}</p>
    <p><span class="strong">Remedy:</span> ${one.remedy}.</p>
    <p class="soft small">Measured: ${one.measured}. Source: ${one.source}.</p></div>`);
  if (explained) return html`<div class="notice over"><p class="strong"><code>hardcap explain</code></p><pre class="plain" tabindex="0" role="region" aria-label="Explanation">${explained}</pre></div>`;
  if (request.fault) return html`<div class="notice over"><p><span class="strong">${request.fault}</span>: the function failed. The log has the details.</p></div>`;
  return null;
}

function Logs({ logs }) {
  const { lines, left_off: leftOff } = logs;
  // AWS's runtime for Python separates the lines of a traceback with carriage returns.
  const text = lines.map((line) => line.text.replace(/\r+$/, "").replaceAll("\r", "\n")).join("\n");
  return html`<section aria-labelledby="logs"><h3 id="logs">Log <span class="soft">${plural(lines.length + leftOff, "line")}</span></h3>
    ${leftOff > 0 && html`<p class="soft small">The newest ${grouped(lines.length)} lines.</p>`}
    ${lines.length ? html`<${Box} text=${text} what="Log" />` : html`<p class="soft">No line is kept of this request.</p>`}</section>`;
}

function Facts({ request, records }) {
  const at = records[0] && timeOf(records[0]);
  const facts = [["Request id", html`<code>${request.id}</code> <${Copy} text=${request.id} what="request id" />`]];
  if (at) facts.push(["Time", html`<time datetime=${new Date(at).toISOString()}>${clock(at)} <span class="soft">local,</span> ${new Date(at).toISOString().slice(11, 23)} <span class="soft">UTC</span></time>`]);
  if (request.api) facts.push(["API", request.api]);
  if (request.functions.length) facts.push([request.functions.length > 1 ? "Functions" : "Function", request.functions.join(", ")]);
  if (request.millis !== null) facts.push(["Responded after", amount(request.millis, "milliseconds")]);
  if (request.ran !== undefined) facts.push(["Function ran", amount(request.ran, "milliseconds")]);
  if (request.event !== undefined) facts.push(["Event, response", `${amount(request.event, "bytes")}, ${amount(request.answer, "bytes")}`]);
  for (const { text, bad } of request.notes) facts.push(["", html`<span class=${bad ? "over strong" : ""}>${text}</span>`]);
  return html`<dl class="pairs">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function Story({ id, request: known, back }) {
  const { story, error } = useKept(id, known?.records ?? 0);
  const head = useRef(null);
  useEffect(() => { head.current?.focus({ preventScroll: true }); if (innerWidth <= 1080) scrollTo(0, 0); }, [id]);
  const records = story?.records ?? [];
  let request = known;
  if (!request && records.length) {
    request = { ...EMPTY(), id };
    records.forEach((record) => fold(request, record));
  }
  request ??= { ...EMPTY(), id };
  const payloads = story?.payloads ?? {};
  return html`<article class="card story" aria-labelledby="story">
    <header class="head">
      <a class="button close" href=${back} aria-label="Close the request" aria-keyshortcuts="Escape">Close</a>
      ${records.length > 0 && html`<${Status} request=${request} />`}
      <h2 id="story" tabindex="-1" ref=${head}><code>${records.length || known ? title(request) : id}</code></h2>
    </header>
    <div class="body stack">
      ${error && html`<p class="notice near">${error}</p>`}
      ${story && html`
        <${Advice} advice=${story.advice} explained=${story.explained} request=${request} />
        <${Facts} request=${request} records=${records} />
        <section aria-labelledby="hops"><h3 id="hops">Measured limits</h3>
          ${request.measures.length ? html`<div class="inset">${request.measures.map((measure, at) => html`<${Limit} key=${at} measure=${measure} />`)}</div>`
            : html`<p class="soft">No limit was measured.</p>`}</section>
        <section aria-labelledby="payloads"><h3 id="payloads">Payloads</h3>
          <div class="payloads">
            <${Payload} name="Request" about="head, as the gateway received it" payload=${payloads.request} />
            <${Payload} name="Event" about="to the function" payload=${payloads.event} open />
            <${Payload} name="Function's response" about="to its invoker" payload=${payloads.answer} open />
            <${Payload} name="Response head" about="to the client" payload=${payloads.response_head} />
            <${Payload} name="Response body" about="to the client" payload=${payloads.response_body} />
            ${Object.keys(payloads).length === 0 && html`<p class="soft">No payload is kept. hardcap keeps the newest 4 MiB of payloads, for requests to APIs and functions.</p>`}
          </div></section>
        <${Logs} logs=${story.logs} />`}
    </div>
  </article>`;
}
