// Lists of what there is to do, each for several people who see each other's changes at once.

import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs";
import express from "express";
import session from "express-session";
import { addItem, findItem, findList, knows, listsOf } from "./store.js";
import { Connector } from "@rootsd/connector";
import { endpoints } from "@rootsd/connector/express";

const app = express();
const roots = new Connector();

// A user may hear of the lists that are theirs.
function mayHear(request, path) {
  return listsOf(request.session.user).some((list) => path === `lists/${list.id}`);
}

// Views are HTML in which {{name}} stands for a value.
app.engine("html", (file, values, done) => {
  readFile(file, "utf8", (error, text) => done(error, text?.replace(/{{(\w+)}}/g, (_, name) => escape(values[name]))));
});
app.set("view engine", "html");
app.set("views", `${import.meta.dirname}/views`);

app.use(express.json(), express.urlencoded());
app.use(session({
  secret: randomBytes(32).toString("hex"), // sessions are kept in memory, and end with the process as well
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: "lax" },
}));

// Each session has a token that its pages know, and pages of other sites do not. What changes something has to show it.
app.use((request, response, next) => {
  const token = (request.session.csrfToken ??= randomUUID());
  response.locals.csrfToken = token;
  const shown = request.get("X-CSRF-Token") ?? request.body?.csrf ?? "";
  if (request.method === "POST" && !isSame(shown, token)) return response.sendStatus(403);
  next();
});

app.get("/login", (request, response) => response.render("login", { problem: "" }));

app.post("/login", async (request, response, next) => {
  const { username, password } = request.body;
  if (!(await knows(username, password))) {
    return response.status(401).render("login", { problem: "This is not your name, or not your password." });
  }
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = username;
    response.redirect("/");
  });
});

// All that follows is for those who are logged in.
app.use((request, response, next) => {
  const { user } = request.session;
  if (!user) return response.redirect("/login");
  response.locals.user = user;
  next();
});

app.use("/server", endpoints(roots, mayHear));

app.post("/logout", (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect("/login")));
});

app.get("/", (request, response) => response.render("index"));

app.get("/lists", (request, response) => {
  response.json(listsOf(request.session.user).map(({ id, name }) => ({ id, name })));
});

app.param("list", (request, response, next, id) => {
  request.list = findList(request.session.user, Number(id));
  if (!request.list) return response.sendStatus(404);
  next();
});

app.get("/lists/:list", (request, response) => response.render("list", request.list));

app.get("/lists/:list/items", (request, response) => response.json(request.list.items));

app.post("/lists/:list/items", async (request, response) => {
  const { list, body } = request;
  if (typeof body?.text !== "string" || !body.text.trim()) return response.sendStatus(400);
  const item = addItem(list, body.text.trim());
  await roots.update(`lists/${list.id}`, item);
  response.status(201).json(item);
});

app.post("/items/:item", async (request, response) => {
  const { list, item } = findItem(request.session.user, Number(request.params.item));
  if (!item) return response.sendStatus(404);
  item.done = request.body?.done === true;
  await roots.update(`lists/${list.id}`, item);
  response.json(item);
});

// Whether two texts are the same, in a time that does not say how much of them is.
function isSame(a, b) {
  const [one, other] = [Buffer.from(String(a)), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function escape(value) {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const port = Number(process.env.PORT ?? 8000);
app.listen(port, "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`the lists are at http://localhost:${port}/`);
});
