// Filters a table of samples: only the wrong ones, only those that differ, or those of one confusion cell.
const filters = new Map();

const itemsOf = (target) => target.querySelectorAll("tbody tr, [data-item]");

function matches(item, { only, cell }) {
  if (only.size && ![...only].some((name) => item.hasAttribute(`data-${name}`))) return false;
  return !cell || (item.dataset.expected === cell.expected && item.dataset.got === cell.got);
}

function note(selector, shown, total, { cell }) {
  const line = document.querySelector(`[data-filter-note="${selector}"]`);
  if (!line) return;
  const which = cell ? `, expected ${cell.expected}, got ${cell.got}` : "";
  line.textContent = shown === total ? "" : `Showing ${shown} of ${total}${which}.`;
}

function apply(selector) {
  const items = itemsOf(document.querySelector(selector));
  const filter = filters.get(selector);
  let shown = 0;
  for (const item of items) {
    item.hidden = !matches(item, filter);
    if (!item.hidden) shown += 1;
  }
  note(selector, shown, items.length, filter);
}

function filterOf(selector) {
  if (!filters.has(selector)) filters.set(selector, { only: new Set(), cell: null });
  return filters.get(selector);
}

function toggleCell(button) {
  const selector = button.dataset.for;
  const filter = filterOf(selector);
  const pressed = button.getAttribute("aria-pressed") === "true";
  for (const other of document.querySelectorAll(`.confusion button[data-for="${selector}"]`)) {
    other.setAttribute("aria-pressed", "false");
  }
  button.setAttribute("aria-pressed", String(!pressed));
  filter.cell = pressed ? null : { expected: button.dataset.expected, got: button.dataset.got };
  apply(selector);
}

// Ten shades, by each row's largest count, for tables that come without them.
function shade(table) {
  for (const row of table.tBodies[0].rows) {
    const cells = [...row.cells].filter(({ tagName }) => tagName === "TD");
    const total = Math.max(1, ...cells.map((cell) => Number(cell.textContent)));
    for (const cell of cells) cell.dataset.heat ??= Math.round((9 * Number(cell.textContent)) / total);
  }
}

document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-only][data-for]")) return;
  const { only } = filterOf(target.dataset.for);
  if (target.checked) only.add(target.dataset.only);
  else only.delete(target.dataset.only);
  apply(target.dataset.for);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".confusion button[data-for]");
  if (button) toggleCell(button);
});
const scan = (root) => root.querySelectorAll(".confusion").forEach(shade);
document.addEventListener("htmx:load", (event) => {
  filters.clear();
  scan(event.target);
});
scan(document);
