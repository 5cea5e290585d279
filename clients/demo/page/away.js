// Cuts all tabs of this page off from the network, as a tunnel does a phone: what is open breaks, and nothing gets out.
// It stands between the page and the browser's own fetch and WebSocket, and is loaded before whatever uses them.
/* global roots */

const tunnel = {
  until: 0, // milliseconds since 1970
  control: new AbortController(),
  channel: new BroadcastChannel(`tunnel ${new URL(".", location)}`),

  get inside() {
    return Date.now() < this.until;
  },

  /** Cuts this tab off until then. The events are what browsers say themselves when a machine loses its network, and has it
   * again. */
  enter(until, late = 0) {
    this.until = until;
    this.control.abort(new TypeError("the page is away"));
    this.control = new AbortController();
    dispatchEvent(new Event("offline"));
    dispatchEvent(new CustomEvent("away", { detail: until }));
    setTimeout(() => this.leave(), until - Date.now() + 1 + late);
  },

  leave() {
    if (roots.state !== "live") dispatchEvent(new Event("online"));
  },

  /** Cuts all tabs off for so many milliseconds. The others come back a little later, in case that this one is closed. */
  go(time) {
    const until = Date.now() + time;
    this.channel.postMessage(until);
    this.enter(until);
  },
};
tunnel.channel.onmessage = ({ data }) => tunnel.enter(data, 1000);

{
  const { fetch, WebSocket } = window;

  window.fetch = async (input, init = {}) => {
    if (tunnel.inside) throw new TypeError("the page is away");
    const signals = [tunnel.control.signal, init.signal].filter(Boolean);
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };

  // What a WebSocket is that cannot be opened.
  class Failed extends EventTarget {
    readyState = WebSocket.CLOSED;

    constructor() {
      super();
      setTimeout(() => this.onclose?.(new CloseEvent("close", { code: 1006 })));
    }

    close() {}
  }

  window.WebSocket = class extends WebSocket {
    constructor(...request) {
      if (tunnel.inside) return new Failed();
      super(...request);
      tunnel.control.signal.addEventListener("abort", () => this.close());
    }
  };
}
