// Adds, removes and numbers the rows of a few-shot prompt's examples.
const box = (element) => element.closest("[data-examples]");

function refresh(examples) {
  const rows = examples.querySelectorAll(".example-row");
  const add = examples.querySelector("[data-example-add]");
  if (add && examples.dataset.max) add.disabled = rows.length >= Number(examples.dataset.max);
  number(rows);
  rows.forEach((row, index) => {
    row.querySelector("[data-example-remove]")?.setAttribute("aria-label", `Remove example ${index + 1}`);
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

function add(examples) {
  const template = examples.querySelector("[data-example-template]");
  const list = examples.querySelector(".examples");
  list.append(template.content.cloneNode(true));
  list.lastElementChild.querySelector("textarea, input")?.focus();
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
  if (adding) add(box(adding));
  if (removing) remove(removing);
});
document.addEventListener("htmx:configRequest", () => scan(document));
document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
