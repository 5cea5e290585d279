// In a page of another site: all the ways in which a page can have its browser ask for something. Each resolves to what
// the page could read, or learn of the answer; "" where that is nothing. None of them waits for longer than `patience`.

const patience = 2000; // milliseconds

/** Resolves to what a promise does; to "" where it rejects, or takes too long. */
const tried = (promise) => Promise.race([
  Promise.resolve(promise).then((text) => text ?? "", () => ""),
  new Promise((resolve) => setTimeout(resolve, patience, "")),
]);

/** The text of an answer as far as it comes in time: some never end. */
async function textOf(answer) {
  const read = [], reader = answer.body?.getReader();
  const all = (async () => {
    for (let part; reader && !(part = await reader.read()).done; ) read.push(new TextDecoder().decode(part.value));
  })();
  await tried(all);
  reader?.cancel().catch(() => {});
  return read.join("");
}

const asked = async (url, options) => textOf(await fetch(url, options));

/** Has an element load a URL; resolves to "loaded" if the page is told that it did. */
function element(tag, attribute, url, more = {}) {
  return new Promise((resolve) => {
    const made = Object.assign(document.createElement(tag), more, { onerror: () => resolve("") });
    made.onload = made.onloadeddata = () => resolve("loaded");
    made[attribute] = url;
    document.body.append(made);
  });
}

/** Resolves to the text of a document in a frame, if the page may look at it. */
async function framed(tag, attribute, url) {
  const name = `frame${Math.random()}`;
  await tried(element(tag, attribute, url, { id: name }));
  return document.getElementById(name).contentDocument?.body?.textContent;
}

/** Opens a window by `begin`, which returns it, and resolves to the text of its document if the page may look at it. */
async function inWindow(begin) {
  const opened = begin();
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return opened.location.href === "about:blank" ? "" : opened.document.body.textContent;
  } finally {
    opened?.close();
  }
}

/** Sends a form to a frame or window of this name. A field's name and value make up the body as far as the type allows. */
function submit(url, body, enctype, target) {
  const [name, value] = body.split(/=([^]*)/, 2);
  const form = Object.assign(document.createElement("form"), { action: url, method: "POST", enctype, target });
  const field = Object.assign(document.createElement("textarea"), { name, value });
  form.append(field);
  document.body.append(form);
  form.submit();
}

function formInFrame(url, body, enctype) {
  return new Promise((resolve) => {
    const name = `form${Math.random()}`;
    const frame = Object.assign(document.createElement("iframe"), { name });
    document.body.append(frame); // which loads about:blank at once
    frame.onload = () => resolve(frame.contentDocument?.body.textContent);
    submit(url, body, enctype, name);
  });
}

const simple = { method: "POST", headers: { "Content-Type": "text/plain" } };

/** Where this page's own site sends on to a URL: 302 for a GET, and 307 to repeat a POST with its body. */
const sentOn = (url, status) => `${self.home}/to?${status},${encodeURIComponent(url)}`;

/** Has a worker fetch, and resolves to what it could read. */
function byWorker(url, options) {
  const code = `${textOf}; const patience = ${patience}, tried = ${tried};
    fetch(...${JSON.stringify([url, options])}).then(textOf).then(postMessage, () => postMessage(""));`;
  return new Promise((resolve) => {
    const worker = new Worker(URL.createObjectURL(new Blob([code])));
    worker.onmessage = ({ data }) => (worker.terminate(), resolve(data));
    worker.onerror = () => resolve("");
  });
}

/** Has a service worker of this site fetch, where there may be one. */
async function byServiceWorker(url, options) {
  if (!navigator.serviceWorker) return "";
  await navigator.serviceWorker.register("/serviceworker.js");
  const { active } = await navigator.serviceWorker.ready;
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => resolve(data);
    active.postMessage({ url, options }, [channel.port2]);
  });
}

function eventSource(url) {
  return new Promise((resolve) => {
    const source = new EventSource(url);
    source.onopen = source.onmessage = () => (source.close(), resolve("open"));
    source.onerror = () => (source.close(), resolve(""));
  });
}

function webSocket(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"));
    socket.onopen = () => (socket.close(), resolve("open"));
    socket.onerror = () => resolve("");
  });
}

function xhr(method, url, body) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.timeout = patience;
    request.onloadend = () => resolve(request.responseText);
    request.send(body);
  });
}

