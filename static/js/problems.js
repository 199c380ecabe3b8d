// Marks the fields that a refusal names, and takes the reader to the first of them.
import { reveal } from "./tabs.js";

const form = document.querySelector("#attempt");
let led = null;

// Replaced by each answer of a run, so asked for each time.
const list = () => document.querySelector("#problems");
const messages = () => [...form.querySelectorAll(".field-error[id$='-problem']")];
const fieldOf = (message) => document.getElementById(message.id.replace(/-problem$/, ""));

// An editor stands over its textarea, which is hidden and cannot take the focus.
const shownFor = (field) => (field.hidden && field.previousElementSibling?.querySelector(".cm-content")) || field;

function mark() {
  for (const message of messages()) {
    const field = fieldOf(message);
    if (!field) continue;
    for (const one of new Set([field, shownFor(field)])) {
      if (message.childElementCount) one.setAttribute("aria-invalid", "true");
      else one.removeAttribute("aria-invalid");
    }
  }
}

function lead() {
  const message = messages().find((one) => one.childElementCount && fieldOf(one));
  const field = message && fieldOf(message);
  const target = field ? shownFor(field) : list();
  if (!field && !list().textContent.trim()) return;
  const fold = target.closest("details");
  if (fold) fold.open = true;
  led = field ?? null;
  // On a narrow screen the form is behind a tab.
  reveal(target);
  target.focus({ preventScroll: true });
  (message ?? target).scrollIntoView({ block: "center" });
}

function clear() {
  for (const message of messages()) message.replaceChildren();
  list().replaceChildren();
  led = null;
  mark();
}

const ofForm = (event) => form.contains(event.detail.elt) && event.detail.elt.matches("[data-key]");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (ofForm(event)) clear();
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  mark();
  if (detail.xhr?.status === 422 && detail.target?.id === "problems") lead();
});
// The editor takes the place of a field that had been led to.
document.addEventListener("gradus:mounted", ({ target }) => {
  mark();
  if (target === led && [document.body, target].includes(document.activeElement)) lead();
});
// A message stands until its field is changed.
form.addEventListener("input", ({ target }) => {
  const message = target.id && document.getElementById(`${target.id}-problem`);
  if (!message?.childElementCount) return;
  message.replaceChildren();
  mark();
});
mark();
lead();
