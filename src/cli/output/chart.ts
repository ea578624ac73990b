/**
 * Line charts as small SVG texts that stand alone, in files and inside the reports.
 *
 * Why each has a background of its own: its colours follow the reader's scheme, light or dark, and the page or viewer
 * around it may not.
 */
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";

/** One line of a chart. */
export interface Series {
  name: string;
  points: readonly (readonly [number, number])[];
  /** Drawn grey and without dots: what the others are compared with. */
  dashed?: boolean;
}

/** What a line chart shows. */
export interface ChartOptions {
  title: string;
  /** Where it is `round`, the axis has whole numbers only and every point a dot. */
  x: string;
  y: string;
  /** The y axis; by default what the points need. */
  range?: readonly [number, number];
  xRange?: readonly [number, number];
  width?: number;
  height?: number;
}

/** Colours of the curves, on a light and on a dark background; the seventh curve begins again, with dashes. */
const LIGHT = ["#1f62a8", "#c04a32", "#2f7d4d", "#7a4fa3", "#876515", "#26737f"];
const DARK = ["#7ab4f0", "#f0957f", "#7fcf9c", "#c3a0e8", "#dcba66", "#7fd0da"];
/** Dashes of the curves of one colour, none for the first. */
const STROKES = ["", "4 2", "1.5 2.5"];
const MARGIN = { top: 34, right: 14, bottom: 42, left: 60 };
/** A legend has as many columns as its longest name allows; a name longer than the one column loses its middle. */
const COLUMNS = [{ columns: 4, longest: 9 }, { columns: 2, longest: 22 }, { columns: 1, longest: 46 }];
/** Letters of the longest title. */
const TITLE = 48;
/** Room below the last name. */
const BELOW = 4;

/** Text that is safe between tags and in attributes. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}

/** A line chart as one SVG element with its own background and legend. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const { width = 420, height = 300 } = options;
  const bottom = height - MARGIN.bottom;
  const all = series.flatMap((one) => [...one.points]);
  const x = scaleLinear(options.xRange ?? extent(all.map(([at]) => at)), [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear(options.range ?? extent(all.map(([, at]) => at)), [bottom, MARGIN.top]);
  if (!options.range) y.nice(5);
  const names = legend(series, { width, top: height + 10 });
  const size = { width, height: height + names.height };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${
      escape(options.title)
    }" font-family="system-ui, sans-serif" font-size="12">`,
    STYLE,
    `<rect class="paper" width="${size.width}" height="${size.height}"/>`,
    `<text class="ink" x="${MARGIN.left}" y="18" font-weight="600">${
      escape(shortened(options.title, TITLE))
    }</text>`,
    ...axes({ x, y }, { ...options, width, bottom }),
    ...series.map((one, at) => curve(one, { x, y, ...lookOf(one, at), dotted: options.x === "round" })),
    ...names.parts,
    "</svg>",
  ].join("");
}

/** What is used of a scale of d3, whose package brings no types. */
type Scale = ((at: number) => number) & { ticks(count: number): number[] };

/** The grid, the numbers along it, and what both axes show. */
function axes(
  { x, y }: { x: Scale; y: Scale },
  place: ChartOptions & { width: number; bottom: number },
): string[] {
  const { width, bottom } = place;
  const right = width - MARGIN.right;
  return [
    ...y.ticks(5).map((at) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${round(y(at))}" y2="${round(y(at))}"/>` +
      `<text class="soft" x="${MARGIN.left - 6}" y="${round(y(at) + 4)}" text-anchor="end">${at}</text>`
    ),
    ...x.ticks(6).filter((at) => place.x !== "round" || Number.isInteger(at)).map((at) =>
      `<text class="soft" x="${round(x(at))}" y="${bottom + 17}" text-anchor="middle">${at}</text>`
    ),
    `<text class="soft" x="${(MARGIN.left + right) / 2}" y="${bottom + 34}" text-anchor="middle">${
      escape(place.x)
    }</text>`,
    `<text class="soft" transform="translate(12 ${
      (bottom + MARGIN.top) / 2
    }) rotate(-90)" text-anchor="middle">${escape(place.y)}</text>`,
  ];
}

