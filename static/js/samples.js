// Filters a list of samples by its chips (all, right, wrong, changed ...) or by one cell of the confusion matrix.
import { gettext, interpolate } from "./translate.js";

const filters = new Map();

const itemsOf = (selector) => document.querySelectorAll(`${selector} > [data-item]`);
const chipsOf = (selector) => document.querySelectorAll(`[data-only][data-for="${selector}"]`);
const cellsOf = (selector) => document.querySelectorAll(`.confusion button[data-for="${selector}"]`);

function matches(item, { only, cell }) {
  if (only && !item.hasAttribute(`data-${only}`)) return false;
  return !cell || (item.dataset.expected === cell.expected && item.dataset.got === cell.got);
}

function note(selector, shown, total, { cell }) {
  const line = document.querySelector(`[data-filter-note="${selector}"]`);
  if (!line) return;
  const text = cell
    ? gettext("Showing %(shown)s of %(total)s, expected %(expected)s, got %(got)s.")
    : gettext("Showing %(shown)s of %(total)s.");
  line.textContent = shown === total ? "" : interpolate(text, { shown, total, ...cell });
}

function apply(selector) {
  const items = itemsOf(selector);
  const filter = filterOf(selector);
  let shown = 0;
  for (const item of items) {
    item.hidden = !matches(item, filter);
    if (!item.hidden) shown += 1;
  }
  for (const chip of chipsOf(selector)) chip.setAttribute("aria-pressed", String(chip.dataset.only === filter.only));
  for (const cell of cellsOf(selector)) cell.setAttribute("aria-pressed", String(isCell(cell, filter)));
  note(selector, shown, items.length, filter);
}

const isCell = ({ dataset }, { cell }) => cell?.expected === dataset.expected && cell?.got === dataset.got;

function filterOf(selector) {
  if (!filters.has(selector)) filters.set(selector, { only: "", cell: null });
  return filters.get(selector);
}

// A chip and a cell do not narrow each other: the last one that was pressed decides.
function press({ dataset }) {
  const filter = filterOf(dataset.for);
  const wasCell = isCell({ dataset }, filter);
  filter.only = dataset.only ?? "";
  filter.cell = dataset.only == null && !wasCell ? { expected: dataset.expected, got: dataset.got } : null;
  apply(dataset.for);
}

// Ten shades, by each row's largest count, for tables that come without them.
function shade(table) {
  for (const row of table.tBodies[0].rows) {
    const cells = [...row.cells].filter(({ tagName }) => tagName === "TD");
    const total = Math.max(1, ...cells.map((cell) => Number(cell.textContent)));
    for (const cell of cells) cell.dataset.heat ??= Math.round((9 * Number(cell.textContent)) / total);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-only][data-for], .confusion button[data-for]");
  if (button) press(button);
});
const scan = (root) => root.querySelectorAll(".confusion").forEach(shade);
document.addEventListener("htmx:load", (event) => {
  filters.clear();
  scan(event.target);
});
scan(document);
