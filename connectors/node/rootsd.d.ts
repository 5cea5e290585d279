// Types of the connector for Node. README.md tells the story; this file is the reference.

/** What JSON can hold, or what `toJSON` makes of it. Not undefined, a function, a symbol or a BigInt: those are an
 * error of reason `message`, and nothing is sent. */
export type Message = unknown;

/** How an update is told. */
export interface UpdateOptions {
  /** Takes the place of an earlier `latest` update at the same path that a client was not sent yet. Default: false. */
  latest?: boolean;
  /** The ID of one client that is not told. */
  except?: string;
  /** Waits for so many seconds, at most 60, until all clients have confirmed it. The answer is a {@link Receipt}. */
  wait?: number;
}

/** One of several updates. */
export interface Update extends UpdateOptions {
  /** 1 to 1,024 bytes of UTF-8 without `*` segments; slashes at its ends are dropped. */
  path: string;
  /** At most 64 KiB as JSON. */
  message: Message;
}

/** How many updates rootsd has taken. */
export interface Accepted {
  accepted: number;
}

/** Who has got an update that waited, in numbers of clients. */
export interface Receipt {
  /** For whom it was. */
  matched: number;
  /** To whose socket it was written. */
  delivered: number;
  /** Who have come back and confirmed it. */
  confirmed: number;
  /** For whom it could not be kept: they are told to load afresh. */
  gapped: number;
}

/** A client, and the paths that were connected, permitted or taken away, without slashes at their ends. */
export interface Linked {
  id: string;
  paths: string[];
}

/** What `GET /clients/<id>` says; docs/protocol.md has all of it. */
export interface Client {
  id: string;
  connected: { path: string; since: string; by: string; lapses_in?: string }[];
  permits: { path: string; lapses_in?: string }[];
  session?: { transport: string; since: string; parked: boolean; until: string; [member: string]: unknown };
}

/** What rootsd says of an error, or this connector: the members of {@link RootsdError}. */
export interface Problem {
  status?: number;
  reason: string;
  detail: string;
  entry?: number;
  field?: string;
  offset?: number;
  uncertain?: boolean;
}

/** Why a call failed. Its `message` is such as `rootsd: update: path has an empty segment (400 path, entry 1)`, and has
 * no token in it. Its `cause` is the system's own error, where there is one. */
export class RootsdError extends Error {
  /** @param call what was being done, such as "update" */
  constructor(call: string, problem: Problem, cause?: unknown);
  /** HTTP status of the answer; 0 where there was none. */
  readonly status: number;
  /** One word: rootsd's own (docs/protocol.md#errors), or one of these. `unreachable`: no connection could be made, and
   * nothing was sent. `interrupted`, `timeout`: something was sent, and no answer came. `answer`: what answers is not
   * rootsd's ingest. `message`: the message is not JSON. `signature`, `timestamp`: a webhook is not to be believed. */
  readonly reason: string;
  /** What is wrong and how it should be, for people. */
  readonly detail: string;
  /** Which of several updates or paths, counted from 0. */
  readonly entry?: number;
  /** Which member of it. */
  readonly field?: string;
  /** Where in the request's body, in bytes. */
  readonly offset?: number;
  /** Whether rootsd may have done it all the same. */
  readonly uncertain: boolean;
}

/** All optional. */
export interface Options<Raises extends boolean = boolean> {
  /** Where ingest listens: `http:` or `https:`, with a path or without. `"null:"` sends nothing: for the tests of an
   * application. Default: `$ROOTS_URL`, or else `http://127.0.0.1:8004`. */
  url?: string | URL;
  /** Default: `$ROOTS_TOKEN`, or else none. */
  token?: string;
  /** How many seconds a call may take in all, beside what it waits for. Default: 5. */
  timeout?: number;
  /** Whether a call that fails rejects. Default: false: it resolves to undefined, and `onError` is told. */
  raises?: Raises;
  /** Told of the error of each call that fails, unless `raises`. Default: writes one line with `console.warn`. */
  onError?: (error: Error) => void;
}

/** What a call resolves to: without `raises`, undefined where it failed. */
export type Answer<Value, Raises extends boolean> = Promise<Raises extends true ? Value : Value | undefined>;

/**
 * Tells rootsd what happened, and which clients may hear of it. One for a whole application, for all of its requests at
 * once: it keeps up to 8 idle connections, which do not keep the process alive, and has up to 100 calls under way.
 *
 * An update is sent once. Only other calls, where a connection that was kept breaks before any byte of an answer, are
 * sent once more.
 *
 * @example
 * const roots = new Connector();
 * await roots.update("orders/42", { state: "paid" });
 */
export class Connector<Raises extends boolean = false> {
  /** @throws TypeError where `url` or `token` cannot be; RangeError where `timeout` is not above 0. */
  constructor(options?: Options<Raises>);

  /** With the url `"null:"`: the calls that were made, as `[verb, body]`, the latest 1,000 of them. `body` is what
   * would have been sent, read as JSON again; null for `clients/…`. May be emptied with `sent.length = 0`. */
  readonly sent: [verb: string, body: any][];

  /** What is told of errors. */
  onError: (error: Error) => void;

  /** Says what happened at a path. Returns a receipt where it was told to `wait`. */
  update(path: string, message: Message, options: UpdateOptions & { wait: number }): Answer<Receipt, Raises>;
  update(path: string, message: Message, options?: UpdateOptions): Answer<Accepted, Raises>;

  /** Says several things in one request: all of them are taken in this order, or none. Where one waits, the answer is a
   * list of receipts, with null for those that do not. */
  updates(updates: Update[]): Answer<Accepted | Receipt | (Receipt | null)[], Raises>;

  /** Connects a client to paths or patterns, all or none, for `lease` seconds or as long as its session lasts. Load
   * what it shows after this, not before. */
  connect(id: string, paths: string | string[], options?: { lease?: number }): Answer<Linked, Raises>;

  /** Undoes {@link connect}, of the very same patterns. */
  disconnect(id: string, ...paths: (string | string[])[]): Answer<Linked, Raises>;

  /** Lets a client publish to paths or patterns, for `lease` seconds or as long as its session lasts. */
  permit(id: string, paths: string | string[], options?: { lease?: number }): Answer<Linked, Raises>;

  /** Undoes {@link permit}. */
  forbid(id: string, ...paths: (string | string[])[]): Answer<Linked, Raises>;

  /** Lets a client into rooms: it hears what is said there, is told who is in it (at `::members/<room>`), and may
   * publish. One request, all or nothing. */
  join(id: string, ...rooms: (string | string[])[]): Answer<Accepted, Raises>;

  /** Ends a client's session. */
  kick(id: string): Answer<{ id: string }, Raises>;

  /** Tells what a client is connected to and may publish to. */
  clients(id: string): Answer<Client, Raises>;

  /** What all of these use: posts `body` to `/<verb>`, or gets it where there is none. Resolves to the answer; rejects
   * on an error, whatever `raises` says. `wait`: seconds to wait for longer than `timeout`. */
  request(verb: string, body?: unknown, options?: { wait?: number }): Promise<any>;

  /** Closes idle connections. The connector can still be used. */
  close(): void;
}
