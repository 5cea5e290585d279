// What the daemon says of itself once a second, and what follows from two such: rates, and quantiles of the latency.

const latencyBuckets = "rootsd_delivery_seconds_bucket";

/** Latencies are taken over so many seconds: a quantile of a single second's few deliveries jumps about. */
const latencySpan = 5;

/** Where two reports are further apart than so many milliseconds, what happened between them is not known by the second. */
export const gapAfter = 5_000;

const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(series) {
  return Object.fromEntries([...series.matchAll(labelPattern)].map(([, name, value]) => [name, value]));
}

/** The last few reports of the daemon, `{time, values}`. */
export class Stats {
  #kept = [];

  add(report) {
    if (this.#isAnother(report)) this.#kept = [];
    this.#kept.push(report);
    if (this.#kept.length > latencySpan + 1) this.#kept.shift();
  }

  /** In unix milliseconds, by the daemon's clock. */
  get time() {
    return this.#kept.at(-1)?.time ?? 0;
  }

  /** The sum of a metric's series, of those whose label has this value if one is given. */
  total(metric, label, value) {
    return sum(this.#kept.at(-1), metric, label, value);
  }

  /** How much a counter grows in a second; null until that is known. */
  rate(metric, label, value) {
    const [before, now] = this.#kept.slice(-2);
    if (!now) return null;
    const grown = sum(now, metric, label, value) - sum(before, metric, label, value);
    return Math.max(0, grown) / ((now.time - before.time) / 1000);
  }

  /** The value of a label whose series grows fastest, or "". */
  fastest(metric, label) {
    const [before, now] = this.#kept.slice(-2);
    if (!now) return "";
    const growth = Object.keys(now.values).filter((key) => isOf(key, metric))
      .map((key) => ({ name: labelsOf(key)[label], n: now.values[key] - (before.values[key] ?? 0) }));
    return growth.filter(({ n }) => n > 0).sort((a, b) => b.n - a.n)[0]?.name ?? "";
  }

  /** The latency, in seconds, that a share q of the last deliveries kept within; null if there were none. */
  latency(q) {
    if (this.#kept.length < 2) return null;
    const before = this.#kept[0].values;
    const buckets = Object.entries(this.#kept.at(-1).values).filter(([key]) => isOf(key, latencyBuckets))
      .map(([key, n]) => ({ le: Number(labelsOf(key).le.replace("+Inf", "Infinity")), n: n - (before[key] ?? 0) }));
    return quantile(q, buckets.sort((a, b) => a.le - b.le));
  }

  /** Whether a report is of another process than those before it, or comes after such a pause that no rate follows. */
  #isAnother({ time, values }) {
    const last = this.#kept.at(-1);
    return last && (time <= last.time || time - last.time > gapAfter ||
      values.process_start_time_seconds !== last.values.process_start_time_seconds);
  }
}

const isOf = (series, metric) => series === metric || series.startsWith(metric + "{");

function sum(report, metric, label, value) {
  let all = 0;
  for (const [series, n] of Object.entries(report?.values ?? {})) {
    if (isOf(series, metric) && (!label || labelsOf(series)[label] === value)) all += n;
  }
  return all;
}

/** A quantile of a histogram whose buckets, `{le, n}`, count all up to their bound, as Prometheus reckons it. */
function quantile(q, buckets) {
  const all = buckets.at(-1)?.n ?? 0;
  if (!all) return null;
  const i = buckets.findIndex(({ n }) => n >= q * all);
  const [from, below] = i > 0 ? [buckets[i - 1].le, buckets[i - 1].n] : [0, 0];
  const { le, n } = buckets[i];
  return le === Infinity ? from : from + (le - from) * ((q * all - below) / (n - below));
}
