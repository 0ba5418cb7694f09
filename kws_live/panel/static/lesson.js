// Teach a word: when to speak, the verdict on each take, the expected accuracy; and the words taught so far.

import { $, make } from "./draw.js";

const SURE_MS = 4000;
const LOWEST_DB = -60;

export class Lesson {
  #lesson = { phase: "idle" };
  #shown = "";
  #trial = null;
  #verdict = null; // what was decided on the word that was tried last

  constructor(connection) {
    this.connection = connection;
    $("lesson-form").addEventListener("submit", (event) => {
      event.preventDefault();
      connection.tell("teach", { word: $("lesson-word").value.trim(), adapt: $("lesson-adapt").checked });
    });
    $("lesson-stop").addEventListener("click", () => connection.tell("stop_teaching"));
    $("keep").addEventListener("click", () => this.#endTrial(`“${this.#trial.word}” is kept.`));
    $("take-back").addEventListener("click", () => this.#takeBack());
  }

  begin(record) {
    this.rate = record.rate;
    this.model = record.model;
    this.list();
  }

  async list() {
    const answer = await this.connection.ask("words").catch(() => null);
    if (answer) this.#show(answer.words);
  }

  frame(frame) {
    if (frame.lesson) this.#take(frame.lesson);
    if (this.#trial) this.#hear(frame.events);
    const { phase, begin, say_seconds } = this.#lesson;
    const spoken = phase === "speak" ? Math.min(1, Math.max(0, (frame.position - begin) / (say_seconds * this.rate))) : 0;
    const level = ["speak", "wait"].includes(phase) ? Math.min(1, Math.max(0, 1 - frame.level / LOWEST_DB)) : 0;
    $("lesson-time").style.backgroundSize = `${100 * spoken}% 100%`;
    $("lesson-level").style.backgroundSize = `${100 * level}% 100%`;
  }

  #take(lesson) {
    const before = this.#lesson.phase;
    this.#lesson = lesson;
    const isRunning = running(lesson.phase);
    $("lesson-begin").disabled = $("lesson-word").disabled = $("lesson-adapt").disabled = isRunning;
    $("lesson-stop").disabled = !isRunning || lesson.phase === "learning";
    if (isRunning) this.#verdict = null;
    if (this.#verdict) $("lesson-prompt").textContent = this.#verdict;
    else if (lesson.prompt) $("lesson-prompt").textContent = lesson.prompt;
    else if (before !== "idle") $("lesson-prompt").textContent = "Stopped. Nothing was saved.";
    $("lesson-prompt").className = `sentence prompt ${lesson.phase}`;
    const told = new Map(lesson.takes.map((take) => [take.number, take]));
    const rows = Array.from({ length: lesson.n_takes }, (_, index) => row(index + 1, told.get(index + 1)));
    $("lesson-takes").replaceChildren(...rows);
    const report = lesson.report.map((line) => make("p", { textContent: line }));
    $("lesson-report").replaceChildren(...(this.#verdict ? [] : report));
    if (lesson.phase === "done" && before !== "done") {
      $("lesson-word").value = "";
      $("lesson-adapt").checked = false;
      this.list();
      if (running(before)) this.#beginTrial(lesson);
    }
  }

  /** Listen to a word that was just taught, to be kept or discarded. */
  async #beginTrial({ word, model }) {
    const before = this.model;
    if (!(await this.connection.ask("use_model", { name: model }).catch(() => null))) return;
    this.#trial = { word, model, before, n: 0 };
    $("trial").hidden = false;
    $("trial-heard").textContent = `Try it: say “${word}”. It is active now.`;
  }

  #hear(events) {
    const trial = this.#trial;
    for (const { type, keyword, score, threshold } of events.filter((one) => one.keyword === trial.word)) {
      if (type === "detection") {
        trial.n++;
        $("trial-heard").textContent = `“${keyword}” fired with score ${score.toFixed(2)}, ${trial.n} time${trial.n === 1 ? "" : "s"} so far.`;
      } else if (!trial.n) { // later ones come from a fading word, or the room
        $("trial-heard").textContent =
          `Not quite: “${keyword}” scored ${score.toFixed(2)}; it needs ${threshold.toFixed(2)}. Say it again.`;
      }
    }
  }

  #endTrial(text) {
    this.#trial = null;
    this.#verdict = text;
    $("trial").hidden = true;
    $("lesson-prompt").textContent = text;
  }

  async #takeBack() {
    const { word, model, before } = this.#trial;
    const answer = await this.connection.ask("forget", { model, word }).catch(() => null);
    if (!answer) return;
    this.#endTrial(`“${word}” was discarded.`);
    $("lesson-report").replaceChildren();
    if (before !== model) await this.connection.tell("use_model", { name: before });
    this.list();
  }

  #show(words) {
    // Unchanged items are left alone, so that a pending “Sure?” stays.
    const shown = JSON.stringify([words, this.model]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const items = words.map((one) => this.#item(one));
    $("own-words").replaceChildren(...(items.length ? items : [make("li", { className: "note", textContent: "None yet." })]));
  }

  #item({ model, word, told }) {
    const rename = make("button", { textContent: "Rename" });
    const forget = make("button", { type: "button", textContent: "Forget" });
    rename.setAttribute("aria-label", `Rename ${word}`);
    forget.setAttribute("aria-label", `Forget ${word}`);
    const name = make("b", { textContent: word });
    const use = make("button", { type: "button", textContent: "Use", hidden: model === this.model });
    use.setAttribute("aria-label", `Use ${word}`);
    use.addEventListener("click", () => this.connection.tell("use_model", { name: model }));
    const form = make("form", {}, name, use, rename, forget, make("small", { textContent: `${model}: ${told}` }));
    let input = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!input) {
        input = make("input", { value: word, maxLength: 40, required: true, ariaLabel: `New name of ${word}` });
        name.replaceWith(input);
        rename.textContent = "Save";
        rename.setAttribute("aria-label", `Save the new name of ${word}`);
        return input.focus();
      }
      const text = input.value.trim();
      if (text === word) {
        this.#shown = "";
        return this.list();
      }
      const answer = await this.connection.ask("rename", { model, word, new: text }).catch(() => null);
      if (answer) this.#show(answer.words);
    });
    let sure = 0;
    forget.addEventListener("click", async () => {
      if (!sure) {
        forget.textContent = "Sure?";
        sure = setTimeout(() => ((sure = 0), (forget.textContent = "Forget")), SURE_MS);
        return;
      }
      const answer = await this.connection.ask("forget", { model, word }).catch(() => null);
      if (answer) this.#show(answer.words);
    });
    return make("li", {}, form);
  }
}

const running = (phase) => ["wait", "speak", "learning"].includes(phase);

/** One take; its row exists before it, so that nothing moves when it arrives. */
function row(number, take) {
  const cells = take
    ? [`${Math.round(take.level_db)} dB`, `${take.seconds.toFixed(1)} s`, take.fault ?? "good"]
    : ["", "", ""];
  const [level, seconds, verdict] = cells.map((text) => make("span", { textContent: text }));
  verdict.className = take ? (take.fault ? "fault" : "good") : "";
  return make("li", {}, make("span", { textContent: `Take ${number}` }), level, seconds, verdict);
}
