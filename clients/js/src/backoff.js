/** Returns how long to wait before the try after so many have failed: full jitter, so that those who failed together do
 * not come back together. */
export const backoff = (tries, cap) => Math.random() * Math.min(cap, 500 * 2 ** tries);
