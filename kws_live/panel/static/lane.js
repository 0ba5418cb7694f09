// A word's last minutes as lines: vectors cost nothing while they stand still, and have no layers of their own.

import { svg } from "./draw.js";

const PATHS = ["ground", "area", "line", "threshold", "near", "fired", "gone", "come"];
const EDGE = 4; // dots at the top and the bottom stay inside
const HOP_SECONDS = 0.08;

export class Lane {
  #paths = {};

  constructor() {
    this.element = svg("svg", { class: "lane", role: "img" });
    for (const name of PATHS) this.element.append((this.#paths[name] = svg("path", { class: name })));
  }

  /**
   * Draw what has changed.
   * @param {object} view  record and index of the word, seconds shown, width and height in pixels
   * @param {number} threshold
   * @param {object[]} events  the word's
   * @param {object[]} fates  what other settings would have made of them
   */
  draw({ record, index, seconds, width, height }, threshold, events, fates) {
    const perPixel = (seconds * record.rate) / width;
    const begin = perPixel * Math.floor((record.position - seconds * record.rate) / perPixel); // moved by whole pixels
    const x = (position) => (position - begin) / perPixel;
    const y = (score) => (EDGE + (height - 2 * EDGE) * (1 - score)).toFixed(1);
    const line = through(highest(record, index, begin, x, width), y);
    this.#draw("ground", `M0 ${y(0)}H${width}`);
    this.#draw("area", `M0 ${y(0)}L${line}L${width} ${y(0)}`);
    this.#draw("line", `M${line}`);
    this.#draw("threshold", `M0 ${y(threshold)}H${width}`);
    const lost = new Set(fates.filter((one) => one.fate === "gone").map((one) => one.position));
    const at = (ones, mark) => ones.filter((one) => one.position >= begin)
      .map((one) => `M${x(one.position).toFixed(1)} ${y(one.score)}${mark}`).join("");
    this.#draw("near", at(events.filter((one) => one.type === "near_miss"), RING));
    this.#draw("fired", at(events.filter((one) => one.type === "detection" && !lost.has(one.position)), DOT));
    this.#draw("gone", at(fates.filter((one) => one.fate === "gone"), CROSS));
    this.#draw("come", at(fates.filter((one) => one.fate === "come"), PLUS));
  }

  #draw(name, shape) {
    const path = this.#paths[name];
    if (path.getAttribute("d") !== shape) path.setAttribute("d", shape);
  }
}

const RING = "m-3.25 0a3.25 3.25 0 1 0 6.5 0a3.25 3.25 0 1 0 -6.5 0";
const DOT = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0";
const CROSS = "m-4 -4l8 8m0 -8l-8 8";
const PLUS = "m-5 0h10m-5 -5v10";

/** The highest score that falls into each pixel. */
function highest(record, index, begin, x, width) {
  const { positions, rate } = record;
  const scores = record.scores[index];
  const heights = new Float32Array(Math.ceil(width) + 1);
  for (let hop = record.index(begin); hop < positions.length; hop++) {
    const from = Math.max(0, Math.floor(x(positions[hop])));
    const until = Math.min(heights.length - 1, Math.floor(x(positions[hop] + HOP_SECONDS * rate)));
    for (let column = from; column <= until; column++) heights[column] = Math.max(heights[column], scores[hop]);
  }
  return heights;
}

/** A line through the heights, with no point where it goes straight on. */
function through(heights, y) {
  const points = [];
  heights.forEach((height, column) => {
    if (height !== heights[column - 1] || height !== heights[column + 1]) points.push(`${column + 0.5} ${y(height)}`);
  });
  return points.join("L");
}
