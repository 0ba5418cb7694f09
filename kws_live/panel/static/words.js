// One row per word: its switch, its score and threshold on one scale, and its last minutes.

import { Control } from "./control.js";
import { $, cssColour, hue, make } from "./draw.js";
import { Lane } from "./lane.js";

const GLOBALS = ["mode", "refractory_seconds", "gate_mode", "pause_before_seconds", "pause_after_seconds", "smoothing_hops",
  "evidence", "evidence_beside_sound"];
const LANE_MS = 400; // shortest time between two drawings of a curve
const LANE_PIXELS = 500;

export class Words {
  #rows = [];
  #fates = [];
  #drawnAt = 0;
  #pending = new Map();
  #asking = false;
  #askAgain = false;
  #settings = null;
  #globals;
  #sensitivity;
  #sending = null;
  #shiftFrom = null;
  #size = { width: 0, height: 0 }; // of each lane
  #sizes;

  constructor(connection, onMoment) {
    this.connection = connection;
    this.onMoment = onMoment;
    $("span").addEventListener("change", () => this.#drawAll());
    $("reset").addEventListener("click", () => connection.tell("reset"));
    const change = (name) => (text) => connection.ask("change", { name, value: typed(name, text) });
    this.#globals = GLOBALS.map((name) => [name, new Control($(name), change(name))]);
    this.#sensitivity = new Control($("sensitivity"), (by) => this.#shift(Number(by)), { event: "input" });
    $("sensitivity").addEventListener("change", () => (this.#shiftFrom = null));
    this.#sizes = new ResizeObserver(([{ contentRect: { width, height } }]) => {
      this.#size = { width, height };
      this.#drawAll();
    });
  }

  /** Seconds shown: as chosen, but never much more than there are. */
  get #span() {
    const chosen = Number(document.querySelector("#span input:checked").value);
    const { positions, position, rate } = this.record;
    const known = positions.length ? (position - positions[0]) / rate : 0;
    return Math.min(chosen, Math.max(60, 30 * Math.ceil(known / 30)));
  }

