// Types of the handler for Express. They name what it needs of a request, so that the types of Express are not needed.

import type { Connector } from "./rootsd.js";

/** What is looked at of a request. */
export interface EndpointRequest {
  method?: string;
  url?: string;
  headers: { [name: string]: string | string[] | undefined };
}

/** What is done with a response. */
export interface EndpointResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text?: string): unknown;
}

/**
 * Returns a handler, to be mounted where the page's `connect: "/server/connect/{id}"` says, after the session:
 * `app.use("/server", endpoints(roots, mayHear))`. It answers `POST /connect/<id>` and `POST /disconnect/<id>`, whose
 * body is a JSON array of paths, and leaves all else to the handlers that follow. A body parser may stand before it.
 *
 * | answer | when |
 * |---|---|
 * | 204 | the client is connected to all of the paths, or disconnected |
 * | 400 | the body is not a JSON array of 1 to 1,000 texts, or rootsd says what is wrong with them |
 * | 403 | there is no proof, or a path may not be heard: then the client is connected to none of them |
 * | 405, 413 | it is not a POST; the body is larger than 256 KiB |
 * | 502 | rootsd cannot be reached, or does not know the client; the error goes to `roots.onError` |
 *
 * @param mayHear whether the user of this request may hear what is told at `path`, which may be a pattern, and has no
 * slashes at its ends. Anything but true, or a promise of true, refuses. What it throws is handed to `next`. Of the
 * paths that begin with `::`, it is asked for `::members/…` alone; the others are refused. A disconnect is not asked
 * about.
 * @param options `proof`: whether a request comes from a page of the application's own, and not from one of another
 * site; true or a promise of true. Default: the header `X-CSRF-Token` is `request.session.csrfToken`, and not empty.
 * @throws TypeError where `roots`, `mayHear` or `proof` is missing.
 */
export function endpoints<Request extends EndpointRequest = any>(
  roots: Connector<boolean>,
  mayHear: (request: Request, path: string) => boolean | Promise<boolean>,
  options?: { proof?: (request: Request) => boolean | Promise<boolean> },
): (request: Request, response: EndpointResponse, next: (error?: unknown) => void) => void;
