// The level, the spectrogram and the microphone.

import { Control } from "./control.js";
import { $, bytes, columnsToImage, onRestyle, set } from "./draw.js";

const N_COLUMNS = 500;
const LOWEST_DB = -60;

export class Now {
  #rows = 1;
  #data = new Uint8Array(0);
  #held = LOWEST_DB;
  #level = LOWEST_DB;
  #loop;
  #model;
  #source;

  constructor(connection) {
    this.connection = connection;
    $("source").addEventListener("pointerdown", () => this.list());
    $("source").addEventListener("focus", () => this.list());
    this.#source = new Control($("source"), (name) => connection.ask("source", { name }), { put: (name) => select(name) });
    $("model").addEventListener("pointerdown", () => this.listModels());
    this.#model = new Control($("model"), (name) => connection.ask("use_model", { name }));
    this.#loop = new Control($("loop"), (on) => connection.ask("loop", { on }));
    $("play-again").addEventListener("click", () => connection.tell("play"));
    $("choose-source").addEventListener("click", () => $("source").focus());
    onRestyle(() => this.#repaint());
  }

  begin(hello) {
    this.listModels();
    this.#rows = hello.n_rows;
    this.#data = new Uint8Array(0);
    $("spectrogram").width = N_COLUMNS; // as many pixels as there is sound, whatever the size on the screen
    $("spectrogram").height = this.#rows;
    this.#repaint();
  }

  /** Request the list of microphones. */
  async list() {
    const { choices } = await this.connection.ask("sources").catch(() => ({ choices: [] }));
    const select = $("source");
    const now = select.selectedOptions[0]?.textContent;
    const rest = choices.filter((choice) => choice.name !== now);
    const current = choices.find((choice) => choice.name === now) ?? { source: "", name: now };
    select.replaceChildren(...[current, ...rest].map(({ source, name }) => new Option(name, source)));
  }

  /** Request the list of models. */
  async listModels() {
    const answer = await this.connection.ask("models").catch(() => null);
    if (!answer) return;
    const shown = [...$("model").options].map((option) => option.value);
    // An open list is not replaced.
    if (shown.join() !== answer.names.join()) {
      const chosen = $("model").value;
      $("model").replaceChildren(...answer.names.map((name) => new Option(name, name, false, name === chosen)));
    }
    this.#model.show(answer.now);
  }

  /** Show the state of the source and what can be done with it. */
  status(status) {
    this.#source.show(status.source);
    set($("meter"), "ariaValueNow", String(Math.round(Math.max(this.#level, LOWEST_DB))));
    set($("meter"), "ariaValueText", `${Math.round(this.#level)} decibels`);
    set($("play-again"), "hidden", !(status.ended && status.can_play));
    set($("choose-source"), "hidden", !status.ended || status.is_over);
    set($("loop-field"), "hidden", !status.can_play);
    this.#loop.show(status.loops);
  }

  frame(frame) {
    const meter = $("meter");
    // Without input the last level is not shown on.
    const level = frame.silent ? LOWEST_DB : frame.level;
    const share = (db) => Math.min(1, Math.max(0, 1 - db / LOWEST_DB)).toFixed(2);
    this.#held = Math.max(frame.silent ? LOWEST_DB : frame.peak, this.#held - 2.4); // 15 dB a second
    meter.querySelector(".meter-level").style.transform = `scaleX(${share(level)})`;
    meter.querySelector(".meter-peak").style.backgroundPositionX = `${100 * share(this.#held)}%`;
    meter.classList.toggle("clipping", frame.clipping);
    this.#level = level;
    const note = !frame.silent && frame.clipping
      ? "Too loud: the audio clips. Lower the input level, or move away from the microphone."
      : "";
    set($("level-note"), "textContent", note);
    $("level-note").classList.toggle("alarm", note !== "");
    this.#scroll(bytes(frame.columns.data));
  }

  /** Reset the meter when the connection is lost. */
  silent() {
    const meter = $("meter");
    meter.querySelector(".meter-level").style.transform = "scaleX(0)";
    meter.querySelector(".meter-peak").style.backgroundPositionX = "0";
    this.#held = LOWEST_DB;
  }

  #scroll(fresh) {
    const n = fresh.length / this.#rows;
    if (!n) return;
    const kept = this.#data.subarray(Math.max(0, this.#data.length + fresh.length - N_COLUMNS * this.#rows));
    const joined = new Uint8Array(kept.length + fresh.length);
    joined.set(kept);
    joined.set(fresh, kept.length);
    this.#data = joined;
    const pen = $("spectrogram").getContext("2d");
    pen.drawImage($("spectrogram"), -n, 0);
    pen.putImageData(columnsToImage(pen, fresh, n, this.#rows), N_COLUMNS - n, 0);
  }

  #repaint() {
    const pen = $("spectrogram").getContext("2d");
    pen.clearRect(0, 0, N_COLUMNS, this.#rows);
    const n = this.#data.length / this.#rows;
    if (n) pen.putImageData(columnsToImage(pen, this.#data, n, this.#rows), N_COLUMNS - n, 0);
  }
}

/** Show a source by its name; it may be one that was never offered. */
function select(name) {
  const sources = $("source");
  if (sources.selectedOptions[0]?.textContent === name) return;
  const there = [...sources.options].find((option) => option.textContent === name);
  if (there) there.selected = true;
  else sources.prepend(new Option(name, "", true, true));
}
