// Makes the calls that it is told, for the tests of all connectors: reads {"method", "args"} from stdin, a line each,
// and writes {"result"} or {"error"}. ROOTS_URL and ROOTS_TOKEN are for the connector; an argument is its time-out in
// seconds.

import { createInterface } from "node:readline";
import { Connector } from "../rootsd.js";

const roots = new Connector({ raises: true, timeout: Number(process.argv[2] ?? 5) });

const calls = {
  update: ({ path, message, ...options }) => roots.update(path, valueOf(message), options),
  updates: ({ updates }) => roots.updates(updates.map((update) => ({ ...update, message: valueOf(update.message) }))),
  connect: ({ id, paths, lease }) => roots.connect(id, paths, { lease }),
  permit: ({ id, paths, lease }) => roots.permit(id, paths, { lease }),
  disconnect: ({ id, paths }) => roots.disconnect(id, paths),
  forbid: ({ id, paths }) => roots.forbid(id, paths),
  join: ({ id, rooms }) => roots.join(id, rooms),
  kick: ({ id }) => roots.kick(id),
  clients: ({ id }) => roots.clients(id),
};

// {"$": "nan"} stands for what JSON cannot hold.
function valueOf(message) {
  return message?.$ === "nan" ? 1n : message;
}

function problemOf({ message: text, status, reason, detail, entry, field, uncertain }) {
  return { text, status, reason, detail, entry, field, uncertain };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  const outcome = await calls[method](args).then((result) => ({ result }), (error) => ({ error: problemOf(error) }));
  console.log(JSON.stringify(outcome));
}
