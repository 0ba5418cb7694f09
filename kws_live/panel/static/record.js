// The last ten minutes as kept by the page: scores by hop, and events.

import { bytes } from "./draw.js";

export class Record {
  constructor(hello) {
    this.words = hello.words;
    this.model = hello.model;
    this.rate = hello.sample_rate_hz;
    this.seconds = hello.history_seconds;
    this.positions = [];
    this.scores = hello.words.map(() => []);
    this.events = [];
    this.position = 0;
  }

  take(frame) {
    const { positions, scores } = frame.hops;
    const values = bytes(scores);
    const n = this.words.length;
    positions.forEach((position, hop) => {
      this.positions.push(position);
      for (let word = 0; word < n; word++) this.scores[word].push(values[hop * n + word] / 255);
    });
    this.position = frame.position;
    this.events.push(...frame.events);
    const begin = this.position - this.seconds * this.rate;
    // Trimming moves everything, so it is done rarely.
    if (this.positions.length && this.positions[0] < begin - 30 * this.rate) {
      const n_old = this.index(begin);
      this.positions.splice(0, n_old);
      this.scores.forEach((line) => line.splice(0, n_old));
      this.events = this.events.filter((event) => event.position >= begin);
    }
  }

  /** Index of the first hop that ends at or after a position. */
  index(position) {
    let [low, high] = [0, this.positions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.positions[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The hop with a word's highest score between two positions; null if there is none. */
  peak(word, from, to) {
    let best = null;
    for (let hop = this.index(from); hop < this.positions.length && this.positions[hop] <= to; hop++) {
      if (best === null || this.scores[word][hop] > this.scores[word][best]) best = hop;
    }
    return best === null ? null : this.positions[best];
  }

  detections(word) {
    const begin = this.position - this.seconds * this.rate;
    return this.events.filter((one) => one.type === "detection" && one.keyword === word && one.position >= begin);
  }
}

/** The time of day, in the page's time zone, of seconds since 1970. */
export function clock(at) {
  return new Date(1000 * at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
