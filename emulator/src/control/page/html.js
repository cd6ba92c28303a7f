// Markup as tagged templates. Every text that is put into one becomes a text node: nothing that a request carries is parsed.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
