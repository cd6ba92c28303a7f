// The fragment of the address: which view, which request, which filters. It is a permanent link.
import { useEffect, useState } from "preact/hooks";

export const VIEWS = [["requests", "Requests"], ["limits", "Limits"], ["faults", "Faults"], ["connect", "Connect"]];
const FILTERS = ["search", "status", "function", "limit"];

/** Reads `#/requests/ID?status=5xx`. */
export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/").map((part) => { try { return decodeURIComponent(part); } catch { return ""; } });
  const given = new URLSearchParams(query ?? "");
  const filters = Object.fromEntries(FILTERS.map((name) => [name, given.get(name) ?? ""]));
  return { view: VIEWS.some(([name]) => name === view) ? view : "requests", id: id || null, filters };
}

/** The fragment of a view, with its filters. */
export function link({ view, id = null, filters = {} }) {
  const set = FILTERS.filter((name) => filters[name]).map((name) => [name, filters[name]]);
  const query = set.length ? "?" + new URLSearchParams(set) : "";
  return `#/${view}${id ? "/" + encodeURIComponent(id) : ""}${query}`;
}

/** Goes to a view. Text that is being typed replaces the entry of the history instead of adding one for each letter. */
export function go(route, replace = false) {
  if (replace) {
    history.replaceState(null, "", link(route));
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = link(route);
  }
}

export function useRoute() {
  const [route, set] = useState(() => parse(location.hash));
  useEffect(() => {
    const read = () => set(parse(location.hash));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return route;
}
