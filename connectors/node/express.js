// Where an application of Express lets its users' browsers in. See express.d.ts.

import { timingSafeEqual } from "node:crypto";

const largest = 256 * 1024; // bytes of a body
const mostPaths = 1000;

/** Returns a handler for `connect/<id>` and `disconnect/<id>`. See express.d.ts. */
export function endpoints(roots, mayHear, { proof = sessionProof } = {}) {
  if (typeof roots?.request !== "function") throw new TypeError("rootsd: endpoints wants a Connector");
  if (typeof mayHear !== "function") throw new TypeError("rootsd: mayHear is a function that says who may hear what");
  if (typeof proof !== "function") throw new TypeError("rootsd: proof is a function that looks for the CSRF token");
  return (request, response, next) => {
    const [, verb, id] = /^\/(connect|disconnect)\/([^/?]+)(?:\?|$)/.exec(request.url) ?? [];
    if (!verb) return next();
    ask(roots, { mayHear, proof }, verb, id, request)
      .then(() => answer(response, 204), (error) => (error instanceof Refusal ? refuse(response, error) : next(error)));
  };
}

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Resolves when the client is connected or disconnected; rejects with a Refusal, or an error of the application's.
async function ask(roots, { mayHear, proof }, verb, id, request) {
  if (request.method !== "POST") throw new Refusal(405, "this address is for POST");
  if ((await proof(request)) !== true) throw new Refusal(403, "the page's CSRF token is missing; load the page again");
  // Without the lookbehind, a path with many slashes in it would take the square of their number.
  const paths = pathsOf(await bodyOf(request)).map((path) => path.replace(/^\/+|(?<!\/)\/+$/g, ""));
  if (paths.some(isReserved)) throw new Refusal(403, "paths that begin with :: are rootsd's");
  for (const path of verb === "connect" ? paths : []) {
    if ((await mayHear(request, path)) !== true) throw new Refusal(403, "not all of this may be heard");
  }
  await tell(roots, verb, { id: decoded(id), paths });
}

function isReserved(path) {
  return path.startsWith("::") && !path.startsWith("::members/");
}

// What the page asked wrongly is its own affair; all else is said to the application, and the page tries it again.
async function tell(roots, verb, body) {
  try {
    await roots.request(verb, body);
  } catch (error) {
    const { status, detail } = error;
    if (status >= 400 && status < 500 && ![401, 403, 404].includes(status)) throw new Refusal(400, detail);
    roots.onError(error);
    throw new Refusal(502, "rootsd cannot do this now");
  }
}

function decoded(id) {
  try {
    return decodeURIComponent(id);
  } catch {
    throw new Refusal(400, "the ID in the address is not well encoded");
  }
}

// The body, read here, or by a parser of the application's before.
async function bodyOf(request) {
  const { body } = request;
  if (request.readableEnded) return typeof body === "string" || Buffer.isBuffer(body) ? parse(body) : body;
  const tooLarge = new Refusal(413, `the body is larger than ${largest} bytes`);
  if (Number(request.headers["content-length"]) > largest) throw tooLarge;
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size <= largest) parts.push(part); // the rest is read and dropped, so that the answer arrives
  }
  if (size > largest) throw tooLarge;
  return parse(Buffer.concat(parts));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // as wrong as any other value
  }
}

function pathsOf(body) {
  const fits = Array.isArray(body) && body.length >= 1 && body.length <= mostPaths;
  if (fits && body.every((path) => typeof path === "string")) return body;
  throw new Refusal(400, `the body should be a JSON array of 1 to ${mostPaths} paths`);
}

// The token that the application keeps in the session, and shows the page in a meta element.
function sessionProof(request) {
  const token = request.session?.csrfToken;
  const expected = Buffer.from(typeof token === "string" ? token : ""); // the text of an object is known to all
  const given = Buffer.from(request.headers["x-csrf-token"] ?? "");
  return expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
}

function refuse(response, { status, message }) {
  if (status === 405) response.setHeader("Allow", "POST");
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  answer(response, status, message + "\n");
}

function answer(response, status, text) {
  response.statusCode = status;
  response.end(text);
}
