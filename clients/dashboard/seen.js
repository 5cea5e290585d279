// Work that is done only while somebody looks at it: to a page that nobody sees the daemon sends little more than the
// numbers of each second.

/** Calls start when the element comes into sight, and stop when it, or the whole page, is seen no more. */
export function whileSeen(element, start, stop) {
  let near = false;
  let seen = false;
  const settle = () => {
    const now = near && !document.hidden;
    if (now === seen) return;
    seen = now;
    if (seen) start();
    else stop();
  };
  new IntersectionObserver((entries) => {
    near = entries.at(-1).isIntersecting;
    settle();
  }).observe(element);
  document.addEventListener("visibilitychange", settle);
}

/** Does a task again and again while the element is seen, with so many milliseconds between two. The task must not
 * reject. Returns what does it at once. */
export function every(element, milliseconds, task) {
  let timer = 0;
  let seen = false;
  let running = false;
  let again = false;
  async function run() {
    clearTimeout(timer);
    again = running;
    if (running) return;
    running = true;
    await task();
    running = false;
    if (again) run();
    else if (seen) timer = setTimeout(run, milliseconds);
  }
  const start = () => {
    seen = true;
    run();
  };
  const stop = () => {
    seen = false;
    clearTimeout(timer);
  };
  whileSeen(element, start, stop);
  return run;
}
