// Users and lists, in memory: what is simplest, and gone with the process.

import { scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const hash = (name, password) => promisify(scrypt)(password, `todo of ${name}`, 32);

const users = new Map();
for (const name of ["ada", "grace", "mallory"]) users.set(name, await hash(name, `${name}-secret`));

const lists = [
  { id: 1, name: "Groceries", members: ["ada", "grace"], items: [] },
  { id: 2, name: "Plans", members: ["mallory"], items: [] },
];
let lastItem = 0;

/** Resolves to whether this is a user, and their password. */
export async function knows(name, password) {
  const given = await hash(String(name), String(password));
  return users.has(name) && timingSafeEqual(given, users.get(name));
}

/** The lists of a user: `{id, name, members, items}`. */
export function listsOf(user) {
  return lists.filter((list) => list.members.includes(user));
}

/** A list, if it is one of the user's. */
export function findList(user, id) {
  return listsOf(user).find((list) => list.id === id);
}

/** An item of one of the user's lists, with that list; neither, if there is none. */
export function findItem(user, id) {
  const list = listsOf(user).find(({ items }) => items.some((item) => item.id === id));
  return { list, item: list?.items.find((item) => item.id === id) };
}

/** Adds what there is to do, and returns it: `{id, text, done}`. */
export function addItem(list, text) {
  const item = { id: ++lastItem, text, done: false };
  list.items.push(item);
  return item;
}
