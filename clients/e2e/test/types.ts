// Uses every part of roots.d.ts; tsc checks it and nothing runs it. A line after "@ts-expect-error" must be an error.

import { Roots, type Ask, type Options, type RootsError, type State, type TransportName, type Update } from "../../js/roots.js";

interface Order {
  state: string;
}

const ask: Ask = async (id, paths) => fetch(`/connect/${id.toUpperCase()}`, { body: paths.join() });
const transports: TransportName[] = ["websocket", "sse", "long-poll"];
const all: Required<Options> = {
  connect: ask,
  disconnect: "/server/disconnect/{id}",
  headers: () => ({ "X-Tenant": "acme" }),
  transports,
  share: "ada",
  retry: 15_000,
  silence: 60_000,
  patience: 5_000,
  hold: 1_000,
  hidden: 10_000,
  fetch,
  WebSocket,
};

new Roots("/comet/");
new Roots(new URL("https://push.example.com/"), { share: false, headers: new Headers() });
const roots = new Roots("/comet/", all);

const id: string = roots.id;
const state: State = roots.state;
const transport: TransportName | "" = roots.transport;

const off: () => void = roots.on<Order>(
  "orders/42",
  (order, update) => {
    order.state satisfies string;
    update satisfies Update<Order>;
    update.from satisfies string | undefined;
    update.gap satisfies string | undefined;
  },
  async (update) => {
    update.message satisfies "";
    await fetch(update.path);
  },
);
roots.on("news/*", (message) => {
  message satisfies unknown;
  // @ts-expect-error a message of which nothing is said may be anything
  message.title;
});
roots.on("news", undefined, () => location.reload());
off();

roots.publish("chat", { text: "hello" }).catch((error: RootsError) => {
  error.status satisfies number | undefined;
  error.reason satisfies string | undefined;
  error.message satisfies string;
});
roots.addEventListener("state", (event) => (event as CustomEvent<State>).detail satisfies State);
roots.reconnect() satisfies void;
roots.close() satisfies void;

// @ts-expect-error a URL is needed
new Roots();
// @ts-expect-error an option has another name
new Roots("/comet/", { retries: 3 });
// @ts-expect-error there is no such transport
new Roots("/comet/", { transports: ["carrier-pigeon"] });
// @ts-expect-error a time is a number
new Roots("/comet/", { retry: "15s" });
// @ts-expect-error what asks returns a promise
new Roots("/comet/", { connect: (id: string) => id });
// @ts-expect-error the ID is given
roots.id = id;
// @ts-expect-error there is no such state
roots.state === "open";
// @ts-expect-error so is the transport
roots.transport = transport;
// @ts-expect-error a pattern is a text
roots.on(42, () => {});
// @ts-expect-error a handler is a function
roots.on("orders", { render() {} });
// @ts-expect-error a message is needed
roots.publish("chat");
// @ts-expect-error on() returns a function, and no object
roots.on("orders").unsubscribe();
// @ts-expect-error there is nothing else
roots.subscribe("orders");
// @ts-expect-error an update has a path
const update: Update = { message: state };
void update;
