// A control whose state the program decides: what the user chose stands until the program has answered.

export class Control {
  #asked = 0;
  #last;
  #put;

  /**
   * @param {HTMLElement} element  a checkbox, select, slider or field
   * @param {(value) => Promise} send  rejects if the choice is refused
   * @param {{event?: string, put?: (value) => void}} options  when a choice is made, and how a state is shown
   */
  constructor(element, send, { event = "change", put } = {}) {
    const property = element.type === "checkbox" ? "checked" : "value";
    this.#put = put ?? ((value) => (element[property] = value));
    this.#last = element[property];
    element.addEventListener(event, () => this.hold(send(element[property])));
  }

  /** What is shown now was chosen, and stands until this answer. */
  async hold(answer) {
    this.#asked++;
    const refused = await answer.then(() => false, () => true);
    if (refused) this.#put(this.#last);
    requestAnimationFrame(() => this.#asked--); // a frame from before the answer may still wait to be shown
  }

  /** Show the program's state, unless it is older than what the user has just chosen, or is still choosing. */
  show(value, choosing = false) {
    this.#last = value;
    if (!this.#asked && !choosing) this.#put(value);
  }
}
