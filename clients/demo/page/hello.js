// What somebody sends from a terminal.

const longest = 120; // characters that are shown

/** Shows what arrives at demo/hello. */
export function showHello(roots) {
  const said = document.getElementById("said"), copy = document.getElementById("copy");
  roots.on("demo/hello", (message) => {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    said.textContent = text.length > longest ? `${text.slice(0, longest)}…` : text;
    said.dataset.empty = "no";
    said.classList.remove("new");
    requestAnimationFrame(() => said.classList.add("new"));
  });
  copy.hidden = !navigator.clipboard;
  copy.onclick = async () => {
    await navigator.clipboard.writeText(command());
    copy.textContent = "Copied";
    setTimeout(() => copy.textContent = "Copy", 1500);
  };
}

/** Returns the command as it is shown. */
function command() {
  const shown = document.getElementById("command").cloneNode(true);
  for (const part of shown.querySelectorAll("[hidden]")) part.remove();
  return shown.textContent;
}
