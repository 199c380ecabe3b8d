// Grading from the keyboard: J and K move, M, H and N mark, A goes to the accept button, X to the next answer.
const MARKS = { m: "met", h: "partial", n: "not_met" };
const form = document.querySelector("form[data-review]");
const criteria = form ? [...form.querySelectorAll("[data-criterion]:not([disabled])")] : [];
const stops = form ? criteria : [...document.querySelectorAll("[data-queue-item]")];

const current = () => stops.findIndex((item) => item.contains(document.activeElement));

function go(to) {
  const item = stops[Math.min(Math.max(to, 0), stops.length - 1)];
  item?.focus();
  item?.scrollIntoView({ block: "nearest" });
}

function mark(value) {
  const at = Math.max(current(), 0);
  const radio = criteria[at]?.querySelector(`input[value="${value}"]`);
  if (!radio) return;
  radio.checked = true;
  go(at + 1);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, input:not([type=radio]), select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (key === "j") go(current() + 1);
  else if (key === "k") go(current() - 1);
  else if (key in MARKS) mark(MARKS[key]);
  else if (key === "a") document.querySelector("[data-review-accept]")?.focus();
  else if (key === "x") document.querySelector("[data-review-next]")?.click();
  else return;
  event.preventDefault();
});

// After a refused form the reader wants the message first.
if (form && !form.querySelector("[role=alert]")) go(0);
