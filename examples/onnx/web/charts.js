// Charts as SVG; their colours are in style.css.

import { bandLimits } from "./scoring.js";
import { number, say } from "./text.js";

const WIDTH = 560;
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 8, 22, 24];

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function chart(height, label, ...children) {
  const title = svg("title", {}, label);
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", class: "chart" }, title, ...children);
}

const text = (x, y, anchor, kind, content) => svg("text", { x, y, "text-anchor": anchor, class: kind }, content);
const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });
const bar = (x, y, width, height, kind, ...children) =>
  svg("rect", { x, y, width: Math.max(width, 0.1), height: Math.max(height, 0), class: kind }, ...children);

// Round numbers from low to high, about so many.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high * (1 + 1e-9); place += 1) found.push(place * step);
  return found;
}

// Scores of normal clips as a histogram, with the threshold and the score; one that is far out stands at the edge.
export function calibrationChart(calibration, threshold, score, anomalous) {
  const height = 150;
  const floor = height - BOTTOM;
  const sorted = Float64Array.from(calibration).sort();
  const [lowest, highest] = [sorted[0], sorted.at(-1)];
  const extent = Math.max(highest - lowest, Math.abs(highest) * 1e-6, 1e-12);
  const clamp = (value) => Math.min(Math.max(value, lowest - 2 * extent), highest + 2 * extent);
  const ends = [lowest, highest, clamp(score), clamp(threshold)];
  const margin = 0.03 * Math.max(Math.max(...ends) - Math.min(...ends), extent);
  const [from, to] = [Math.min(...ends) - margin, Math.max(...ends) + margin];
  const x = (value) => LEFT + ((clamp(value) - from) / (to - from)) * (WIDTH - LEFT - RIGHT);

  const bins = Math.min(30, Math.max(8, Math.round(Math.sqrt(calibration.length) * 1.5)));
  const counts = new Array(bins).fill(0);
  sorted.forEach((value) => {
    counts[Math.min(bins - 1, Math.floor(((value - lowest) / extent) * bins))] += 1;
  });
  const most = Math.max(...counts);
  const step = (x(lowest + extent) - x(lowest)) / bins;
  const bars = counts.map((count, bin) => {
    const size = (count / most) * (floor - TOP - 14);
    return bar(x(lowest) + bin * step + 0.5, floor - size, step - 1, size, "normal-bar");
  });
  const scale = ticks(from, to, 6).map((value) => text(x(value), height - 7, "middle", "tick", number(value)));
  // of its line, where the threshold's label stands
  const side = (score > threshold || x(threshold) > WIDTH - RIGHT - 110) && x(threshold) > LEFT + 90 ? -1 : 1;
  const beyond = clamp(score) !== score;
  const sign = score > threshold ? "→" : "←";
  const label = `${say("here")}: ${number(score)}${beyond ? ` ${sign}` : ""}`;
  const anchor = (value) => (x(value) > WIDTH * 0.7 ? "end" : x(value) < WIDTH * 0.3 ? "start" : "middle");
  return chart(
    height,
    say("calibration"),
    ...bars,
    line(LEFT, floor, WIDTH - RIGHT, floor, "axis"),
    ...scale,
    line(x(threshold), TOP + 14, x(threshold), floor, "threshold"),
    text(x(threshold) + 4 * side, TOP + 10, side < 0 ? "end" : "start", "tick", `${say("threshold")} ${number(threshold)}`),
    line(x(score), TOP - 4, x(score), floor, `mark ${anomalous ? "bad" : "good"}`),
    text(x(score), TOP - 8, anchor(score), `mark-label ${anomalous ? "bad" : "good"}`, label),
  );
}

// Bars of the mel bands in standard deviations of normal clips; those of the unusual regions stand out.
export function bandsChart({ short, deviations }, regions, centres, anomalous) {
  const height = 190;
  const [top, floor] = [12, height - BOTTOM];
  const limits = bandLimits(centres);
  const high = Math.max(3, ...deviations) * 1.05;
  const low = Math.min(-3, ...deviations) * 1.05;
  const y = (value) => top + ((high - value) / (high - low)) * (floor - top);
  const width = (WIDTH - LEFT - RIGHT) / deviations.length;
  const inRegion = (band) => regions.some((one) => one.short === short && one.first <= band && band <= one.last);
  const bars = deviations.map((value, band) => {
    const title = svg("title", {}, `${limits[band].toFixed(0)}–${limits[band + 1].toFixed(0)} Hz: ${number(value, 2)}`);
    const [upper, lower] = [y(Math.max(value, 0)), y(Math.min(value, 0))];
    const kind = inRegion(band) ? `band unusual ${anomalous ? "bad" : ""}` : "band";
    return bar(LEFT + band * width + 0.4, upper, width - 0.8, Math.max(lower - upper, 0.5), kind, title);
  });
  const grid = ticks(low, high, 5).flatMap((value) => [
    line(LEFT, y(value), WIDTH - RIGHT, y(value), value === 0 ? "axis" : "grid"),
    text(LEFT - 6, y(value) + 4, "end", "tick", number(value)),
  ]);
  const scale = [250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000].map((value) => {
    const band = limits.findLastIndex((limit) => limit <= value);
    const inside = band >= deviations.length ? 0 : (value - limits[band]) / (limits[band + 1] - limits[band]);
    const place = LEFT + (band + inside) * width;
    return text(place, height - 7, value === 8000 ? "end" : "middle", "tick", value < 1000 ? value : `${value / 1000}k`);
  });
  return chart(height, say(short ? "shortSounds" : "bands"), ...grid, ...bars, ...scale, text(0, height - 7, "start", "tick", "Hz"));
}
