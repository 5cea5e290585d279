// The proof that nothing is lost: numbers, a time line, and two ways to try and break it.
/* global tunnel */
import { get } from "./api.js";
import { Sequence } from "./sequence.js";
import { Times } from "./times.js";

const settled = 100; // milliseconds in which what waited has come, and hardly anything new

/** Checks the numbers at demo/ticks, and shows what it found. */
export function showProof(roots) {
  const at = (id) => document.getElementById(id);
  const sequence = new Sequence(), times = new Times(at("times"));
  let broken = null; // while it is broken on purpose: what is to hear of the next number

  const show = () => {
    for (const name of ["received", "missed", "repeated", "disordered"]) at(name).textContent = sequence[name].toLocaleString("en");
    at("number").textContent = sequence.last.toLocaleString("en");
    at("loads").textContent = sequence.loads - 1;
    at("afresh").hidden = sequence.loads < 2;
    at("counts").dataset.good = sequence.good ? "yes" : "no";
  };
  roots.on("demo/ticks", (number) => {
    sequence.hear(number);
    times.note();
    broken?.heard();
    show();
  }, async () => sequence.load(await get("ticks")));
  setInterval(() => (roots.state !== "live" || tunnel.inside) && times.down(), 100);

  // Waits for the first number to come after a break, and tells what came with it.
  const watch = (tell) => {
    const began = Date.now(), { received, missed } = sequence;
    broken = {
      heard() {
        broken = null;
        const time = Date.now() - began;
        setTimeout(() => {
          const holes = sequence.missed - missed;
          at("told").textContent = `${tell(time, sequence.received - received)} ${holes ? `${holes} are missing.` : "None is missing."}`;
        }, settled);
      },
    };
  };
  at("break").onclick = () => {
    at("told").textContent = "Broken. It comes back by itself …";
    watch((time) => `Broken, and back on the same session: the next number came ${time} ms later.`);
    roots.reconnect();
  };
  addEventListener("away", ({ detail: until }) => {
    at("leave").disabled = at("break").disabled = true;
    at("told").textContent = "Away. The application counts on, and rootsd keeps what it says …";
    watch((time, came) => `Away for ${(time / 1000).toFixed(1)} s. ${came} numbers waited for it, and came at once.`);
    setTimeout(() => at("leave").disabled = at("break").disabled = false, until - Date.now());
  });
  at("leave").onclick = () => tunnel.go(10_000);
}
