// Why: plots are small SVG texts that stand alone, in files and inside the report; colours follow the reader's theme.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";

/** One line of a chart. */
export interface Series {
  name: string;
  points: readonly (readonly [number, number])[];
  dashed?: boolean;
}

/** What a line chart shows. */
export interface ChartOptions {
  title: string;
  x: string;
  y: string;
  /** The y axis; by default what the points need. */
  range?: readonly [number, number];
  xRange?: readonly [number, number];
  width?: number;
  height?: number;
}

const COLOURS = ["#2f6fb5", "#c8553d", "#3c8d5a", "#8a5fb0", "#b0862f", "#4a9aa5"];
const MARGIN = { top: 34, right: 14, bottom: 42, left: 52 };

/** Text that is safe between tags and in attributes. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}

/** A line chart as one SVG element with its own legend. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const width = options.width ?? 420;
  const height = (options.height ?? 300) + 18 * Math.ceil(series.length / 2);
  const bottom = (options.height ?? 300) - MARGIN.bottom;
  const all = series.flatMap((one) => [...one.points]);
  const x = scaleLinear(options.xRange ?? extent(all.map(([at]) => at)), [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear(options.range ?? extent(all.map(([, at]) => at)), [bottom, MARGIN.top]);
  if (!options.range) y.nice(5);
  const path = line(
    (point: readonly [number, number]) => x(point[0]),
    (point: readonly [number, number]) => y(point[1]),
  );
  const curves = series.map((one, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dash = one.dashed ? ' stroke-dasharray="5 4"' : "";
    const dots = one.points.length > 40
      ? ""
      : one.points.map(([a, b]) =>
        `<circle cx="${round(x(a))}" cy="${round(y(b))}" r="2.5" fill="${colour}"/>`
      ).join("");
    return `<path d="${
      path([...one.points]) ?? ""
    }" fill="none" stroke="${colour}" stroke-width="1.8"${dash}/>${one.dashed ? "" : dots}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${
      escape(options.title)
    }" font-family="system-ui, sans-serif" font-size="12">`,
    STYLE,
    `<text class="ink" x="${MARGIN.left}" y="18" font-weight="600">${escape(options.title)}</text>`,
    ...y.ticks(5).map((at: number) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${round(y(at))}" y2="${
        round(y(at))
      }"/><text class="soft" x="${MARGIN.left - 6}" y="${round(y(at) + 4)}" text-anchor="end">${at}</text>`
    ),
    ...x.ticks(6).filter((at: number) => options.x !== "round" || Number.isInteger(at)).map((at: number) =>
      `<text class="soft" x="${round(x(at))}" y="${bottom + 17}" text-anchor="middle">${at}</text>`
    ),
    `<text class="soft" x="${(MARGIN.left + width - MARGIN.right) / 2}" y="${
      bottom + 34
    }" text-anchor="middle">${escape(options.x)}</text>`,
    `<text class="soft" transform="translate(13 ${
      (bottom + MARGIN.top) / 2
    }) rotate(-90)" text-anchor="middle">${escape(options.y)}</text>`,
    ...curves,
    ...legend(series, { width, top: bottom + 52 }),
    "</svg>",
  ].join("");
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

const STYLE = "<style>.ink{fill:#1d2430}.soft{fill:#5b6472}.grid{stroke:#d6dae0;stroke-width:.7}" +
  "@media(prefers-color-scheme:dark){.ink{fill:#e6e9ee}.soft{fill:#a2abb8}.grid{stroke:#39414d}}</style>";

function legend(series: readonly Series[], place: { width: number; top: number }): string[] {
  return series.map(({ name }, index) => {
    const x = MARGIN.left + (index % 2) * ((place.width - MARGIN.left) / 2);
    const y = place.top + 18 * Math.floor(index / 2);
    const colour = COLOURS[index % COLOURS.length];
    return `<rect x="${x}" y="${y - 9}" width="10" height="10" rx="2" fill="${colour}"/>` +
      `<text class="ink" x="${x + 15}" y="${y}">${escape(name)}</text>`;
  });
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Lowest and highest, never equal. */
function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
