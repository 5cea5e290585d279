// A browser, as far as the client sees of one: a document, locks, and channels between tabs that the test can break.

/** Puts a browser around the tests; returns it, and takes it away by `browser.end()`. */
export function openBrowser() {
  const browser = { channels: new Set(), locks: new Locks(), lost: () => false, end };
  const before = new Map();
  const set = (name, value) => {
    before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  };
  function end() {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete globalThis[name];
    }
  }
  browser.forbidChannels = () => {
    globalThis.BroadcastChannel = class {
      constructor() {
        throw new DOMException("not here", "SecurityError");
      }
    };
  };
  const page = new EventTarget();
  browser.document = Object.assign(new EventTarget(), {
    hidden: false, cookie: "", baseURI: "http://app.test/", querySelector: () => browser.meta,
  });
  set("document", browser.document);
  set("location", new URL("http://app.test/"));
  set("navigator", { locks: browser.locks });
  set("localStorage", {});
  set("addEventListener", page.addEventListener.bind(page));
  set("dispatchEvent", page.dispatchEvent.bind(page));
  set("BroadcastChannel", class {
    constructor(name) {
      this.name = name;
      browser.channels.add(this);
    }

    postMessage(data) {
      const copy = structuredClone(data);
      for (const other of browser.channels) {
        if (other === this || other.name !== this.name || browser.lost(data, other)) continue;
        queueMicrotask(() => browser.channels.has(other) && other.onmessage({ data: copy }));
      }
    }

    close() {
      browser.channels.delete(this);
    }
  });
  return browser;
}

/** Web Locks, of which each is one's who asked first. */
class Locks {
  #queues = new Map();

  request(name, { signal }, work) {
    if (this.forbidden) return Promise.reject(new DOMException("not here", "SecurityError"));
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const entry = async () => {
        entry.held = true;
        await Promise.resolve({ name }).then(work).then(resolve, reject);
        queue.shift();
        queue[0]?.();
      };
      signal?.addEventListener("abort", () => {
        if (entry.held) return;
        queue.splice(queue.indexOf(entry), 1);
        reject(new DOMException("given up", "AbortError"));
      });
      queue.push(entry);
      if (queue.length === 1) queueMicrotask(entry);
    });
  }
}
