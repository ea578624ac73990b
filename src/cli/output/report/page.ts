// Why: one file that opens anywhere, without a network, and reads alike whoever wrote it: the demo, the hub or a hospital.
import { escape } from "../chart.ts";

/** A whole page of such parts. */
export function page(title: string, parts: readonly string[]): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>`,
    `<style>${STYLE}</style></head><body><main>`,
    ...parts,
    "</main></body></html>\n",
  ].join("\n");
}

export const heading = (text: string) => `<h1>${escape(text)}</h1>`;
export const section = (text: string) => `<h2>${escape(text)}</h2>`;
export const paragraph = (text: string) => `<p>${escape(text)}</p>`;

/** What the page says first; one figure of it, where it comes first, is set in bold. An interval stays on one line. */
export function headline(text: string, figure?: string): string {
  const whole = text.replaceAll(/\[[^\]]*\]/g, (interval) => interval.replaceAll(" ", "\u00a0"));
  const at = figure === undefined ? -1 : whole.indexOf(figure);
  const set = at < 0
    ? escape(whole)
    : `${escape(whole.slice(0, at))}<b>${escape(figure!)}</b>${escape(whole.slice(at + figure!.length))}`;
  return `<p class="headline">${set}</p>`;
}

/** Rows under a head; a narrow window scrolls the table, not the page. */
export function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string, tag = "td") => `<${tag}>${escape(text)}</${tag}>`;
  return [
    `<div class="wide"><table><thead><tr>${
      head.map((name) => cell(name, "th")).join("")
    }</tr></thead><tbody>`,
    ...rows.map((row) => `<tr>${row.map((text) => cell(text)).join("")}</tr>`),
    "</tbody></table></div>",
  ].join("\n");
}

/** Charts side by side where there is room. */
export function charts(svgs: readonly string[]): string {
  return `<div class="charts">${svgs.map((svg) => `<figure>${svg}</figure>`).join("")}</div>`;
}

/** Names and what they stand for. */
export function figures(pairs: readonly (readonly [string, string])[]): string {
  const terms = pairs.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`);
  return ["<dl>", ...terms, "</dl>"].join("\n");
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5b6472;--line:#d6dae0;--paper:#fbfbfa}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a2abb8;--line:#39414d;--paper:#171b21}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 0}
p{max-width:46rem}.headline{font-size:1.25rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:right;overflow-wrap:normal;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
td{white-space:nowrap}th{color:var(--soft);font-weight:600}
td:first-child{white-space:normal;overflow-wrap:anywhere}
th:first-child,td:first-child{text-align:left;padding-left:0}th:last-child,td:last-child{padding-right:0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:1rem;margin:1rem 0}
figure{margin:0}svg{width:100%;height:auto}
dl{display:grid;grid-template-columns:minmax(5rem,max-content) 1fr;gap:.3rem 1rem}
dt{color:var(--soft)}dd{margin:0}
@media(max-width:40rem){main{padding:1rem}table{font-size:.75rem}th,td{padding:.35rem .15rem}dl{display:block}dd{margin:0 0 .5rem}}
`;
