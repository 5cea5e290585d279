import { idOf } from "./hub.js";
import { checked, post } from "./problem.js";
import { transports } from "./transports.js";

const defaults = {
  transports: Object.keys(transports), retry: 15e3, silence: 6e4, patience: 5e3, hold: 1e3, hidden: 1e4,
};

/** Returns the options with their defaults, checked. */
export function settings(url, options) {
  const base = new URL(url, globalThis.document?.baseURI);
  base.pathname = base.pathname.replace(/\/?$/, "/");
  base.search = base.hash = "";
  if (!/^http/.test(base)) throw new TypeError(`roots: ${base} is not HTTP`);
  const all = { fetch: (...request) => fetch(...request), WebSocket: globalThis.WebSocket, ...defaults };
  for (const name in options) all[name] = options[name] ?? all[name];
  all.url = base.href;
  all.transports = all.transports.filter((name) => name !== "websocket" || all.WebSocket);
  if (!all.transports[0] || !all.transports.every((name) => transports[name])) {
    throw new TypeError(`roots: transports are ${defaults.transports}`);
  }
  all.shared = all.share !== false && globalThis.document && globalThis.navigator?.locks;
  all.key = ["roots", base.href, all.connect, all.share, ""].join(" ");
  all.disconnect = asking("disconnect", all.disconnect, all);
  all.connect = asking("connect", all.connect, all);
  return all;
}

/** Returns a function that asks the application, or rootsd itself for open paths. */
function asking(verb, by, all) {
  if (!all.connect) return (token, paths) => post(all.fetch, `${all.url + token}/${verb}`, paths);
  if (typeof by !== "string") return by && (async (token, paths) => checked(await by(idOf(token), paths)));
  if (!by.includes("{id}")) throw new TypeError(`roots: "${by}" has no {id}`);
  return async (token, paths) => {
    const url = by.replace("{id}", idOf(token));
    const { headers } = all, own = typeof headers === "function" ? headers() : headers;
    return post(all.fetch, url, paths, {
      "content-type": "application/json", ...proof(url), ...Object.fromEntries(new Headers(own)),
    });
  };
}

/** Returns the application's proof against cross-site requests, as Django, Rails and Laravel keep it, for its own
 * origin alone. */
function proof(url) {
  const { document, location } = globalThis, found = {};
  if (!document || new URL(url, document.baseURI).origin !== location.origin) return found;
  const meta = document.querySelector("meta[name=csrf-token]");
  const cookie = /(^|; )csrftoken=([^;]*)/.exec(document.cookie);
  if (meta) found["x-csrf-token"] = meta.content;
  if (cookie) found["x-csrftoken"] = cookie[2];
  return found;
}
