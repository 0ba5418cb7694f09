// A checkbox whose state is decided by the program.

export class Switch {
  #asked = 0;
  #last;

  /** @param {HTMLInputElement} box  @param {(on: boolean) => Promise} send  rejects if the choice is refused */
  constructor(box, send) {
    this.box = box;
    this.#last = box.checked;
    box.addEventListener("change", async () => {
      this.#asked++;
      const refused = await send(box.checked).then(() => false, () => true);
      if (refused) box.checked = this.#last;
      requestAnimationFrame(() => this.#asked--); // a frame from before the answer may still be pending
    });
  }

  /** Show the program's state, unless it is older than what the user has just chosen. */
  show(on) {
    this.#last = on;
    if (!this.#asked) this.box.checked = on;
  }
}
