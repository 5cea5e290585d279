// What the charts show. A line's `of` takes the Stats; a `main` one stands in large above its chart.

import { bytes, count, latency, percent, whole } from "./dom.js";

const streams = (stats, transport) => stats.total("rootsd_streams", "transport", transport);

/** Clients that wait, by transport: what is no stream is a long-poll. */
export const waiting = {
  "long-poll": (stats) =>
    Math.max(0, stats.total("rootsd_parked") - stats.total("rootsd_streams")),
  sse: (stats) => streams(stats, "sse"),
  websocket: (stats) => streams(stats, "websocket"),
};

export const measures = [
  {
    title: "Updates in", unit: "per second", wide: true, format: count,
    about: "what back-ends, scripts and clients publish, commands among it (rootsd_published_total)",
    lines: [{ main: true, of: (stats) => stats.rate("rootsd_published_total") }],
  },
  {
    title: "Deliveries", unit: "per second", wide: true, format: count,
    about: "updates written to clients (rootsd_delivered_total)",
    lines: [{ main: true, of: (stats) => stats.rate("rootsd_delivered_total") }],
  },
  {
    title: "Latency", unit: "from arrival to the client's socket", wide: true, format: latency,
    about: "over five seconds each; the time for which a client was away counts (rootsd_delivery_seconds)",
    lines: [
      { name: "p50", main: true, of: (stats) => stats.latency(0.5) },
      { name: "p99", main: true, of: (stats) => stats.latency(0.99) },
    ],
  },
  {
    title: "Sessions", unit: "clients", format: whole,
    about: "and how many of them wait, by transport (rootsd_sessions, rootsd_parked, rootsd_streams)",
    lines: [
      { name: "all", main: true, of: (stats) => stats.total("rootsd_sessions") },
      { name: "poll", of: waiting["long-poll"] },
      { name: "SSE", of: waiting.sse },
      { name: "WS", of: waiting.websocket },
    ],
  },
  {
    title: "Waiting", unit: "updates", format: whole,
    about: "in sessions, until clients confirm them (rootsd_queue_messages)",
    lines: [{ main: true, of: (stats) => stats.total("rootsd_queue_messages") }],
    note: (stats) => bytes(stats.total("rootsd_queue_bytes")),
  },
  {
    title: "Gapped", unit: "per second", format: count, alarm: true,
    about: "updates that could not be kept: their clients are told to load afresh (rootsd_gapped_total)",
    lines: [{ main: true, of: (stats) => stats.rate("rootsd_gapped_total") }],
  },
  {
    title: "Refused", unit: "per second", format: count, alarm: true,
    about: "requests, lines and connections refused (rootsd_refused_total)",
    lines: [{ main: true, of: (stats) => stats.rate("rootsd_refused_total") }],
    note: (stats) => stats.fastest("rootsd_refused_total", "reason"),
  },
  {
    title: "CPU", unit: "of one core", format: percent,
    about: "what the daemon takes (process_cpu_seconds_total)",
    lines: [{ main: true, of: (stats) => scaled(stats.rate("process_cpu_seconds_total"), 100) }],
  },
  {
    title: "Memory", unit: "resident", format: bytes,
    about: "what the daemon takes (process_resident_memory_bytes)",
    lines: [{ main: true, of: (stats) => stats.total("process_resident_memory_bytes") }],
    note: (stats) => `${whole(stats.total("go_goroutines"))} goroutines`,
  },
];

const scaled = (n, factor) => (n === null ? null : n * factor);
