// The status light, in words.

const words = { connecting: "connecting", live: "live", retrying: "trying again", closed: "closed" };
const names = { websocket: "over a WebSocket", sse: "over server-sent events", "long-poll": "over a long-poll" };

/** Shows how the connection is, by which transport, and as whom. */
export function showState(roots) {
  const at = (id) => document.getElementById(id);
  let shown;
  const show = () => {
    const now = [roots.state, roots.transport, roots.id].join();
    if (now === shown) return;
    shown = now;
    at("light").dataset.state = roots.state;
    at("words").textContent = words[roots.state];
    at("transport").textContent = names[roots.transport] ?? "";
    at("client").textContent = roots.id && `This browser is ${roots.id}.`;
  };
  roots.addEventListener("state", show);
  roots.addEventListener("error", (event) => {
    event.preventDefault(); // it is on the page, and need not be in the console too
    at("told").textContent = event.detail.message;
  });
  roots.on("demo/ticks", show); // the transport may change without the state
  show();
}
