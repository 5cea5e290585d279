const kept = 1000; // holes that are remembered, in case that what belongs there comes late

/** Checks that numbers come without a hole, a repetition or a wrong order. */
export class Sequence {
  received = 0;
  missed = 0;
  repeated = 0;
  disordered = 0;
  last = 0;
  loads = 0;
  #next = 0; // the highest number that may come next; 0: any, until the first load
  #exact = false; // whether it must be that one
  #holes = new Set();

  /** Starts afresh, at the number that the application has reached. What comes next was told after the page was connected, which
   * was before: it may be that number or an earlier one, and at most the one after it. */
  load(number) {
    this.loads++;
    if (number < this.last) this.last = 0; // the application has begun anew
    this.#next = number + 1;
    this.#exact = false;
    this.#holes.clear();
  }

  hear(number) {
    this.received++;
    if (!Number.isSafeInteger(number)) return void this.disordered++;
    if (number <= this.last) return this.#again(number);
    const from = this.#exact ? this.last + 1 : Math.min(this.#next || number, number);
    this.missed += number - from;
    for (let hole = from; hole < number && this.#holes.size < kept; hole++) this.#holes.add(hole);
    this.last = number;
    this.#exact = true;
  }

  #again(number) {
    if (!this.#holes.delete(number)) return void this.repeated++;
    this.missed--;
    this.disordered++;
  }

  get good() {
    return !this.missed && !this.repeated && !this.disordered;
  }
}
