// Colours and canvases.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

/** Set a property unless it has that value: what is set again is drawn again. */
export function set(object, name, value) {
  if (object[name] !== value) object[name] = value;
}

export function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Play a recording; an interruption by the next one is no error. */
export function play(player) {
  player.play().catch(() => {});
}

export const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** A word's colour: hues evenly spaced, all equally light. */
export const hue = (index, n) => Math.round((25 + (360 * index) / n) % 360);
export const cssColour = (angle) => `oklch(var(--lightness) 0.115 ${angle})`;

let tokens = new Map();
/** A custom property's value as a colour that a canvas understands. */
function token(name) {
  if (!tokens.has(name)) {
    const probe = make("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    tokens.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return tokens.get(name);
}

const redraws = new Set();
/** Call a function whenever the theme or the window size has changed. */
export const onRestyle = (redraw) => redraws.add(redraw);
function restyle() {
  tokens = new Map();
  ramp = null;
  redraws.forEach((redraw) => redraw());
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
addEventListener("resize", restyle);

/** The canvas's context in units of CSS pixels; resized only if necessary. */
export function context(canvas) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return [pen, width, height];
}

let ramp = null;
/** 256 colours from the track's through the accent to the ink's. */
function colours() {
  if (ramp) return ramp;
  const canvas = make("canvas", { width: 256, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const shade = pen.createLinearGradient(0, 0, 256, 0);
  shade.addColorStop(0, token("--track"));
  shade.addColorStop(0.25, token("--track"));
  shade.addColorStop(0.7, token("--accent"));
  shade.addColorStop(1, token("--ink"));
  pen.fillStyle = shade;
  pen.fillRect(0, 0, 256, 1);
  ramp = pen.getImageData(0, 0, 256, 1).data;
  return ramp;
}

/** Columns of bytes, the lowest row at the bottom, as an image. */
export function columnsToImage(pen, data, nColumns, nRows) {
  const image = pen.createImageData(nColumns, nRows);
  const shades = colours();
  for (let column = 0; column < nColumns; column++) {
    for (let row = 0; row < nRows; row++) {
      const from = 4 * data[column * nRows + row];
      const to = 4 * ((nRows - 1 - row) * nColumns + column);
      for (let part = 0; part < 4; part++) image.data[to + part] = shades[from + part];
    }
  }
  return image;
}
