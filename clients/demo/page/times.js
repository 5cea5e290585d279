// The time line: what came in the last half minute, a bar for each fifth of a second.

const slot = 200; // milliseconds
const slots = 150;
const many = 5; // in one slot: what waited, in one go

/** Draws on a canvas what `note` is told of. */
export class Times {
  #canvas;
  #came = new Map(); // slot -> { count, down }

  constructor(canvas) {
    this.#canvas = canvas;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    setInterval(() => document.hidden || this.#draw(), calm ? 2000 : slot);
  }

  /** Counts one that came now. */
  note() {
    this.#at().count++;
  }

  /** Marks now as a time without a connection. */
  down() {
    this.#at().down = true;
  }

  #at() {
    const now = Math.floor(Date.now() / slot);
    if (!this.#came.has(now)) this.#came.set(now, { count: 0, down: false });
    for (const old of this.#came.keys()) if (old <= now - slots) this.#came.delete(old);
    return this.#came.get(now);
  }

  #draw() {
    const canvas = this.#canvas, pen = canvas.getContext("2d"), scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = width * scale;
    canvas.height = height * scale;
    pen.scale(scale, scale);
    const color = getComputedStyle(canvas), now = Math.floor(Date.now() / slot), step = width / slots;
    const paint = (name) => pen.fillStyle = color.getPropertyValue(name);
    pen.font = `600 12px ${color.fontFamily}`;
    for (const [at, { count, down }] of this.#came) {
      const right = width - (now - at) * step, bar = Math.min(height - 18, 7 * Math.sqrt(count));
      if (down) paint("--sap-soft"), pen.fillRect(right - step, 0, step + .5, height - 1);
      paint(count > many ? "--sap" : "--root");
      const thick = count > many ? Math.max(4, step) : Math.max(1, step - 1);
      pen.fillRect(right - thick, height - 1 - bar, thick, bar);
      if (count <= many) continue;
      pen.textAlign = right > width - 80 ? "right" : "left";
      pen.fillText(`${count} at once`, pen.textAlign === "left" ? right + 4 : right - thick - 4, height - 6 - bar + 12);
    }
    paint("--line");
    pen.fillRect(0, height - 1, width, 1);
  }
}