  begin(record) {
    this.record = record;
    this.#fates = [];
    this.#rows = record.words.map((word, index) => this.#row(word, hue(index, record.words.length)));
    $("rows").replaceChildren(...this.#rows.map((row) => row.element));
    this.#sizes.disconnect();
    this.#sizes.observe(this.#rows[0].lane.element);
  }

  #row(word, angle) {
    const box = make("input", { type: "checkbox", checked: true });
    const name = make("label", { className: "name" }, box, word);
    const peak = make("i", { className: "peak" });
    const score = make("i");
    const slider = make("input", { type: "range", min: 0.01, max: 1, step: 0.01, value: 1 });
    slider.setAttribute("aria-label", `Threshold of ${word}`);
    const value = make("output");
    const usual = make("i", { className: "usual" });
    const back = make("button", { type: "button", className: "back", textContent: "↺" });
    back.setAttribute("aria-label", `Reset ${word}`);
    const track = make("div", { className: "track" }, make("div", { className: "bar" }, peak, score), usual, slider);
    const dial = make("div", { className: "dial" }, track, value, back);
    const lane = new Lane();
    const count = make("p", { className: "count" });
    const element = make("li", { className: "row" }, name, dial, lane.element, count);
    element.style.setProperty("--colour", cssColour(angle));
    element.dataset.word = word;
    const row = { word, angle, element, peak, score, slider, value, usual, back, lane, count, index: this.record.words.indexOf(word) };
    row.limit = new Control(slider, () => this.#slide(row), { event: "input", put: (value) => this.#set(row, value) });
    slider.addEventListener("pointerdown", () => (row.dragged = true));
    for (const kind of ["pointerup", "pointercancel", "blur"]) slider.addEventListener(kind, () => (row.dragged = false));
    back.addEventListener("click", () => this.connection.tell("threshold", { word, value: row.usualValue }));
    row.listens = new Control(box, (on) => this.connection.ask("listen", { word, on }));
    lane.element.addEventListener("click", (event) => this.#click(row, event));
    return row;
  }

  /** Send the newest value of a slider, at most once per animation frame. */
  #slide(row) {
    this.#label(row, Number(row.slider.value));
    this.#draw(row);
    this.#pending.set(row.word, Number(row.slider.value));
    this.#sending ??= new Promise(requestAnimationFrame).then(() => this.#sendAll());
    return this.#sending;
  }

  #sendAll() {
    const answers = [...this.#pending].map(([word, value]) => this.connection.ask("threshold", { word, value }));
    this.#pending.clear();
    this.#sending = null;
    this.hindsight();
    return Promise.all(answers);
  }

  /** One slider for all: every threshold moves by the same amount, from where it was when the drag began. */
  #shift(by) {
    this.#shiftFrom ??= { by: this.#mean(), values: this.#rows.map((row) => Number(row.slider.value)) };
    this.#rows.forEach((row, index) => {
      const value = this.#shiftFrom.values[index] - (by - this.#shiftFrom.by);
      row.slider.value = Math.min(1, Math.max(0.01, value));
      row.limit.hold(this.#slide(row));
    });
    return this.#sending;
  }

  /** How much lower than the defaults the thresholds are, on average. */
  #mean() {
    const { thresholds, defaults } = this.#settings;
    const lower = Object.keys(thresholds).map((word) => defaults.thresholds[word] - thresholds[word]);
    return lower.reduce((sum, value) => sum + value, 0) / lower.length;
  }

  #set(row, value) {
    row.slider.value = value;
    this.#label(row, Number(value));
  }

  #label(row, value) {
    row.value.textContent = value.toFixed(2);
    row.slider.setAttribute("aria-valuetext", value.toFixed(2));
  }

  /** Show the settings, wherever they were changed; a slider being dragged is left alone. */
  settings(settings, first) {
    this.#settings = settings;
    for (const row of this.#rows) {
      const value = settings.thresholds[row.word];
      row.limit.show(value, row.dragged);
      row.usualValue = settings.defaults.thresholds[row.word];
      row.usual.style.left = `calc(0.4375rem + ${row.usualValue} * (100% - 0.875rem))`;
      row.usual.title = `Default: ${row.usualValue.toFixed(2)}`;
      row.back.hidden = Math.abs(value - row.usualValue) < 0.005;
      row.listens.show(settings.listens[row.word]);
      row.element.classList.toggle("off", !settings.listens[row.word]);
    }
    for (const [name, control] of this.#globals) {
      control.show(settings[name] ?? "", document.activeElement === $(name) && $(name).tagName !== "SELECT");
      const note = document.querySelector(`[data-default="${name}"]`);
      const usual = settings.defaults[name] ?? "";
      const shown = $(name).tagName === "SELECT" ? [...$(name).options].find((one) => one.value === String(usual)).textContent : usual;
      if (note) note.textContent = `Default: ${shown}.`;
    }
    this.#sensitivity.show(this.#mean(), this.#shiftFrom !== null);
    this.#drawAll();
    // After a reload the effect of changed settings is shown again.
    if (!first || this.#rows.some((row) => !row.back.hidden)) this.hindsight();
  }

  /** Request the effect of these settings on the last ten minutes; one request at a time. */
  async hindsight() {
    this.#askAgain = true;
    if (this.#asking) return;
    this.#asking = true;
    while (this.#askAgain) {
      this.#askAgain = false;
      const answer = await this.connection.ask("hindsight", { values: {} }).catch(() => null);
      if (answer) this.showHindsight(answer);
    }
    this.#asking = false;
  }

  showHindsight(answer) {
    this.#fates = answer.events;
    for (const row of this.#rows) {
      row.come = answer.counts.come[row.word] ?? 0;
      row.gone = answer.counts.gone[row.word] ?? 0;
    }
    $("hindsight").textContent = describe(answer);
    this.#drawAll();
  }

  frame(frame) {
    for (const row of this.#rows) {
      row.score.style.transform = `scaleX(${frame.scores[row.index].toFixed(2)})`;
      row.peak.style.transform = `scaleX(${frame.peaks[row.index].toFixed(2)})`;
      row.element.classList.toggle("over", frame.peaks[row.index] >= row.slider.value);
    }
    const told = new Set(frame.events.map((event) => event.keyword));
    // Not before the curves have moved by a pixel.
    if (performance.now() - this.#drawnAt > Math.max(LANE_MS, (1000 * this.#span) / LANE_PIXELS)) this.#drawAll();
    else this.#rows.filter((row) => told.has(row.word)).forEach((row) => this.#draw(row));
  }

  #drawAll() {
    if (!this.record) return;
    this.#drawnAt = performance.now();
    this.#rows.forEach((row) => this.#draw(row));
    const clock = (seconds) => `−${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
    const marks = [clock(this.#span), clock(this.#span / 2), "now"];
    if ($("axis").firstChild?.textContent !== marks[0]) {
      $("axis").replaceChildren(...marks.map((mark) => make("i", { textContent: mark })));
    }
  }

  #draw(row) {
    if (!this.#size.width) return;
    const mine = this.record.events.filter((event) => event.keyword === row.word);
    const fates = this.#fates.filter((one) => one.word === row.word);
    row.lane.draw({ ...this.#size, record: this.record, index: row.index, seconds: this.#span }, row.slider.value, mine, fates);
    this.#count(row);
  }

  #count(row) {
    const fired = this.record.detections(row.word).length;
    const [come, gone] = [row.come ?? 0, row.gone ?? 0];
    const shown = `${fired} ${come} ${gone}`;
    if (row.shown === shown) return;
    row.shown = shown;
    row.count.replaceChildren(make("b", { textContent: fired }), " fired");
    if (come) row.count.append(" ", make("span", { className: "come", textContent: `+${come}` }));
    if (gone) row.count.append(" ", make("span", { className: "gone", textContent: `−${gone}` }));
    const said = `Score of ${row.word} over the last minutes; it fired ${fired} times.`;
    row.lane.element.setAttribute("aria-label", said);
  }

  #click(row, event) {
    const { position, rate } = this.record;
    const perPixel = (this.#span * rate) / this.#size.width;
    const at = position - (this.#size.width - event.offsetX) * perPixel;
    // A pixel may cover seconds, so use the peak near the pointer.
    const reach = Math.max(4 * perPixel, 0.08 * rate);
    const near = this.record.events.filter((one) => one.keyword === row.word && Math.abs(one.position - at) < reach);
    const meant = near.at(-1)?.moment ?? this.record.peak(row.index, at - reach, at + reach);
    if (meant !== null) this.onMoment(meant, row.word, near.at(-1));
  }
}

/** A setting as it is sent. */
function typed(name, text) {
  if (name === "mode") return text;
  return text === "" ? null : Number(text);
}

export function describe(answer) {
  const total = (fate) => Object.values(answer.counts[fate]).reduce((sum, n) => sum + n, 0);
  const [stayed, come, gone] = ["stayed", "come", "gone"].map(total);
  const minutes = answer.seconds / 60;
  const span = minutes >= 1.5 ? `${minutes.toFixed(0)} minutes` : `${answer.seconds.toFixed(0)} seconds`;
  const events = `${stayed + come} event${stayed + come === 1 ? "" : "s"}`;
  const changes = come || gone ? `${stayed} unchanged, ${come} added, ${gone} lost` : "no change";
  return `With these settings the last ${span} would have had ${events}: ${changes}.`;
}
