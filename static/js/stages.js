// The list of named stages on the page of an evaluation. Neither the stage nor a count ever goes backwards, unless the
// evaluation returns to the queue.
import { interpolate, ngettext } from "./translate.js";

const COUNT = ".stage-count";

export class Stages {
  constructor(list) {
    this.items = list ? [...list.children] : [];
    this.at = Math.max(0, this.items.findIndex((item) => item.dataset.state === "present"));
    this.done = Number(this.items[this.at]?.dataset.done ?? 0);
    // The number of the event with which the work that the page shows began. Earlier events tell of an earlier try.
    this.begun = Number(list?.dataset.begun ?? 0);
  }

  get title() {
    return this.items[this.at]?.querySelector("span").firstChild.textContent ?? "";
  }

  // How much of everything is done, from 0 to 1.
  get share() {
    return this.items.length ? (this.at + (this.part ?? 0)) / this.items.length : 0;
  }

  // Says how many evaluations are before this one.
  wait(ahead) {
    this.#move(0);
    this.#count(ahead ? interpolate(ngettext("%(ahead)s ahead", "%(ahead)s ahead", ahead), { ahead }) : "");
  }

  // A worker has started, perhaps again. `id` is the number of that event, or nothing where it is not known yet.
  start(id) {
    if (id && id <= this.begun) return;
    this.begun = id ?? this.begun;
    this.#move(Math.min(1, this.items.length - 1));
  }

  // `done` of `total` units of a stage are done. The stage after the last unit may be one that says nothing itself.
  progress(name, done, total) {
    const at = this.items.findIndex((item) => item.dataset.stage === name);
    if (at < this.at) return;
    if (at > this.at) this.#move(at);
    if (!total) return;
    this.done = Math.max(this.done, done);
    this.part = this.done / total;
    this.#count(interpolate(this.items[at].dataset.count ?? "", { done: this.done, total }));
    if (this.done >= total && this.items[at + 1]?.dataset.silent != null) this.#move(at + 1);
  }

  #move(at) {
    if (at !== this.at) {
      this.items[this.at]?.querySelector(COUNT).replaceChildren();
      this.done = 0;
      this.part = null;
    }
    this.at = at;
    for (const [number, item] of this.items.entries()) {
      item.dataset.state = number < at ? "done" : number > at ? "ahead" : "present";
      if (number === at) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  }

  #count(text) {
    const slot = this.items[this.at]?.querySelector(COUNT);
    const said = text && `, ${text}`;
    if (slot && slot.textContent !== said) slot.textContent = said;
  }
}
