// How many tabs of this browser show this page. Each holds a lock while it lives, so that one that crashes does not count.

const often = 2000; // milliseconds
const prefix = `tab ${new URL(".", location)} `;

/** Says how many there are, where the browser can tell. */
export function showTabs() {
  if (!navigator.locks) return;
  navigator.locks.request(prefix + Math.random(), () => new Promise(() => {}));
  show();
  setInterval(() => document.hidden || show(), often);
}

async function show() {
  const { held } = await navigator.locks.query();
  const tabs = held.filter(({ name }) => name.startsWith(prefix)).length;
  const text = tabs > 1
    ? `${tabs} tabs of this browser show this page, over one connection to rootsd. Close any of them: another takes over.`
    : "Open this page in another tab: the tabs of a browser share one connection.";
  const place = document.getElementById("shared");
  if (place.textContent !== text) place.textContent = text;
}
