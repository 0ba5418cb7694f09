// Events and moments: why a word fired or did not, its sound, and the user's verdict.

import { Control } from "./control.js";
import { $, bytes, columnsToImage, context, make, play, set } from "./draw.js";
import { clock } from "./record.js";
import { describe } from "./words.js";

const MOST_EVENTS = 60;
const MARKS = { right: "correct", wrong: "false accept", missed: "missed" };

export class Why {
  #moment = null;
  #image = null;
  #player = new Audio();
  #waiting = [];
  #saving;

  constructor(connection) {
    this.connection = connection;
    $("play").addEventListener("click", () => play(this.#player));
    $("earlier").addEventListener("click", () => this.#step(-1));
    $("later").addEventListener("click", () => this.#step(1));
    $("right").addEventListener("click", () => this.#mark("right", this.#moment.event.position, this.#moment.word));
    $("wrong").addEventListener("click", () => this.#mark("wrong", this.#moment.event.position, this.#moment.word));
    $("missed").addEventListener("click", () => this.#mark("missed", this.#moment.position, $("missed-word").value));
    this.#saving = new Control($("saving"), (on) => connection.ask("saving", { on }));
    $("refit").addEventListener("click", () => this.#refit());
    $("events").addEventListener("pointerleave", () => this.#showFresh());
    $("events").addEventListener("focusout", () => requestAnimationFrame(() => this.#showFresh()));
    $("fresh").addEventListener("click", () => this.#showFresh());
  }

  begin(record, hello) {
    this.record = record;
    this.#waiting = [];
    $("moment").hidden = true;
    $("fits").replaceChildren();
    this.#listMarks();
    $("sentence").textContent = "Choose an event, or click a score curve above.";
    $("events").replaceChildren(make("li", { className: "empty", textContent: "Nothing yet. Say one of the words." }));
    $("missed-word").replaceChildren(...record.words.map((word) => new Option(word)));
    $("folder").textContent = `${hello.folder}/feedback`;
  }

  frame(frame) {
    this.#waiting.push(...frame.events.filter((event) => event.keyword));
    this.#waiting = this.#waiting.slice(-MOST_EVENTS);
    this.#showFresh();
  }

  /** Put new events on top, but not while the list is being read: the entry under the pointer must not move. */
  #showFresh() {
    const n = this.#waiting.length;
    const reading = $("events").matches(":hover, :focus-within");
    set($("fresh"), "hidden", !(n && reading));
    if (!n) return;
    if (reading) {
      set($("fresh"), "textContent", `${n} new`);
      return;
    }
    const told = this.#waiting.splice(0);
    $("events").querySelector(".empty")?.remove();
    $("events").prepend(...told.map((event) => this.#item(event)).reverse());
    while ($("events").childElementCount > MOST_EVENTS) $("events").lastChild.remove();
  }

  #item(event) {
    const fired = event.type === "detection";
    const button = make("button", { type: "button", className: fired ? "fired" : "near" },
      make("time", { textContent: clock(event.at) }),
      make(fired ? "b" : "span", { textContent: fired ? event.keyword : `${event.keyword}, near miss` }),
      make("span", { textContent: event.score.toFixed(2) }));
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.show(event.moment, event.keyword, event));
    button.dataset.moment = event.moment;
    return make("li", {}, button);
  }

  /** Explain a word at a moment; `event` if there is one. */
  async show(position, word, event = null) {
    const told = await this.connection.ask("why", word ? { position, word } : { position }).catch(() => null);
    if (!told) return;
    this.#moment = { position: told.position, word: told.word, event };
    for (const button of $("events").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(event !== null && button.dataset.moment === String(event.moment)));
    }
    $("sentence").textContent = event?.type === "near_miss" ? nearMiss(event, told) : told.sentence;
    $("moment").hidden = false;
    $("marked").textContent = "";
    const fired = event?.type === "detection";
    $("right").hidden = $("wrong").hidden = !fired;
    $("missed-word").value = told.word;
    $("facts").replaceChildren(...facts(told, event, this.record));
    $("play").disabled = !told.sound;
    if (told.sound) {
      URL.revokeObjectURL(this.#player.src);
      this.#player.src = URL.createObjectURL(new Blob([bytes(told.sound)], { type: "audio/wav" }));
    }
    this.#image = told.mfcc;
    this.#paint();
    $("why").scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  #paint() {
    const [pen, width, height] = context($("mfcc"));
    pen.clearRect(0, 0, width, height);
    if (!this.#image) return;
    const data = bytes(this.#image.data);
    const [rows, columns] = [this.#image.rows, data.length / this.#image.rows];
    const picture = make("canvas", { width: columns, height: rows });
    const inner = picture.getContext("2d");
    inner.putImageData(columnsToImage(inner, data, columns, rows), 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, 0, 0, width, height);
  }

  #step(by) {
    const at = this.record.index(this.#moment.position) + by;
    const position = this.record.positions[at];
    if (position !== undefined) this.show(position, this.#moment.word);
  }

  async #mark(kind, position, word) {
    const saved = await this.connection.ask("mark", { kind, position, word }).catch(() => null);
    if (!saved) return;
    $("marked").textContent = `Saved: ${saved.evidence.sound}`;
    this.#listMarks();
    if (saved.taught && kind === "wrong") this.#offerToUnlearn(position, word);
  }

  /** Show what it would cost a taught word to unlearn that sound, with a button that does it. */
  async #offerToUnlearn(position, word) {
    const cost = await this.connection.ask("not_this", { position, word }).catch(() => null);
    if (!cost) return;
    const unlearn = make("button", { type: "button", textContent: "Unlearn this sound" });
    unlearn.addEventListener("click", async () => {
      unlearn.disabled = true;
      const done = await this.connection.ask("not_this", { position, word, keep: true }).catch(() => null);
      $("marked").textContent = done ? `“${word}” no longer fires on it.` : "Nothing has changed.";
    });
    $("marked").append(". ", cost.told, " ", unlearn);
  }

  /** List the marks so far, each with an undo button. */
  async #listMarks() {
    const answer = await this.connection.ask("marks").catch(() => null);
    if (answer) this.#showMarks(answer.marks);
  }

  #showMarks(marks) {
    $("mark-box").hidden = !marks.length;
    $("mark-count").textContent = `${marks.length} marked`;
    $("marks").replaceChildren(...marks.map(({ kind, word, name }) => {
      const undo = make("button", { type: "button", textContent: "Undo", ariaLabel: `Undo ${kind} ${word}` });
      undo.addEventListener("click", async () => {
        const left = await this.connection.ask("unmark", { name }).catch(() => null);
        if (!left) return;
        this.#showMarks(left.marks);
        $("marked").textContent = `Undone: ${name}`;
      });
      return make("li", {}, make("span", { textContent: `“${word}”: ${MARKS[kind]}` }), undo);
    }));
  }

  status(status) {
    this.#saving.show(status.saving);
    for (const name of ["right", "wrong", "missed"]) set($(name), "disabled", !status.saving);
  }

  async #refit() {
    const answer = await this.connection.ask("refit").catch(() => null);
    if (!answer) return;
    if (!answer.n_evidence) {
      $("fits").replaceChildren(make("p", { className: "note", textContent: "Nothing has been marked yet." }));
      return;
    }
    const head = ["word", "now", "new", "errors now", "new", "marked"];
    const rows = answer.fits.map((fit) => [fit.word, fit.before.toFixed(2), fit.after.toFixed(2), fit.mistakes_before,
      fit.mistakes_after, `${fit.n_for} said, ${fit.n_against} not said`]);
    const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, { textContent: value })));
    const table = make("table", {}, make("thead", {}, cells("th", head)), make("tbody", {}, ...rows.map((row) => cells("td", row))));
    const nothing = Object.keys(answer.values).length === 0;
    const said = make("p", { className: "note", textContent: nothing ? "No other thresholds have fewer errors." : describe(answer.hindsight) });
    const apply = make("button", { type: "button", className: "primary", textContent: "Use these thresholds", hidden: nothing });
    apply.addEventListener("click", async () => {
      await this.connection.tell("thresholds", { values: answer.values });
      $("fits").replaceChildren(make("p", { className: "note", textContent: "The new thresholds are in use." }));
    });
    $("fits").replaceChildren(table, said, apply);
  }
}

function nearMiss(event, told) {
  // The reason became known only after the word's peak.
  return told.reason === "BELOW" || !told.final
    ? `“${event.keyword}” came to ${event.score.toFixed(2)} (threshold ${event.threshold.toFixed(2)}), but ${event.reason}.`
    : told.sentence;
}

function facts(told, event, record) {
  const shares = told.top.map(({ label, score }) => {
    const bar = make("i");
    bar.style.transform = `scaleX(${score})`;
    return make("span", { className: "share" }, label, bar, score.toFixed(2));
  });
  const [first, second] = told.opinions;
  const pairs = [
    ["Moment", [`${clock(told.at)}, ${told.seconds.toFixed(2)} s after the start`]],
    ["Gate", [told.gate_open ? "open" : "closed: nothing was scored"]],
    ["Loudest", [`${told.level.toFixed(0).replace("-", "−")} dB in this second`]],
    ...(event?.level_db == null ? [] : [["Sound", [sound(event, record.rate)]]]),
    ["Score", [`${told.score.toFixed(2)} for “${told.word}”, threshold ${told.threshold.toFixed(2)}`]],
    ["Mode", [told.mode === "command" ? "command: words said alone" : "spotting: words anywhere"]],
    ["Refractory", [`${told.refractory_seconds} s after a word`]],
    ["Top labels", shares.length ? shares : ["not scored"]],
    ...(told.opinions.length ? [["Networks", [`“${told.word}”: ${first.toFixed(2)} by the first, ${second.toFixed(2)} by the second`]]] : []),
  ];
  return pairs.flatMap(([name, values]) => [make("dt", { textContent: name }), make("dd", {}, ...values)]);
}

function sound(event, rate) {
  const seconds = (event.word_end_position - event.word_begin_position) / rate;
  const level = event.level_db.toFixed(0).replace("-", "−");
  return `${seconds.toFixed(2)} s long, ${level} dB, ${event.snr_db.toFixed(0)} dB above the room`;
}
