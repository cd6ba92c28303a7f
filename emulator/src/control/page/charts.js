// Two charts of the requests that are shown: size against a limit, and latency over time. Plain SVG, as in the HTML report.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { amount, clock, plural, short, unitOf } from "./parts.js";
import { title } from "./store.js";

const HEIGHT = 150;
const LEFT = 58;
/** The maximum number of points. The newest are drawn. */
const POINTS_MAX = 1500;

function useWidth() {
  const ref = useRef(null);
  const [width, set] = useState(560);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.max(200, Math.round(entry.contentRect.width))));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

/** A round number that is not below `n`. */
function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= n);
}

function Scatter({ label, points, max, unit, selected, pick }) {
  const [ref, width] = useWidth();
  const shown = points.slice(-POINTS_MAX);
  const first = shown[0]?.at ?? 0;
  const span = Math.max(1000, (shown[shown.length - 1]?.at ?? 0) - first);
  const highest = Math.max(1, ...shown.map((point) => point.value));
  const top = max === undefined ? roundUp(highest) : Math.max(max * 1.08, highest * 1.04);
  const x = (at) => LEFT + ((at - first) / span) * (width - LEFT - 10);
  const y = (value) => HEIGHT - 8 - (value / top) * (HEIGHT - 26);
  const ticks = max === undefined ? [0, top / 2, top] : [0, max / 2, highest > max ? highest : 0]
    // Labels have a height.
    .filter((tick, at) => at === 0 || (tick > 0 && Math.abs(y(tick) - y(max)) > 15 && y(0) - y(tick) > 15));
  return html`<div ref=${ref}>
    <svg height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${label}>
      ${ticks.map((tick) => html`<line class="grid" x1=${LEFT} x2=${width} y1=${y(tick)} y2=${y(tick)} />
        <text x=${LEFT - 8} y=${y(tick) + 4} text-anchor="end">${short(tick, unit)}</text>`)}
      ${max !== undefined && html`<line class="max" x1=${LEFT} x2=${width} y1=${y(max)} y2=${y(max)} />
        <text class="max" x=${LEFT - 8} y=${y(max) + 4} text-anchor="end">${short(max, unit)}</text>`}
      ${shown.map((point) => html`<g class=${"point" + (point.id === selected ? " selected" : "")} key=${point.key} onClick=${() => pick(point.id)}>
        <title>${point.label}</title><circle class="target" cx=${x(point.at)} cy=${y(point.value)} r="9" />
        <circle class=${point.bad ? "bad" : ""} cx=${x(point.at)} cy=${y(point.value)} r="4" /></g>`)}
    </svg>
    <p class="axis" style=${{ paddingLeft: `${LEFT}px` }}><span>${clock(first)}</span><span>${clock(first + span)}</span></p>
  </div>`;
}

export function Latency({ requests, selected, pick }) {
  const points = requests.filter((request) => request.millis !== null || request.ran !== undefined).map((request) => {
    const value = request.millis ?? request.ran;
    return { key: request.id, id: request.id, at: request.at, value, bad: request.bad, label: `${title(request)}: ${request.status ?? ""} ${amount(value, "milliseconds")}` };
  });
  const slowest = Math.max(0, ...points.map((point) => point.value));
  return html`<section class="card" aria-labelledby="latency">
    <div class="head"><h2 id="latency">Latency</h2><span class="soft small">${points.length ? `the slowest took ${amount(slowest, "milliseconds")}` : ""}</span></div>
    <div class="chart">${points.length
      ? html`<${Scatter} label=${`Latency of ${plural(points.length, "request")}; the slowest took ${amount(slowest, "milliseconds")}`} points=${points} unit="milliseconds" selected=${selected} pick=${pick} />`
      : html`<p class="soft empty">No request has been answered.</p>`}</div>
  </section>`;
}

/** Sizes against one limit, by default the one that is used most. */
export function Sizes({ requests, limit, selected, pick }) {
  const [chosen, choose] = useState("");
  const seen = new Map();
  for (const request of requests) {
    for (const measure of request.measures) {
      if (measure.row.endsWith("_min") || measure.max === 0) continue;
      const part = measure.observed / measure.max;
      if (!(seen.get(measure.row) >= part)) seen.set(measure.row, part);
    }
  }
  const rows = [...seen.keys()].filter((row) => unitOf(row) === "bytes").sort((a, b) => seen.get(b) - seen.get(a));
  const row = [limit, chosen].find((name) => name && seen.has(name)) ?? rows[0];
  const points = requests.flatMap((request) => request.measures.map((measure, at) => ({ request, measure, at })))
    .filter(({ measure }) => measure.row === row)
    .map(({ request, measure, at }) => ({ key: `${request.id}/${at}`, id: request.id, at: measure.at, value: measure.observed, bad: !measure.admitted, max: measure.max,
      label: `${title(request)}: ${amount(measure.observed, unitOf(row))} of ${amount(measure.max, unitOf(row))}` }));
  const max = points[points.length - 1]?.max;
  return html`<section class="card" aria-labelledby="sizes">
    <div class="head"><h2 id="sizes">Size against limit</h2>
      ${rows.length > 0 && html`<select class="small" aria-label="Limit of the chart" value=${row} onChange=${(event) => choose(event.target.value)}>
        ${(rows.includes(row) ? rows : [row, ...rows]).map((name) => html`<option value=${name}>${name}</option>`)}</select>`}</div>
    <div class="chart">${points.length
      ? html`<${Scatter} label=${`${plural(points.length, "measurement")} of ${row}; at most ${amount(max, unitOf(row))}`} points=${points} max=${max} unit=${unitOf(row)} selected=${selected} pick=${pick} />`
      : html`<p class="soft empty">No size has been measured.</p>`}</div>
  </section>`;
}
