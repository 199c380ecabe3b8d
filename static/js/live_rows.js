// Lists the public rows of a run or an attempt as the engine finishes them. Inputs and expected answers are in the page.
const MARKS = { right: "right", partly_right: "partly right", wrong: "wrong" };

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
    slot("wanted").textContent = expected == null || mark === "right" ? "" : `expected ${expected}`;
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
    const counts = Object.entries(MARKS)
      .map(([mark, words]) => [found.filter((one) => one === mark).length, words])
      .filter(([count, words]) => count || words === "right");
    const said = counts.map(([count, words]) => `${count} ${words}`).join(", ");
    const total = Object.keys(this.samples).length;
    this.element.querySelector("[data-live-count]").textContent = `${found.length} of ${total} · ${said}`;
  }
}
