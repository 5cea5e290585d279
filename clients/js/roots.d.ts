// Types of Roots, the client of rootsd. docs/browser.md tells the story; this file is the reference.

/** What a status light shows, of the connection; not whether each view is connected: `connecting` before the first
 * session, `live` while updates arrive as they happen, `retrying` between a failure and the next try, `closed` after
 * {@link Roots.close}. */
export type State = "connecting" | "live" | "retrying" | "closed";

/** How updates travel. All three do the same on the same session. */
export type TransportName = "websocket" | "sse" | "long-poll";

/** An update as rootsd sends it. */
export interface Update<Message = unknown> {
  /** Where it happened. In a blank message it may be a pattern. */
  path: string;
  /** Any JSON value. `""` says that the view of `path` starts afresh: such updates go to `reload`. */
  message: Message;
  /** The ID of the client that published it; left out where a back-end did. */
  from?: string;
  /** Why something was missed: `overflow`, `age` or `resume` as rootsd says it; `tab` where this page missed what
   * another tab of the browser heard for it; `reload` where more came during a reload than `hold` allows. */
  gap?: string;
}

/** An error of a request, with what the answer said of it. */
export interface RootsError extends Error {
  /** HTTP status of the answer; left out where there was none. */
  status?: number;
  /** One word, for programs: `reason` of the problem that rootsd answered; left out where it said none. */
  reason?: string;
}

/** Asks the application to connect a client to paths, or to disconnect it. Rejecting, or a Response that is not ok,
 * means that it is tried again later, but for a `status` from 400 to 499 other than 408, 425 and 429 (or the `reason`
 * "unknown_id"): then the application has refused. */
export type Ask = (id: string, paths: string[]) => Promise<unknown>;

export interface Options {
  /** Where the application connects its users: a URL in which `{id}` stands for the client's ID, to which an array of
   * paths is POSTed as JSON, with the page's cookies and CSRF token; or a function that does it. Left out, the client
   * connects itself, which is for paths that `push.open` of rootsd opens. */
  connect?: string | Ask;
  /** The same for paths that nobody listens to any more. Left out beside `connect`, nothing is asked, and what comes is
   * ignored until the session ends. Without `connect`, it is not used. */
  disconnect?: string | Ask;
  /** Sent with requests to the application, beside what Django's cookie `csrftoken` and the `csrf-token` meta element
   * of Rails and Laravel give by themselves; a function is asked before each request. Never sent to rootsd. */
  headers?: HeadersInit | (() => HeadersInit);
  /** Which transports to use, the best first. Default: `["websocket", "sse", "long-poll"]`. What works is remembered
   * for a day, in localStorage. */
  transports?: TransportName[];
  /** Whether the tabs of a browser share one connection. Default: true, where the browser has Web Locks, which it has
   * on HTTPS and localhost. A text separates groups of tabs that must not share, such as those of different users. */
  share?: boolean | string;
  /** Longest wait between two tries, in milliseconds; each wait is drawn from 0 to a bound that doubles from 500 up to
   * this. Default: 15000. */
  retry?: number;
  /** How long a connection may be silent before it is taken for dead, in milliseconds; longer than `push.hold` of
   * rootsd. Default: 60000. */
  silence?: number;
  /** How long a new connection may take until its first word, in milliseconds, before another transport is tried.
   * Default: 5000. */
  patience?: number;
  /** How many updates may wait for a reload that is under way. When there are more they go, and the view is loaded once
   * more. Default: 1000. */
  hold?: number;
  /** How long a hidden page that shares no connection keeps it, in milliseconds, unless it is a WebSocket: browsers
   * allow six to a host. It comes back when it is seen again. Default: 10000. */
  hidden?: number;
  /** Used instead of the global ones: by tests, and to add a header to requests to rootsd itself. */
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

/**
 * A connection to rootsd. It opens with the first {@link on}, and stays open by itself until {@link close}.
 *
 * Events (it is an EventTarget): `state`, whose `detail` is the new {@link State}; `session`, whose `detail` is the new
 * ID; `error`, whose `detail` is an Error that the page's author should know of: its message says what was being done,
 * such as "connect orders/42" or "reload news/*", and why it failed; its `cause` is the error itself, whose `status`
 * and `reason` it has as well. Unless a listener calls `preventDefault()`, it is written to the console as a warning.
 * What concerns the connection or the application is said in the tab that leads.
 *
 * @example
 * const roots = new Roots("/comet/", { connect: "/server/connect/{id}" });
 * const off = roots.on("orders/42", (order) => show(order), () => load());
 */
export class Roots extends EventTarget {
  /** @param url where rootsd answers browsers, such as `/comet/` or `https://push.example.com/`; whole where there is
   * no page, as in Node. Throws a TypeError where it is none, or an option cannot be. */
  constructor(url: string | URL, options?: Options);

  /** The ID that rootsd knows this client by; "" before the first session. Others may see it. */
  readonly id: string;
  readonly state: State;
  /** What carries updates now, in whichever tab; "" while nothing does. */
  readonly transport: TransportName | "";

  /**
   * Has `render` told of every update at the paths that `pattern` matches, in order, and `reload` whenever the view of
   * them starts afresh: first when the connection stands, and again where updates were missed. If `reload` returns a
   * promise, updates wait until it settles, so that what it loads never overwrites them; if it rejects, it is called
   * again, after a while. Blank messages go to `reload` alone.
   *
   * `*` in a pattern stands for one segment, `**` at its end for one or more.
   *
   * @returns what undoes it. Calling that more than once does no harm.
   * @throws RangeError if `pattern` is none; its `reason` is one of the names in docs/vectors/README.md. TypeError if
   * it is no text, Error after {@link close}.
   */
  on<Message = unknown>(
    pattern: string,
    render?: (message: Message, update: Update<Message>) => unknown,
    reload?: (update: Update<"">) => unknown,
  ): () => void;

  /** Publishes where a back-end permitted this client to. Publishes of one page arrive in order. Resolves when rootsd
   * has taken it. Rejects with a {@link RootsError} where it has not, a RangeError where `path` is none, an Error after
   * {@link close}. It is sent once: where no answer came, it is not known whether rootsd has taken it. */
  publish(path: string, message: unknown): Promise<void>;

  /** Drops the connection and comes back on the same session, at once: nothing is lost. */
  reconnect(): void;

  /** Ends it all: handlers, connection and, if no other tab uses it, the session. */
  close(): void;
}
