// Sort kept recordings: each is played, and one of two keys says whether its word was said.

import { $, bytes, play } from "./draw.js";

const KEYS = { k: true, w: false };

export class Sorter {
  #clip = null;
  #player = new Audio();

  constructor(connection) {
    this.connection = connection;
    $("clip-play").addEventListener("click", () => play(this.#player));
    $("clip-keep").addEventListener("click", () => this.#sort(true));
    $("clip-wrong").addEventListener("click", () => this.#sort(false));
    $("clips").addEventListener("toggle", () => $("clips").open && this.#list());
    $("clips").addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
      event.preventDefault();
      this.#sort(KEYS[event.key]);
    });
  }

  begin() {
    this.#list();
  }

  async #list() {
    const answer = await this.connection.ask("clips").catch(() => null);
    if (answer) this.#show(answer);
  }

  #show({ folder, n, newest }) {
    $("clips").hidden = folder === null;
    $("clips-count").textContent = `Kept recordings: ${n} to sort`;
    $("clips-folder").textContent = folder ?? "";
    this.#clip = newest;
    for (const name of ["clip-play", "clip-keep", "clip-wrong"]) $(name).disabled = newest === null;
    $("clip-told").textContent = newest === null ? "All recordings are sorted." : told(newest);
    URL.revokeObjectURL(this.#player.src);
    if (newest) this.#player.src = URL.createObjectURL(new Blob([bytes(newest.sound)], { type: "audio/flac" }));
  }

  async #sort(right) {
    if (this.#clip === null) return;
    const { name } = this.#clip;
    this.#clip = null; // a double key press sorts only one
    const answer = await this.connection.ask("sort_clip", { name, right }).catch(() => null);
    if (!answer) return this.#list();
    this.#show(answer);
    $("clip-went").textContent = `Moved to ${answer.went_to}.`;
    if (answer.newest) play(this.#player);
  }
}

function told({ word, fired, score, threshold, reason, saved_at }) {
  const at = saved_at ? `${saved_at.slice(0, 10)} ${saved_at.slice(11, 19)}: ` : "";
  const came = score == null ? "" : ` with score ${score.toFixed(2)}`;
  return fired ? `${at}“${word}” fired${came}.` : `${at}“${word}” nearly fired${came}${threshold ? `, threshold ${threshold.toFixed(2)}` : ""}: ${reason ?? ""}.`;
}
