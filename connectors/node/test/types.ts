// What an application does with the types. Each line below an @ts-expect-error has to be refused.

import { Connector, RootsdError, type Accepted, type Client, type Linked, type Receipt } from "@rootsd/connector";
import { endpoints } from "@rootsd/connector/express";
import { verify } from "@rootsd/connector/webhook";

export async function calls(): Promise<void> {
  const roots = new Connector();
  const accepted: Accepted | undefined = await roots.update("a", { n: 1 }, { latest: true, except: "x" });
  const receipt: Receipt | undefined = await roots.update("a", null, { wait: 0.5 });
  const linked: Linked | undefined = await roots.connect("x", ["a", "b"], { lease: 60 });
  await roots.updates([{ path: "a", message: 1, wait: 2 }, { path: "b", message: "" }]);
  await roots.permit("x", "a");
  await roots.disconnect("x", "a", "b");
  await roots.forbid("x", ["a"]);
  await roots.join("x", "room/blue", "room/red");
  await roots.kick("x");
  const first: string | undefined = (await roots.clients("x"))?.connected[0]?.path;
  roots.sent.length = 0;
  roots.close();
  void [accepted, receipt, linked, first];

  // @ts-expect-error: without raises there may be no answer
  const surely: Accepted = await roots.update("a", 1);
  // @ts-expect-error: a misspelt option
  await roots.update("a", 1, { lastest: true });
  // @ts-expect-error: seconds are a number
  await roots.update("a", 1, { wait: "2s" });
  // @ts-expect-error: an update has a message
  await roots.updates([{ path: "a" }]);
  // @ts-expect-error: paths are needed
  await roots.connect("x");
  void surely;
}

export async function raising(): Promise<void> {
  const roots = new Connector({ url: new URL("http://localhost:8004"), token: "t", timeout: 2.5, raises: true });
  try {
    const accepted: Accepted = await roots.update("a", 1);
    const client: Client = await roots.clients("x");
    void [accepted, client];
  } catch (error) {
    if (error instanceof RootsdError && error.uncertain) console.log(error.status, error.reason, error.entry ?? 0);
  }
  const other = new RootsdError("update", { reason: "message", detail: "no" }, new Error("cause"));
  // @ts-expect-error: what it says stays
  other.reason = "path";
  // @ts-expect-error: a misspelt setting
  new Connector({ onerror: () => {} });
}

/** As the types of Express have it, in short. */
interface Request {
  method: string;
  url: string;
  headers: { [name: string]: string | string[] | undefined };
  session: { user: string };
}

export function glue(roots: Connector, raising: Connector<true>): void {
  const handler = endpoints(roots, async (request: Request, path) => path === request.session.user);
  endpoints(raising, (request, path: string) => path === request.session.user, { proof: () => true });
  handler({} as Request, { statusCode: 200, setHeader() {}, end() {} }, () => {});
  // @ts-expect-error: who may hear is needed
  endpoints(roots);
  // @ts-expect-error: nothing but a boolean says yes
  endpoints(roots, (request: Request) => request.session.user);
}

export function hook(body: Uint8Array, headers: { [name: string]: string | string[] | undefined }): unknown {
  verify("{}", new Headers(), ["whsec_a", "whsec_b"], { tolerance: 60, now: 0 });
  // @ts-expect-error: a secret is needed
  verify(body, headers);
  return verify(body, headers, "whsec_a");
}
