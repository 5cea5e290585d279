// Where the boxes and wires of the wiring stand, for a width in pixels. Numbers alone: wiring.js draws them.

const wideFrom = 900; // a narrower picture stands upright
const row = 62; // the height of a component's box
const gap = 16;
const tall = 86; // the height of the boxes on the main line

/** The daemon's clients, by transport: they stand outside, beyond sessions. */
const outside = [["long-poll", "long-poll"], ["sse", "event stream"], ["websocket", "WebSocket"]];

/**
 * Places components as /dashboard/about lists them. Returns `{width, height, boxes, wires}`:
 * a box is `{name, x, y, w, h, part}`, where part is the component, or left out for a kind of clients;
 * a wire is `{name, d, x, y, anchor, aside}`: its path, and where its label stands.
 */
export function layOut(components, width) {
  const side = (name) => components.filter((part) => part.side === name);
  const parts = { receivers: side("receiver"), heart: side("heart"), senders: side("sender") };
  return width >= wideFrom ? lieWide(parts, width) : standUpright(parts, width);
}

function lieWide({ receivers, heart, senders }, width) {
  const w = { part: Math.min(250, width * 0.21), heart: 118, outside: 128 };
  const space = (width - 2 * w.part - 2 * w.heart - w.outside) / 4;
  const x = [0, w.part + space, w.part + w.heart + 2 * space, w.part + 2 * w.heart + 3 * space, width - w.outside];
  const middle = tall / 2;
  const boxes = [
    ...stack(receivers, x[0], (tall - row) / 2, w.part, row),
    ...heart.map((part, i) => ({ name: part.name, part, x: x[1 + i], y: 0, w: w.heart, h: tall })),
    ...stack(senders, x[3], 0, w.part, tall),
    ...outside.map(([name], i) => ({ name, x: x[4], y: i * 31, w: w.outside, h: 24 })),
  ];
  const into = boxes.filter(({ part }) => part?.side === "receiver")
    .map((box, i, all) => curve(box, x[1], middle + (i - (all.length - 1) / 2) * 16));
  const branches = boxes.filter(({ part }) => part?.side === "sender" && part.name !== "sessions")
    .map((box, i, all) => branch(box, x[1] + w.heart / 2 + (all.length / 2 - i) * 14));
  const out = boxes.filter(({ part }) => !part).map((box) => fan(box, x[3] + w.part, middle));
  const line = [straight("controller", x[1] + w.heart, x[2], middle), straight("sessions", x[2] + w.heart, x[3], middle)];
  return { width, height: foot(boxes), boxes, wires: [...into, ...line, ...branches, ...out] };
}

/** Boxes below each other; the first may be higher. */
function stack(parts, x, y, w, first) {
  return parts.map((part, i) => {
    const box = { name: part.name, part, x, y, w, h: i ? row : first };
    y += box.h + gap;
    return box;
  });
}

const foot = (boxes) => Math.max(...boxes.map(({ y, h }) => y + h)) + 2;

function curve({ name, x, y, w, h }, toX, toY) {
  const [fromX, fromY] = [x + w, y + h / 2];
  const bend = (fromX + toX) / 2;
  const d = `M${fromX},${fromY}C${bend},${fromY} ${bend},${toY} ${toX - 7},${toY}`;
  return { name, d, x: fromX + 6, y: fromY - 6, anchor: "start" };
}

function straight(name, fromX, toX, y) {
  return { name, d: `M${fromX},${y}H${toX - 7}`, x: (fromX + toX) / 2, y: y - 8, anchor: "middle" };
}

/** A wire from below the controller, round a corner, to a sender that hears all that goes by. */
function branch({ name, x, y, h }, fromX) {
  const toY = y + h / 2;
  const d = `M${fromX},${tall}V${toY - 12}q0,12 12,12H${x - 7}`;
  return { name, d, x: x - 12, y: toY - 7, anchor: "end", aside: name === "dashboard" };
}

function fan({ name, x, y, h }, fromX, fromY) {
  const [toY, bend] = [y + h / 2, (fromX + x) / 2];
  return { name, d: `M${fromX},${fromY}C${bend},${fromY} ${bend},${toY} ${x - 7},${toY}`, x, y: toY };
}

/** All below each other, for a phone. What the labels of wires say stands in the boxes. */
function standUpright({ receivers, heart, senders }, width) {
  const boxes = [];
  const wires = [];
  let y = 0;
  const add = (part, h) => {
    boxes.push({ name: part.name, part, x: 0, y, w: width, h });
    y += h + 8;
  };
  const arrow = (name) => {
    wires.push({ name, d: `M${width / 2},${y - 8}V${y + 19}`, x: width / 2 + 12, y: y + 12, anchor: "start" });
    y += 26;
  };
  const inside = () => {
    const { name, h } = boxes.at(-1);
    wires.push({ name, d: "", x: width - 12, y: y - 8 - h + 21, anchor: "end" });
  };
  for (const part of receivers) add(part, row), inside();
  arrow("all");
  heart.forEach((part, i) => (add(part, 48), arrow(["controller", "sessions"][i])));
  senders.forEach((part) => {
    add(part, row);
    if (part.name !== "sessions") inside();
    else y = clientsBelow(boxes, wires, width, y);
  });
  return { width, height: foot(boxes), boxes, wires };
}

/** The kinds of clients in a row below sessions. Returns where to go on. */
function clientsBelow(boxes, wires, width, y) {
  const w = (width - 16) / 3;
  outside.forEach(([name], i) => {
    const x = i * (w + 8);
    boxes.push({ name, x, y: y + 18, w, h: 44 });
    wires.push({ name, d: `M${x + w / 2},${y - 8}V${y + 11}`, x, y });
  });
  return y + 18 + 44 + 24;
}

export const titles = Object.fromEntries(outside);
