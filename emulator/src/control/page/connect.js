// The addresses of the run, variables, commands to try, functions, downloads. The view of a run without requests is here too.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { address, call, store } from "./store.js";
import { amount, Box, Copy } from "./parts.js";

function useTries() {
  const [tries, set] = useState([]);
  useEffect(() => { call("GET", "tries").then((found) => set(found.tries), () => {}); }, [store.run]);
  return tries;
}

function Tries({ tries }) {
  return html`<ul class="stack tries">${tries.map(({ about, command }) => html`<li key=${command}><p class="soft">${about}</p><${Box} text=${command} what=${`command: ${about || command}`} /></li>`)}</ul>`;
}

function Address({ name, url, isLink = true }) {
  return html`<tr><td>${name}</td><td class="address">${isLink ? html`<a href=${url} target="_blank" rel="noopener noreferrer"><code>${url}</code></a>` : html`<code>${url}</code>`}
    <${Copy} text=${url} what=${name} /></td></tr>`;
}

function Addresses() {
  const { health } = store;
  if (!health) return null;
  return html`<section class="card" aria-labelledby="addresses"><div class="head"><h2 id="addresses">Addresses</h2></div>
    <table class="addresses"><caption>Addresses</caption><thead class="hidden"><tr><th>name</th><th>address</th></tr></thead><tbody>
      ${Object.entries({ ...health.apis, ...health.function_urls }).map(([name, url]) => html`<${Address} key=${name} name=${name} url=${url} />`)}
      <${Address} name="AWS_ENDPOINT_URL" url=${health.aws} isLink=${false} />
      <${Address} name="Control API" url=${health.control} isLink=${false} />
    </tbody></table></section>`;
}

export function Connect() {
  const { health, functions } = store;
  const tries = useTries();
  if (!health) return null;
  const variables = `export AWS_ENDPOINT_URL=${health.aws} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=${functions[0]?.arn.split(":")[3] ?? "us-east-1"}`;
  return html`<div class="stack">
    ${tries.length > 0 && html`<section class="card" aria-labelledby="try"><div class="head"><h2 id="try">Try</h2></div><div class="body"><${Tries} tries=${tries} /></div></section>`}
    <${Addresses} />
    <section class="card" aria-labelledby="clients"><div class="head"><h2 id="clients">AWS clients</h2><span class="soft small">variables for SDKs and the AWS CLI</span></div><div class="body"><${Box} text=${variables} what="variables" /></div></section>
    <section class="card" aria-labelledby="functions"><div class="head"><h2 id="functions">Functions</h2></div>
      <table class="stacks"><caption>Functions</caption><thead><tr><th>function</th><th>runtime</th><th class="number">memory</th><th class="number">timeout</th></tr></thead><tbody>
        ${functions.map((it) => html`<tr key=${it.name}><td><code>${it.name}</code></td><td data-name="runtime">${it.runtime}</td><td class="number" data-name="memory">${amount(it.memory_mb, "megabytes")}</td>
          <td class="number" data-name="timeout">${amount(it.timeout_ms, "milliseconds")}</td></tr>`)}</tbody></table></section>
    <section class="card" aria-labelledby="downloads"><div class="head"><h2 id="downloads">Report of this run</h2></div>
      <p class="body links"><a class="button" href=${address("report?format=html")} download="hardcap-report.html">HTML</a>
        <a class="button" href=${address("report")} download="hardcap-report.json">JSON</a>
        <a class="button" href=${address("records")} download="hardcap-records.json">Records</a></p></section>
  </div>`;
}

/** A run without requests. */
export function Welcome() {
  const tries = useTries();
  return html`<div class="stack">
    <section class="card welcome" aria-labelledby="welcome"><div class="body stack">
      <div><h2 id="welcome">No requests yet</h2><p class="soft">Send one, and it appears here with every limit that it met.</p></div>
      ${tries.length > 0 && html`<${Tries} tries=${tries} />`}
    </div></section>
    <${Addresses} />
  </div>`;
}
