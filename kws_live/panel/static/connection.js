// One WebSocket: each frame is sent after the previous one was shown; each request gets its answer.

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
      // A restarted program has a new token and refuses the old one.
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
      // A hidden page is not painted and requests no frames; when shown again it gets the newest.
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

  /** Send a request and return its answer; an error is shown to the user and rejects. */
  ask(type, fields = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) return reject(new Error("not connected"));
      const id = ++this.#number;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /** Send a request whose answer is not needed. */
  tell(type, fields = {}) {
    return this.ask(type, fields).catch(() => {});
  }
}
