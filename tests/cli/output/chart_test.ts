import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lineChart, rocChart } from "../../../src/cli/output/chart.ts";

Deno.test("lineChart keeps points inside the frame and needs none", () => {
  const svg = lineChart([{ name: "a", points: [[0, 0.1], [5, 0.9]] }], { title: "t", x: "round", y: "y" });
  const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [+x, +y]);
  assertEquals(dots.length, 2);
  assert(dots.every(([x, y]) => x >= 60 && x <= 406 && y >= 34 && y <= 258), JSON.stringify(dots));
  assertStringIncludes(lineChart([], { title: "t", x: "x", y: "y" }), "</svg>");
});

Deno.test("rocChart draws each curve and chance", () => {
  const svg = rocChart([{ name: "a (0.95)", fpr: [0, 0, 1], tpr: [0, 1, 1] }]);
  assertEquals([...svg.matchAll(/ fill="none" /g)].length, 2);
  assertStringIncludes(svg, "a (0.95)");
});

Deno.test("a chart has a background and curves of its own in light and in dark", () => {
  const svg = lineChart([{ name: "a", points: [[0, 1]] }], {
    title: "t",
    x: "x",
    y: "y",
    width: 420,
    height: 300,
  });
  assertMatch(svg, /<\/style><rect class="paper" width="420" height="322"\/>/);
  const [, light, dark] = /<style>(.*)@media\(prefers-color-scheme:dark\)\{(.*)\}<\/style>/.exec(svg)!;
  const colour = (scheme: string, name: string) =>
    new RegExp(`\\.${name}\\{(?:fill|stroke|color):#(\\w{6})`).exec(scheme)![1];
  for (const scheme of [light, dark]) {
    const paper = luminance(colour(scheme, "paper"));
    for (const name of ["ink", "soft", "grey", "c0", "c1", "c2", "c3", "c4", "c5"]) {
      const ink = luminance(colour(scheme, name));
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      assert(contrast >= 4.5, `${name} ${contrast}`);
    }
  }
});

/** Relative luminance of sRGB hex digits (WCAG 2). */
function luminance(hex: string): number {
  const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

Deno.test("a legend has as many columns as its names allow, and leaves out the middle of a long path", () => {
  const places = (...names: string[]) => {
    const svg = lineChart(names.map((name) => ({ name, points: [] })), { title: "t", x: "x", y: "y" });
    return [...svg.matchAll(/<text class="ink" x="(\d+)" y="(\d+)">([^<]*)/g)]
      .map(([, x, y, text]) => [+x, +y, text]);
  };
  assertEquals(places("a", "b", "c"), [[75, 310, "a"], [165, 310, "b"], [255, 310, "c"]]);
  assertEquals(places("a", "b", "shard-c (0.950)").map(([x]) => x), [75, 255, 75]);
  const path = `/srv/${"x".repeat(80)}/shard-a (0.950)`;
  const [first, second] = places(path, "b");
  assertEquals([first.slice(0, 2), second], [[75, 310], [75, 328, "b"]]);
  assertMatch(String(first[2]), /^\/srv\/x+…x+\/shard-a \(0\.950\)$/);
  assertEquals(String(first[2]).length, 46);
});

Deno.test("a dozen curves are told apart: who shares a colour has other dashes, in the legend too", () => {
  const series = Array.from(
    { length: 12 },
    (_, at) => ({ name: `h${at}`, points: [[0, at], [1, at]] as const }),
  );
  const svg = lineChart(series, { title: "t", x: "round", y: "y" });
  const looks = [
    ...svg.matchAll(/<g class="(c\d)"><path [^>]*?stroke-width="1.8"( stroke-dasharray="[^"]*")?\/><circle/g),
  ];
  assertEquals(looks.length, 12);
  assertEquals(new Set(looks.map(([, colour, dashes]) => colour + dashes)).size, 12);
  const marks = [...svg.matchAll(/<g class="(c\d)"><(?:rect|path d="M[\d ]+h10")([^>]*)\/><\/g><text/g)];
  assertEquals(marks.length, 12);
});
