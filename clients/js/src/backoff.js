export const day = 864e5; // milliseconds

/** Returns how long to wait before the try after so many have failed, the last with an error: for as long as it says,
 * and with full jitter for some time more, so that those who failed together do not come back together. */
export const backoff = (tries, cap, error) =>
  Math.min(day, (error?.after || 0) + Math.random() * Math.min(cap, 500 * 2 ** tries));
