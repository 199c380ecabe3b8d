// Lists the public rows of a run or an attempt as the engine finishes them. Inputs and expected answers are in the page.
import { gettext, interpolate } from "./translate.js";

const COUNTS = {
  right: gettext("%(count)s right"),
  partly_right: gettext("%(count)s partly right"),
  wrong: gettext("%(count)s wrong"),
};

export class LiveRows {
  constructor(element) {
    this.element = element;
    this.samples = JSON.parse(element.querySelector("script").textContent);
    this.list = element.querySelector("[data-live-list]");
    this.marks = new Map();
  }

  // A worker that begins again begins with no rows.
  clear() {
    this.marks.clear();
    this.list.replaceChildren();
    this.element.hidden = true;
  }

  // A row that is there already takes the place of the one before.
  add(rows) {
    for (const row of rows) {
      if (!this.samples[row.id]) continue;
      const item = this.item(row);
      const before = [...this.list.children].find(({ dataset }) => dataset.id === row.id);
      if (before) before.replaceWith(item);
      else this.list.append(item);
      this.marks.set(row.id, row.mark);
    }
    this.element.hidden = this.marks.size === 0;
    this.count();
  }

  item({ id, mark, score, output, confidence }) {
    const [input, expected] = this.samples[id];
    const item = this.part("[data-row]").firstElementChild;
    item.dataset.id = id;
    item.setAttribute(`data-${mark}`, "");
    const slot = (name) => item.querySelector(`.row-${name}`);
    slot("mark").append(this.part(`[data-mark="${mark}"]`));
    slot("input").textContent = input;
    slot("got").textContent = expected == null && mark === "partly_right" ? score.toFixed(2) : output;
    slot("wanted").textContent = expected == null || mark === "right" ? "" : interpolate(gettext("expected %(expected)s"), { expected });
    if (confidence == null) slot("sure").remove();
    else this.sure(slot("sure"), mark, confidence);
    return item;
  }

  sure(slot, mark, confidence) {
    const bar = slot.querySelector("progress");
    bar.value = confidence;
    bar.className = mark === "right" ? "is-good" : "is-bad";
    slot.querySelector(".num").textContent = confidence.toFixed(2);
  }

  part(selector) {
    return this.element.querySelector(`template${selector}`).content.cloneNode(true);
  }

  count() {
    const found = [...this.marks.values()];
    const counts = Object.entries(COUNTS)
      .map(([mark, text]) => ({ mark, text, count: found.filter((one) => one === mark).length }))
      .filter(({ mark, count }) => count || mark === "right")
      .map(({ text, count }) => interpolate(text, { count }));
    const values = { done: found.length, total: Object.keys(this.samples).length };
    const done = interpolate(gettext("%(done)s of %(total)s"), values);
    this.element.querySelector("[data-live-count]").textContent = `${done} · ${counts.join(", ")}`;
  }
}
