// One WebSocket: frames come one at a time, each after the one before has been shown; questions get their answers.

const PATIENT_TRIES = 3;

export class Connection {
  #socket = null;
  #waiting = new Map();
  #number = 0;
  #lost = 0;

  /** @param {{hello: Function, frame: Function, lost: Function, error: Function}} listener */
  constructor(listener) {
    this.listener = listener;
    this.#connect();
  }

  #connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => {
      this.#waiting.forEach(({ reject }) => reject(new Error("the connection was lost")));
      this.#waiting.clear();
      // Started again, the program has another token, and refuses.
      const hint = ++this.#lost > PATIENT_TRIES ? " If you restarted kws-live, open the address that it printed." : "";
      this.listener.lost(`Reconnecting …${hint}`);
      setTimeout(() => this.#connect(), 1000);
    };
  }

  #take(message) {
    if (message.type === "hello") {
      this.#lost = 0;
      return this.listener.hello(message);
    }
    if (message.type === "frame") {
      // A hidden page is not painted, so it asks for nothing: when it is looked at again it gets the newest.
      return requestAnimationFrame(() => {
        this.listener.frame(message);
        if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send("next");
      });
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === "error") {
      this.listener.error(message.message);
      return waiting?.reject(new Error(message.message));
    }
    return waiting?.resolve(message);
  }

  /** Ask, and wait for the answer; an error is shown to the user and rejects. */
  ask(type, fields = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) return reject(new Error("not connected"));
      const id = ++this.#number;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /** Ask for something whose answer nobody needs. */
  tell(type, fields = {}) {
    return this.ask(type, fields).catch(() => {});
  }
}
