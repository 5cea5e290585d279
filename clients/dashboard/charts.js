// The charts: a number in large, and its last five minutes as a line. A pointer on one shows that moment in all.

import { clock, el, svg, write } from "./dom.js";
import { measures } from "./measures.js";
import { gapAfter } from "./stats.js";

const spans = [60, 120, 300]; // seconds that the charts show: the first that holds all that there is
const [width, height] = [300, 100]; // of a picture, in its own units

class Chart {
  #measure;
  #points = []; // {time, at: a number or null for each line}
  #span = spans[0];
  #note = "";
  #paths;
  #area = svg("path", { class: "area" });
  #hair = svg("line", { class: "hair", y1: 0, y2: height, hidden: true });
  #numbers;
  #range = el("p", { class: "range" });
  #picture;

  constructor(measure, point) {
    this.#measure = measure;
    this.#paths = measure.lines.map((_, i) => svg("path", { class: `line l${i}` }));
    this.#numbers = measure.lines.map(() => el("b", {}, "–"));
    this.#picture = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
      pointermove: (event) => point(1 - event.offsetX / this.#picture.clientWidth),
      pointerleave: () => point(null),
    }, this.#area, ...this.#paths, this.#hair);
  }

  get figure() {
    const { title, unit, about, wide, alarm } = this.#measure;
    const kind = `card chart${wide ? " wide" : ""}${alarm ? " alarming" : ""}`;
    return el("figure", { class: kind, title: about },
      el("figcaption", {}, el("strong", {}, title), " ", el("small", { class: "soft" }, unit)),
      el("p", { class: "numbers" }, ...this.#legend((line) => line.main)),
      this.#picture, this.#range,
      ...(this.#measure.lines.some((line) => !line.main)
        ? [el("p", { class: "legend" }, ...this.#legend((line) => !line.main))] : []));
  }

  #legend(wanted) {
    return this.#measure.lines.flatMap((line, i) => {
      if (!wanted(line)) return [];
      const name = line.name && this.#measure.lines.length > 1 ? el("small", { class: `key l${i}` }, line.name) : "";
      return [el("span", {}, this.#numbers[i], name)];
    });
  }

  add(stats) {
    this.#points = withPoint(this.#points, { time: stats.time, at: this.#measure.lines.map((line) => line.of(stats)) });
    this.#span = spans.find((seconds) => seconds * 1000 >= stats.time - this.#points[0].time);
    this.#note = this.#measure.note?.(stats) ?? "";
  }

  draw() {
    const known = this.#points.flatMap(({ at }) => at).filter((n) => n !== null);
    const top = Math.max(...known, 0);
    const of = (line) => runs(this.#points, line, (time) => this.#x(time), top);
    this.#paths.forEach((path, i) => path.setAttribute("d", of(i).map(stroke).join("")));
    this.#area.setAttribute("d", of(0).map(fillBelow).join(""));
    this.#describe(this.#points.flatMap(({ at }) => at.filter((n, i) => n !== null && this.#measure.lines[i].main)));
  }

  #x(time) {
    return width * (1 - (this.#points.at(-1).time - time) / 1000 / this.#span);
  }

  #describe(known) {
    const { title, unit, format, lines } = this.#measure;
    const [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [null, null];
    write(this.#range, [`${format(least)} to ${format(most)}`, this.#note].filter(Boolean).join(" · "));
    const now = lines.map((line, i) => `${line.name ?? ""} ${format(this.#points.at(-1).at[i])}`.trim()).join(", ");
    this.#picture.setAttribute("aria-label",
      `${title}, ${unit}: now ${now}; before that from ${format(least)} to ${format(most)}`);
  }

  /** Shows the numbers of a moment, given as its share of the way back, or of now. */
  show(share) {
    const last = this.#points.at(-1);
    if (!last) return;
    const point = share === null ? last : nearest(this.#points, last.time - share * this.#span * 1000);
    point.at.forEach((n, i) => write(this.#numbers[i], this.#measure.format(n)));
    this.#hair.toggleAttribute("hidden", share === null);
    this.#hair.setAttribute("x1", this.#x(point.time));
    this.#hair.setAttribute("x2", this.#x(point.time));
    return point.time;
  }
}

/** The points with a new last one: none is too old, and none is after it, as some are when the daemon's clock is put back. */
export const withPoint = (points, point) =>
  [...points.filter(({ time }) => time < point.time && point.time - time <= spans.at(-1) * 1000), point];

function nearest(points, time) {
  return points.reduce((best, point) => (Math.abs(point.time - time) < Math.abs(best.time - time) ? point : best));
}

/** The stretches of a line without a hole, as [x, y] each. */
function runs(points, line, xOf, top) {
  const all = [];
  let last = -Infinity;
  for (const { time, at } of points) {
    if (at[line] === null) continue;
    const y = height - 2 - (top ? at[line] / top : 0) * (height - 6);
    if (time - last > gapAfter) all.push([]);
    all.at(-1).push([xOf(time).toFixed(1), y.toFixed(1)]);
    last = time;
  }
  return all;
}

const stroke = (run) => `M${run.join("L")}` + (run.length === 1 ? "h.1" : "");

const fillBelow = (run) => `M${run[0][0]},${height}L${run.join("L")}V${height}Z`;

/** Fills a place with the charts. Returns `add`, which takes the Stats when there are new ones, and `draw`, which shows what
 * was added. */
export function showCharts(place, hint) {
  const usual = hint.textContent;
  let held = null; // the share that a pointer is at
  const charts = measures.map((measure) => new Chart(measure, point));
  function point(share) {
    held = share;
    const times = charts.map((chart) => chart.show(share));
    write(hint, share !== null && times[0] ? `at ${clock(times[0])}` : usual);
  }
  place.replaceChildren(...charts.map((chart) => chart.figure));
  return {
    add: (stats) => charts.forEach((chart) => chart.add(stats)),
    draw() {
      for (const chart of charts) chart.draw();
      point(held);
    },
  };
}
