import { settle } from "./time.js";

/** Returns a class of WebSockets of which the test is the other end; each that is opened goes into `opened`. */
export const socketsIn = (opened) => class {
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    opened.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** The other end says something; the first word opens it. */
  async say(said) {
    this.readyState = 1;
    this.onmessage({ data: JSON.stringify(said) });
    await settle();
  }

  close(code = 1000, reason = "") {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose({ code, reason }));
  }
};
