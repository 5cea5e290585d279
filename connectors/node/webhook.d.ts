// Types of webhooks; README.md has an example.

/** Header fields by name, in any case. */
export type HeaderFields =
  | { [name: string]: string | string[] | undefined }
  | { entries(): Iterable<[string, string]> };

/**
 * Says whether a webhook was signed with `secret`, by the rules of Standard Webhooks (HMAC-SHA256, `v1`), and returns
 * its body as JSON.
 *
 * @param body as it came, byte for byte: not what a parser has made of it
 * @param headers among them `webhook-id`, `webhook-timestamp` and `webhook-signature`
 * @param secret base64, with `whsec_` before it or without; several while it is being changed
 * @param options `tolerance`: how many seconds its time may be from now, 300 by default. `now`: Unix seconds, in tests.
 * @throws RootsdError of reason `timestamp` (its time is missing, too old or too far ahead), `signature` (it was not
 * signed with this secret), or `message` (what was signed is not JSON); TypeError where a secret is not base64.
 */
export function verify(
  body: string | Uint8Array,
  headers: HeaderFields,
  secret: string | string[],
  options?: { tolerance?: number; now?: number },
): any;