/** Ways to GET a URL. */
self.reads = {
  "fetch": (url) => asked(url),
  "fetch, no-cors": (url) => asked(url, { mode: "no-cors" }),
  "fetch, with credentials": (url) => asked(url, { credentials: "include" }),
  "fetch, without a referrer": (url) => asked(url, { mode: "no-cors", referrerPolicy: "no-referrer" }),
  "fetch, with a token": (url) => asked(url, { headers: { Authorization: "Bearer guess" } }),
  "fetch, sent on": (url) => asked(sentOn(url, 302)),
  "fetch, no-cors, sent on": (url) => asked(sentOn(url, 302), { mode: "no-cors" }),
  "XMLHttpRequest": (url) => xhr("GET", url),
  "worker": (url) => byWorker(url, {}),
  "worker, no-cors": (url) => byWorker(url, { mode: "no-cors" }),
  "service worker": (url) => byServiceWorker(url, {}),
  "service worker, no-cors": (url) => byServiceWorker(url, { mode: "no-cors" }),
  "img": (url) => element("img", "src", url),
  "img, sent on": (url) => element("img", "src", sentOn(url, 302)),
  "script": (url) => element("script", "src", url),
  "module": (url) => element("script", "src", url, { type: "module" }),
  "link": (url) => element("link", "href", url, { rel: "stylesheet" }),
  "video": (url) => element("video", "src", url),
  "iframe": (url) => framed("iframe", "src", url),
  "iframe, sent on": (url) => framed("iframe", "src", sentOn(url, 302)),
  "object": (url) => framed("object", "data", url),
  "window.open": (url) => inWindow(() => open(url)),
  "window.open, sent on": (url) => inWindow(() => open(sentOn(url, 302))),
  "EventSource": eventSource,
  "WebSocket": webSocket,
};

/** Ways to POST a body to a URL. */
self.writes = {
  "fetch": (url, body) => asked(url, { method: "POST", body }),
  "fetch, no-cors": (url, body) => asked(url, { ...simple, body, mode: "no-cors" }),
  "fetch, without a referrer": (url, body) => asked(url, { ...simple, body, mode: "no-cors", referrerPolicy: "no-referrer" }),
  "fetch, JSON": (url, body) => asked(url, { method: "POST", body, headers: { "Content-Type": "application/json" } }),
  "fetch, with a token": (url, body) => asked(url, { method: "POST", body, headers: { Authorization: "Bearer guess" } }),
  "fetch, PUT": (url, body) => asked(url, { method: "PUT", body }),
  "fetch, keepalive": (url, body) => asked(url, { ...simple, body, mode: "no-cors", keepalive: true }),
  "fetch, sent on": (url, body) => asked(sentOn(url, 307), { ...simple, body }),
  "fetch, no-cors, sent on": (url, body) => asked(sentOn(url, 307), { ...simple, body, mode: "no-cors" }),
  "XMLHttpRequest": (url, body) => xhr("POST", url, body),
  "sendBeacon": async (url, body) => (navigator.sendBeacon(url, body), ""),
  "sendBeacon, form": async (url, body) => (navigator.sendBeacon(url, new URLSearchParams({ doors: body })), ""),
  "worker": (url, body) => byWorker(url, { ...simple, body }),
  "service worker": (url, body) => byServiceWorker(url, { ...simple, body, mode: "no-cors" }),
  "form, urlencoded": (url, body) => formInFrame(url, body, "application/x-www-form-urlencoded"),
  "form, multipart": (url, body) => formInFrame(url, body, "multipart/form-data"),
  "form, text/plain": (url, body) => formInFrame(url, body, "text/plain"),
  "form, sent on": (url, body) => formInFrame(sentOn(url, 307), body, "text/plain"),
  "form, in a window": (url, body) => inWindow(() => {
    const name = `window${Math.random()}`, opened = open("about:blank", name);
    submit(url, body, "text/plain", name);
    return opened;
  }),
};

/**
 * Tries ways on targets, `{url, body}`, some at a time; `body` is text with `WAY` in it, which becomes the way's name.
 * Resolves to what could be read: `{way, url, text}`.
 */
self.tryAll = async (ways, targets) => {
  const found = [];
  const jobs = Object.keys(ways).flatMap((way) => targets.map((target) => ({ way, ...target })));
  const work = async () => {
    for (let job; (job = jobs.pop()); ) {
      const text = await tried((async () => ways[job.way](job.url, job.body?.replace("WAY", job.way)))());
      if (text) found.push({ way: job.way, url: job.url, text: text.slice(0, 200) });
    }
  };
  await Promise.all(Array.from({ length: 24 }, work));
  return found;
};
