// Adds and removes the rows of a few-shot prompt's examples.
const box = (element) => element.closest("[data-examples]");

function refresh(examples) {
  const rows = examples.querySelectorAll(".example-row");
  const add = examples.querySelector("[data-example-add]");
  if (add && examples.dataset.max) add.disabled = rows.length >= Number(examples.dataset.max);
  rows.forEach((row, index) => {
    row.querySelector("[data-example-remove]")?.setAttribute("aria-label", `Remove example ${index + 1}`);
  });
}

// Each copy of the template gets ids of its own, so that its labels name its fields.
function numbered(fragment) {
  const suffix = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  for (const field of fragment.querySelectorAll("[id]")) {
    const label = fragment.querySelector(`label[for="${field.id}"]`);
    field.id = `${field.id}-${suffix}`;
    if (label) label.htmlFor = field.id;
  }
  return fragment;
}

function add(examples) {
  const template = examples.querySelector("[data-example-template]");
  const list = examples.querySelector(".examples");
  list.append(numbered(template.content.cloneNode(true)));
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
document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
