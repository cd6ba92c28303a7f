// Fetches hits as Kibana's own `http.fetch` does, and shows what came and how. `from`, where it is given, is another server.
"use strict";
const byId = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const index = asked.get("index") ?? "logs";
const size = asked.get("size") ?? "500";
const server = asked.get("from") ?? new URL("../../", location.href).href.replace(/\/$/, "");
const LEVELS = ["info", "debug", "warn", "error"];

async function load() {
  byId("pattern").textContent = index;
  const began = performance.now();
  const response = await fetch(`${server}/${index}/_search?size=${size}`, {
    method: "POST",
    headers: { "content-type": "application/json", "kbn-version": "8.9.0", "kbn-xsrf": "true", "x-elastic-internal-origin": "Kibana" },
    body: JSON.stringify({ query: { match_all: {} } }),
  });
  const bytes = await response.arrayBuffer();
  const millis = performance.now() - began;
  if (!response.ok) throw new Error(`${response.status} ${new TextDecoder().decode(bytes.slice(0, 500))}`);
  const digest = Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  const hits = JSON.parse(new TextDecoder().decode(bytes)).hits.hits;
  return {
    status: response.status, redirected: response.redirected, url: response.url, type: response.headers.get("content-type"),
    sha256: digest.map((byte) => byte.toString(16).padStart(2, "0")).join(""), bytes: bytes.byteLength, millis, hits,
  };
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function histogram(hits) {
  const BARS = 60, WIDTH = 1200 / BARS, HEIGHT = 150;
  const times = hits.map((hit) => hit._source["@timestamp"]);
  const first = times[0], span = times[times.length - 1] - first + 1;
  const counts = Array.from({ length: BARS }, () => Object.fromEntries(LEVELS.map((level) => [level, 0])));
  for (const hit of hits) counts[Math.floor(((hit._source["@timestamp"] - first) / span) * BARS)][hit._source.level] += 1;
  const most = Math.max(...counts.map((bar) => LEVELS.reduce((sum, level) => sum + bar[level], 0)));
  counts.forEach((bar, at) => {
    let top = 160;
    for (const level of LEVELS) {
      const height = (bar[level] / most) * HEIGHT;
      top -= height;
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ x: at * WIDTH + 2, y: top, width: WIDTH - 4, height })) rect.setAttribute(name, value);
      rect.classList.add(level);
      byId("histogram").append(rect);
    }
  });
  byId("legend").append(...LEVELS.map((level) => { const key = element("span", undefined, level); key.append(element("i", level)); return key; }));
}

function show(result) {
  const grouped = (number) => Math.round(number).toLocaleString("en-US");
  byId("hits").textContent = grouped(result.hits.length);
  byId("bytes").textContent = `${(result.bytes / 1e6).toFixed(2)} MB`;
  byId("millis").textContent = `${grouped(result.millis)} ms`;
  byId("way").textContent = result.redirected ? "303 to S3" : "inline";
  byId("digest").textContent = result.sha256;
  histogram(result.hits);
  byId("rows").replaceChildren(...result.hits.slice(0, 25).map(({ _source: source }) => {
    const row = element("tr"), level = element("td");
    level.append(element("b", source.level, source.level));
    row.append(element("td", new Date(source["@timestamp"]).toISOString().replace("T", " ").slice(0, 19)), level, element("td", source.host), element("td", source.message));
    return row;
  }));
}

load().then((result) => {
  show(result);
  const { hits, ...rest } = result;
  window.result = { ...rest, hits: hits.length };
  byId("status").textContent = "every byte is here";
  document.body.dataset.state = "done";
}, (error) => {
  window.result = { error: `${error.name}: ${error.message}` };
  byId("status").textContent = window.result.error;
  document.body.dataset.state = "failed";
});
