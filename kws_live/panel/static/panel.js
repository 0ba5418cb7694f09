// The page: frames and answers go to its parts.

import { Connection } from "./connection.js";
import { $, make } from "./draw.js";
import { Lesson } from "./lesson.js";
import { Now } from "./now.js";
import { Record } from "./record.js";
import { Why } from "./why.js";
import { Words } from "./words.js";

const TOAST_MS = 8000;
let record = null;
let first = true;

const connection = new Connection({ hello, frame, lost, error });
const now = new Now(connection);
const why = new Why(connection);
const lesson = new Lesson(connection);
const words = new Words(connection, (position, word, event) => why.show(position, word, event));

function hello(message) {
  record = new Record(message);
  first = true;
  $("vitals").dataset.model = message.model;
  now.begin(message);
  words.begin(record);
  why.begin(record, message);
  lesson.begin(record);
  now.list();
  listProfiles();
}

function frame(message) {
  record.take(message);
  headline(message.headline);
  if (message.settings) words.settings(message.settings, first);
  first &&= !message.settings;
  now.frame(message);
  words.frame(message);
  why.frame(message);
  lesson.frame(message);
  if (message.status) showStatus(message.status);
}

/** What is going on, above everything else; told again only when it changes. */
function headline({ tone, text, advice }) {
  if ($("status").textContent !== text) $("status").textContent = text;
  if ($("advice").textContent !== advice) $("advice").textContent = advice;
  $("headline").dataset.tone = tone;
}

function lost(advice) {
  headline({ tone: "alarm", text: "Connection lost", advice });
  $("vitals").textContent = "";
  now.silent();
}

function showStatus(message) {
  $("vitals").textContent = `model ${$("vitals").dataset.model} · ${message.vitals}`;
  now.status(message);
  why.status(message);
  const said = message.troubles.length ? message.troubles : ["All is well."];
  const shown = [...$("findings").children].map((item) => item.textContent);
  if (said.join() !== shown.join()) {
    $("findings").replaceChildren(...said.map((text) => make("li", { textContent: text, className: message.troubles.length ? "alarm" : "" })));
  }
  const figures = message.figures.map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value })));
  $("figures").replaceChildren(...figures);
}

let toastTimer = 0;
function error(text) {
  $("toast").textContent = text.charAt(0).toUpperCase() + text.slice(1);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

async function listProfiles() {
  const { names } = await connection.ask("profiles").catch(() => ({ names: [] }));
  $("load-profile").hidden = !names.length;
  $("profiles").replaceChildren(...names.map((name) => new Option(name)));
}

$("save-profile").addEventListener("submit", async (event) => {
  event.preventDefault();
  const saved = await connection.ask("save_profile", { name: $("profile-name").value.trim() }).catch(() => null);
  if (saved) {
    $("profile-name").value = "";
    listProfiles();
  }
});
$("load-profile").addEventListener("submit", (event) => {
  event.preventDefault();
  connection.tell("load_profile", { name: $("profiles").value });
});
