// The page: passes frames and answers to its parts.

import { Connection } from "./connection.js";
import { $, make, set } from "./draw.js";
import { Lesson } from "./lesson.js";
import { Now } from "./now.js";
import { Record } from "./record.js";
import { Sorter } from "./sort.js";
import { Why } from "./why.js";
import { Words } from "./words.js";

const TOAST_MS = 8000;
let record = null;
let first = true;

const connection = new Connection({ hello, frame, lost, error });
const now = new Now(connection);
const why = new Why(connection);
const lesson = new Lesson(connection);
const sorter = new Sorter(connection);
const words = new Words(connection, (position, word, event) => why.show(position, word, event));

function hello(message) {
  record = new Record(message);
  first = true;
  $("vitals").dataset.model = message.model;
  now.begin(message);
  words.begin(record);
  why.begin(record, message);
  lesson.begin(record);
  sorter.begin();
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

/** The headline; changed only when its text changes, so that a screen reader does not repeat it. */
function headline({ tone, text, advice }) {
  set($("status"), "textContent", text);
  set($("advice"), "textContent", advice);
  set($("headline").dataset, "tone", tone);
}

function lost(advice) {
  headline({ tone: "alarm", text: "Connection lost", advice });
  $("vitals").textContent = "";
  now.silent();
}

function showStatus(message) {
  set($("vitals"), "textContent", `model ${$("vitals").dataset.model} · ${message.vitals}`);
  now.status(message);
  why.status(message);
  const said = message.troubles.length ? message.troubles : ["No problems found."];
  const shown = [...$("findings").children].map((item) => item.textContent);
  if (said.join() !== shown.join()) {
    $("findings").replaceChildren(...said.map((text) => make("li", { textContent: text, className: message.troubles.length ? "alarm" : "" })));
  }
  const figures = $("figures");
  message.figures.forEach(([name, value], index) => {
    const { firstChild, lastChild } = figures.children[index] ?? figures.appendChild(make("div", {}, make("dt"), make("dd")));
    set(firstChild, "textContent", name);
    set(lastChild, "textContent", value);
  });
  while (figures.childElementCount > message.figures.length) figures.lastChild.remove();
}

let toastTimer = 0;
function error(text) {
  // A setting is called by the label of its control.
  const [name, ...rest] = text.split(" ");
  const label = name.includes("_") && $(name)?.closest("label")?.firstChild.textContent.trim();
  $("toast").textContent = label ? `${label}: ${rest.join(" ")}` : text.charAt(0).toUpperCase() + text.slice(1);
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

async function listProfiles() {
  const answer = await connection.ask("profiles").catch(() => null);
  if (answer) $("profiles").replaceChildren(...answer.profiles.map(profile));
}

/** A saved profile: to apply, delete, or use in a command. */
function profile({ name, command }) {
  const button = (text, act) => {
    const made = make("button", { type: "button", textContent: text, ariaLabel: `${text} ${name}` });
    made.addEventListener("click", act);
    return made;
  };
  const said = (text) => () => ($("profile-note").textContent = text);
  return make("li", {}, make("b", { textContent: name }),
    button("Apply", () => connection.ask("load_profile", { name }).then(said(`${name} applied.`), () => {})),
    button("Delete", () => connection.ask("delete_profile", { name }).then(said(`${name} deleted.`), () => {}).then(listProfiles)),
    make("code", { textContent: command }),
    button("Copy", () => navigator.clipboard.writeText(command).then(said("Command copied."), said("Select the command to copy it."))));
}

$("save-profile").addEventListener("submit", async (event) => {
  event.preventDefault();
  const saved = await connection.ask("save_profile", { name: $("profile-name").value.trim() }).catch(() => null);
  if (saved) {
    $("profile-name").value = "";
    $("profile-note").textContent = `${saved.name} saved.`;
    listProfiles();
  }
});
