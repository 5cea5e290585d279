const roots = new Roots("../", { connect: "connect/{id}" });
const bar = (path) => document.getElementById(path);
const show = (percent, { path }) => { bar(path).value = percent; };
const load = async () => (await fetch("jobs")).json()
  .then((jobs) => jobs.forEach((job) => show(job.percent, job)));
roots.on("demo/jobs/*", show, load);
