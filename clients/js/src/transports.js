import { checked } from "./problem.js";

// The transports. Each is a function that listens on a line (see connection.js) until it rejects: with what broke it.
// One that the line's signal aborts may reject with anything.

/** Asks for the line's token, and returns the answer if it is a good one. */
async function ask(line, accept) {
  return checked(await line.fetch(line.url(), { signal: line.signal, cache: "no-store", headers: { Accept: accept } }));
}

/** Waits by one request after the other. */
async function longPoll(line) {
  for (;;) {
    const { updates, reconnectWith, pace, retry } = await (await ask(line, "application/json")).json();
    line.heard(updates, reconnectWith.trim(), pace); // which throws where it is no answer of rootsd's
    if (retry) throw { retry }; // it stops, and says when to come back
  }
}

/** Reads an event stream. */
async function sse(line) {
  const { body } = await ask(line, "text/event-stream");
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", retry; ; ) {
    const { value, done } = await reader.read();
    if (done) throw Object.assign(new Error("ended"), { retry });
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    const updates = [];
    let token, pace;
    line.alive();
    for (const { event, id, data, ...others } of events.map(fields)) {
      token = id || token;
      if (!data) ({ retry } = others); // the one before the end; the one of a session's beginning is for browsers
      else if (event) ({ pace } = JSON.parse(data));
      else updates.push(JSON.parse(data));
    }
    if (token) line.heard(updates, token, pace);
  }
}

/** Returns the fields of an event, by name; "" holds a comment. */
const fields = (event) => Object.fromEntries(event.split("\n").map((text) => /^(\w*):? ?([^]*)/.exec(text).slice(1)));

/** Listens on a WebSocket, and confirms what it hears: after 32 updates when more come, otherwise a second later. */
const websocket = (line) => new Promise((_, reject) => {
  const socket = new line.WebSocket(line.url().replace("http", "ws"));
  let heard = 0, token, timer, probe;
  const send = (said) => socket.readyState === 1 && socket.send(JSON.stringify(said));
  const confirm = () => {
    clearTimeout(timer);
    timer = heard = 0;
    send(token);
  };
  const close = ({ code, reason }) => {
    clearTimeout(timer);
    clearTimeout(probe);
    socket.onerror = null; // Node's says at once that closing it is an error, too
    socket.close();
    reject(Object.assign(new Error("ended"), code === 4409 ? { reason } : { retry: reason }));
  };
  line.signal.addEventListener("abort", close);
  socket.onclose = socket.onerror = close;
  socket.onmessage = ({ data }) => {
    const { updates, reconnectWith, pace } = JSON.parse(data);
    line.alive();
    clearTimeout(probe);
    // Browsers do not show pings, so a quiet socket is asked for a sign of life: nothing to publish is answered as
    // well.
    probe = setTimeout(send, line.silence / 2, []);
    if (!reconnectWith) return;
    // What is confirmed is not sent again. It is what came before this: if this tab crashes now, others have heard that.
    if (heard >= 32) confirm();
    line.heard(updates, token = reconnectWith, pace);
    if (heard += updates.length) timer ||= setTimeout(confirm, 1000);
  };
});

export const transports = { websocket, sse, "long-poll": longPoll };
