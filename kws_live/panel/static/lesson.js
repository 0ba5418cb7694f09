// A lesson in a word of one's own: when to speak, what became of each take, what to expect; and the words taught so far.

import { $, make } from "./draw.js";

const SURE_MS = 4000;
const LOWEST_DB = -60;

export class Lesson {
  #lesson = { phase: "idle" };

  constructor(connection) {
    this.connection = connection;
    $("lesson-form").addEventListener("submit", (event) => {
      event.preventDefault();
      connection.tell("teach", { word: $("lesson-word").value.trim(), adapt: $("lesson-adapt").checked });
    });
    $("lesson-stop").addEventListener("click", () => connection.tell("stop_teaching"));
  }

  begin(record) {
    this.rate = record.rate;
    this.list();
  }

  async list() {
    const answer = await this.connection.ask("words").catch(() => null);
    if (answer) this.#show(answer.words);
  }

  frame(frame) {
    if (frame.lesson) this.#take(frame.lesson);
    const { phase, begin, say_seconds } = this.#lesson;
    const spoken = phase === "speak" ? Math.min(1, Math.max(0, (frame.position - begin) / (say_seconds * this.rate))) : 0;
    const level = ["speak", "wait"].includes(phase) ? Math.min(1, Math.max(0, 1 - frame.level / LOWEST_DB)) : 0;
    $("lesson-time").style.backgroundSize = `${100 * spoken}% 100%`;
    $("lesson-level").style.backgroundSize = `${100 * level}% 100%`;
  }

  #take(lesson) {
    const before = this.#lesson.phase;
    this.#lesson = lesson;
    const running = ["wait", "speak", "learning"].includes(lesson.phase);
    $("lesson-begin").disabled = $("lesson-word").disabled = $("lesson-adapt").disabled = running;
    $("lesson-stop").disabled = !running || lesson.phase === "learning";
    if (lesson.prompt) $("lesson-prompt").textContent = lesson.prompt;
    else if (before !== "idle") $("lesson-prompt").textContent = "Stopped; nothing was kept.";
    $("lesson-prompt").className = `sentence prompt ${lesson.phase}`;
    const told = new Map(lesson.takes.map((take) => [take.number, take]));
    const rows = Array.from({ length: lesson.n_takes }, (_, index) => row(index + 1, told.get(index + 1)));
    $("lesson-takes").replaceChildren(...rows);
    const report = lesson.report.map((line) => make("p", { textContent: line }));
    if (lesson.model) {
      report.push(make("p", {}, "Listen to it: ", make("code", { textContent: `kws-live tune --model ${lesson.model}` })));
    }
    $("lesson-report").replaceChildren(...report);
    if (lesson.phase === "done" && before !== "done") {
      $("lesson-word").value = "";
      $("lesson-adapt").checked = false;
      this.list();
    }
  }

  #show(words) {
    const items = words.map((one) => this.#item(one));
    $("own-words").replaceChildren(...(items.length ? items : [make("li", { className: "note", textContent: "None yet." })]));
  }

  #item({ model, word, told }) {
    const rename = make("button", { textContent: "Rename" });
    const forget = make("button", { type: "button", textContent: "Forget" });
    rename.setAttribute("aria-label", `Rename ${word}`);
    forget.setAttribute("aria-label", `Forget ${word}`);
    const name = make("b", { textContent: word });
    const form = make("form", {}, name, rename, forget, make("small", { textContent: `${model}: ${told}` }));
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
      if (text === word) return this.list();
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

/** One take; the row is there before the take, so nothing moves when it comes. */
function row(number, take) {
  const cells = take
    ? [`${Math.round(take.level_db)} dB`, `${take.seconds.toFixed(1)} s`, take.fault ?? "good"]
    : ["", "", ""];
  const [level, seconds, verdict] = cells.map((text) => make("span", { textContent: text }));
  verdict.className = take ? (take.fault ? "fault" : "good") : "";
  return make("li", {}, make("span", { textContent: `Take ${number}` }), level, seconds, verdict);
}
