// Adds, removes and numbers the rows of a few-shot prompt's examples, and takes over public samples as examples.
import { toast } from "./page.js";
import { gettext, interpolate, ngettext } from "./translate.js";

const box = (element) => element.closest("[data-examples]");
const fieldsOf = (row) => [...row.querySelectorAll("textarea, select")];
const isEmpty = (row) => fieldsOf(row).every(({ value }) => !value.trim());

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
    const name = isEmpty(row) ? `empty${++empty}` : ++filled;
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
  if (![...examples.querySelectorAll(".example-row")].some(isEmpty)) {
    if (examples.querySelector("[data-example-add]").disabled) {
      toast(full(Number(examples.dataset.max)));
      return;
    }
    append(examples);
  }
  const row = [...examples.querySelectorAll(".example-row")].find(isEmpty);
  const [input, output] = fieldsOf(row);
  set(input, exampleInput);
  set(output, exampleOutput);
  refresh(examples);
  examples.dispatchEvent(new Event("input", { bubbles: true }));
  toast(interpolate(gettext("The sample is now example %(number)s."), { number: [...row.parentElement.children].indexOf(row) + 1 }));
}

function full(most) {
  return interpolate(ngettext("This challenge takes at most %(most)s example: remove it first.", "This challenge takes at most %(most)s examples: remove one first.", most), { most });
}

// A list shows a text that is none of its labels as one more choice, so that it is seen and can be corrected.
function set(field, text) {
  if (field.matches("select") && ![...field.options].some(({ value }) => value === text)) field.add(new Option(text, text));
  field.value = text;
}

// Puts the values of each field's name into the rows, as many as there are.
export function write(examples, values) {
  examples.querySelector(".examples").replaceChildren();
  const count = Math.max(1, ...[...values].map(([name, texts]) => (name.startsWith("example_") ? texts.length : 0)));
  for (let number = 0; number < count; number += 1) {
    append(examples);
    for (const field of fieldsOf(examples.querySelector(".example-row:last-child"))) {
      set(field, values.get(field.name)?.[number] ?? "");
    }
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
  for (const adder of root.querySelectorAll("[data-row-adder]")) adder.hidden = false;
}

// Writes a training row with a label of the list, as a line below the others.
function addRow(adder) {
  const [input, output] = fieldsOf(adder);
  const empty = [input, output].find(({ value }) => !value.trim());
  if (empty) {
    empty.focus();
    return;
  }
  const rows = document.getElementById(adder.dataset.rowAdder);
  const line = JSON.stringify({ input: input.value, output: output.value });
  rows.value = `${rows.value.replace(/\n*$/, rows.value.trim() ? "\n" : "")}${line}\n`;
  rows.dispatchEvent(new CustomEvent("gradus:set", { bubbles: true }));
  rows.dispatchEvent(new Event("input", { bubbles: true }));
  input.value = "";
  input.focus();
  toast(gettext("The row is added."));
}

document.addEventListener("click", (event) => {
  const adding = event.target.closest?.("[data-example-add]");
  const removing = event.target.closest?.("[data-example-remove]");
  const sample = event.target.closest?.("[data-example-input]");
  if (adding) add(box(adding));
  if (removing) remove(removing);
  if (sample) useSample(sample);
  const adder = event.target.closest?.("[data-row-add]")?.closest("[data-row-adder]");
  if (adder) addRow(adder);
});
document.addEventListener("htmx:configRequest", () => scan(document));
document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
