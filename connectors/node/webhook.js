// Says whether a webhook comes from whom it says: Standard Webhooks, HMAC-SHA256. See webhook.d.ts.

import { createHmac, timingSafeEqual } from "node:crypto";
import { RootsdError } from "./rootsd.js";

/** Returns the body as JSON. See webhook.d.ts. */
export function verify(body, headers, secret, { tolerance = 300, now = Date.now() / 1000 } = {}) {
  const keys = [secret].flat().map(keyOf);
  if (keys.length === 0) throw new TypeError("rootsd: webhook: there is no secret");
  const header = fieldsOf(headers);
  checkTime(header("timestamp"), now, tolerance);
  const signed = [`${header("id")}.${header("timestamp")}.`, body];
  const given = header("signature").split(" ").filter((each) => each.startsWith("v1,")).map((each) => each.slice(3));
  const genuine = keys.map((key) => signatureOf(key, signed));
  if (!header("id") || !given.some((one) => genuine.some((other) => isEqual(one, other)))) {
    throw refusal("signature", "the signature is none that the secret makes; is it the secret that rootsd has?");
  }
  return parse(body);
}

function keyOf(secret) {
  const text = typeof secret === "string" ? secret.replace(/^whsec_/, "") : "";
  const key = Buffer.from(text, "base64"); // passes over what is not base64; of "A", nothing is left
  if (!text || key.toString("base64") !== text) throw new TypeError("rootsd: webhook: a secret is whsec_ and base64");
  return key;
}

// Reads header fields by the end of their names, whatever their case, from an object, a Headers or a Map.
function fieldsOf(headers) {
  const entries = typeof headers.entries === "function" ? [...headers.entries()] : Object.entries(headers);
  const fields = new Map(entries.map(([name, value]) => [name.toLowerCase(), String(value ?? "")]));
  return (name) => fields.get(`webhook-${name}`) ?? "";
}

function checkTime(text, now, tolerance) {
  if (!/^\d+$/.test(text)) throw refusal("timestamp", "webhook-timestamp is missing, or no number of whole seconds");
  const age = Math.floor(now) - Number(text);
  if (Math.abs(age) > tolerance) {
    const where = `${Math.abs(age)} s ${age > 0 ? "ago" : "ahead"}`;
    throw refusal("timestamp", `its time is ${where}, and ${tolerance} s are the most; are both clocks right?`);
  }
}

function signatureOf(key, parts) {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("base64");
}

function isEqual(given, genuine) {
  const [a, b] = [Buffer.from(given), Buffer.from(genuine)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parse(body) {
  try {
    return JSON.parse(typeof body === "string" ? body : Buffer.from(body).toString());
  } catch (error) {
    throw refusal("message", `the body is signed, and not JSON: ${error.message}`);
  }
}

function refusal(reason, detail) {
  return new RootsdError("webhook", { reason, detail });
}