/** One line, with a dot at each point where that is asked for and there are few. */
function curve(
  { points, dashed }: Series,
  { x, y, colour, strokes, dotted }: { x: Scale; y: Scale; dotted: boolean } & Look,
): string {
  const path = line(
    (point: readonly [number, number]) => x(point[0]),
    (point: readonly [number, number]) => y(point[1]),
  );
  const dots = dashed || !dotted || points.length > 40
    ? []
    : points.map(([a, b]) => `<circle cx="${round(x(a))}" cy="${round(y(b))}" r="2.5" fill="currentColor"/>`);
  return `<g class="${colour}"><path d="${path([...points]) ?? ""}" fill="none" stroke="currentColor" ` +
    `stroke-width="1.8"${dashes(dashed ? "5 4" : strokes)}/>${dots.join("")}</g>`;
}

/** ROC curves with the diagonal of chance. */
export function rocChart(
  curves: readonly { name: string; fpr: ArrayLike<number>; tpr: ArrayLike<number> }[],
  options: { title?: string } = {},
): string {
  const series = curves.map(({ name, fpr, tpr }): Series => ({
    name,
    points: Array.from(fpr, (at, index) => [at, tpr[index]] as const),
  }));
  const chance: Series = { name: "chance", points: [[0, 0], [1, 1]], dashed: true };
  return lineChart([...series, chance], {
    title: options.title ?? "ROC",
    x: "1 − specificity",
    y: "sensitivity",
    range: [0, 1],
    xRange: [0, 1],
    width: 400,
    height: 400,
  });
}

/** The class of a curve's colour, and its dashes. */
interface Look {
  colour: string;
  strokes: string;
}

function lookOf({ dashed }: Series, at: number): Look {
  if (dashed) return { colour: "grey", strokes: "4 2" };
  return {
    colour: `c${at % LIGHT.length}`,
    strokes: STROKES[Math.floor(at / LIGHT.length) % STROKES.length],
  };
}

const dashes = (strokes: string) => strokes === "" ? "" : ` stroke-dasharray="${strokes}"`;
const curveColours = (colours: readonly string[]) =>
  colours.map((colour, at) => `.c${at}{color:${colour}}`).join("");

const STYLE = "<style>.paper{fill:#fbfbfa}.ink{fill:#1d2430}.soft{fill:#5b6472}.grey{color:#5b6472}" +
  `.grid{stroke:#d6dae0;stroke-width:.7}${curveColours(LIGHT)}@media(prefers-color-scheme:dark){` +
  ".paper{fill:#171b21}.ink{fill:#e6e9ee}.soft{fill:#a2abb8}.grey{color:#a2abb8}" +
  `.grid{stroke:#39414d}${curveColours(DARK)}}</style>`;

/** The names of the curves below the chart, and how much room they take. */
function legend(
  series: readonly Series[],
  place: { width: number; top: number },
): { parts: string[]; height: number } {
  const most = Math.max(0, ...series.map(({ name }) => name.length));
  const { columns, longest } = COLUMNS.find(({ longest }) => most <= longest) ?? COLUMNS.at(-1)!;
  const parts = series.map((one, at) => {
    const x = MARGIN.left + (at % columns) * ((place.width - MARGIN.left) / columns);
    const y = place.top + 18 * Math.floor(at / columns);
    const { colour, strokes } = lookOf(one, at);
    const mark = strokes === ""
      ? `<rect x="${x}" y="${y - 9}" width="10" height="10" rx="2" fill="currentColor"/>`
      : `<path d="M${x} ${y - 4}h10" stroke="currentColor" stroke-width="1.8"${dashes(strokes)}/>`;
    return `<g class="${colour}">${mark}</g>` +
      `<text class="ink" x="${x + 15}" y="${y}">${escape(shortened(one.name, longest))}</text>`;
  });
  return { parts, height: 18 * Math.ceil(series.length / columns) + BELOW };
}

/** A long name, a path say, without its middle: its end tells it from others. */
function shortened(name: string, longest: number): string {
  const letters = [...name];
  if (letters.length <= longest) return name;
  return `${letters.slice(0, 12).join("")}…${letters.slice(13 - longest).join("")}`;
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Lowest and highest, never equal. */
function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
