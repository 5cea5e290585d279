// What a script element loads: it makes the class global.
import { Roots } from "./roots.js";

globalThis.Roots = Roots;
