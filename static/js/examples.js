// Adds, removes and numbers the rows of a few-shot prompt's examples, and takes over public samples as examples.
import { toast } from "./page.js";
import { gettext, interpolate, ngettext } from "./translate.js";

const box = (element) => element.closest("[data-examples]");

function refresh(examples) {
  const rows = examples.querySelectorAll(".example-row");
  const add = examples.querySelector("[data-example-add]");
  if (add && examples.dataset.max) add.disabled = rows.length >= Number(examples.dataset.max);
  number(rows);
  rows.forEach((row, index) => {
    row.querySelector("[data-example-remove]")?.setAttribute("aria-label", interpolate(gettext("Remove example %(number)s"), { number: index + 1 }));
  });
}

// Messages name the examples that are filled in, from 1 on: an empty row is none.
function number(rows) {
  let filled = 0;
  let empty = 0;
  for (const row of rows) {
    const fields = [...row.querySelectorAll("textarea")];
    const name = fields.some(({ value }) => value.trim()) ? ++filled : `empty${++empty}`;
    for (const part of row.querySelectorAll("[data-part]")) called(part, `${part.dataset.part}-${name}`);
  }
}

function called(part, id) {
  const [label, field, message] = part.children;
  field.id = label.htmlFor = id;
  message.id = `${id}-problem`;
  field.setAttribute("aria-describedby", message.id);
}

function append(examples) {
  const template = examples.querySelector("[data-example-template]");
  examples.querySelector(".examples").append(template.content.cloneNode(true));
}

function add(examples) {
  append(examples);
  examples.querySelector(".example-row:last-child textarea")?.focus();
  refresh(examples);
}

// An empty row is used before another one is added.
function useSample({ dataset: { exampleInput, exampleOutput } }) {
  const examples = document.querySelector("[data-examples]");
  const isEmpty = (row) => [...row.querySelectorAll("textarea")].every(({ value }) => !value.trim());
  if (![...examples.querySelectorAll(".example-row")].some(isEmpty)) {
    if (examples.querySelector("[data-example-add]").disabled) {
      toast(full(Number(examples.dataset.max)));
      return;
    }
    append(examples);
  }
  const row = [...examples.querySelectorAll(".example-row")].find(isEmpty);
  const [input, output] = row.querySelectorAll("textarea");
  [input.value, output.value] = [exampleInput, exampleOutput];
  refresh(examples);
  examples.dispatchEvent(new Event("input", { bubbles: true }));
  toast(interpolate(gettext("The sample is now example %(number)s."), { number: [...row.parentElement.children].indexOf(row) + 1 }));
}

function full(most) {
  return interpolate(ngettext("This challenge takes at most %(most)s example: remove it first.", "This challenge takes at most %(most)s examples: remove one first.", most), { most });
}

// Puts pairs of input and output into the rows, as many as there are.
export function write(examples, pairs) {
  examples.querySelector(".examples").replaceChildren();
  for (const [input, output] of pairs.length ? pairs : [["", ""]]) {
    append(examples);
    const fields = examples.querySelector(".example-row:last-child").querySelectorAll("textarea");
    [fields[0].value, fields[1].value] = [input, output];
  }
  refresh(examples);
}

function remove(button) {
  const examples = box(button);
  button.closest(".example-row").remove();
  refresh(examples);
  examples.querySelector("[data-example-add]")?.focus();
  examples.dispatchEvent(new Event("input", { bubbles: true }));
}

function scan(root) {
  root.querySelectorAll("[data-examples]").forEach(refresh);
}

document.addEventListener("click", (event) => {
  const adding = event.target.closest?.("[data-example-add]");
  const removing = event.target.closest?.("[data-example-remove]");
  const sample = event.target.closest?.("[data-example-input]");
  if (adding) add(box(adding));
  if (removing) remove(removing);
  if (sample) useSample(sample);
});
document.addEventListener("htmx:configRequest", () => scan(document));
document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
