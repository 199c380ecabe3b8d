// Keeps what is typed into form[data-draft] in this browser, and puts it back when the page is opened again.
import { write } from "./examples.js";
import { moment } from "./page.js";
import { gettext, interpolate } from "./translate.js";

const form = document.querySelector("form[data-draft]");
const note = document.querySelector("[data-draft-note]");
const KEY = `draft:${form.dataset.draft}`;
// A visitor gets a name with the first run or attempt; what was typed before that is still theirs.
const VISITOR = KEY.replace(/[^:]*$/, "visitor");
const LEFT_OUT = new Set(["csrfmiddlewaretoken", "kind", "key", "rows_before", "epochs_before"]);
// With one of these the address itself says what the form is to hold.
const ASKED_FOR = ["from", "blank", "rows"];

let waiting = null;

const typed = () => [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !LEFT_OUT.has(name));

// Empty examples are no difference, and CR LF is the same line end as LF.
const meaning = (pairs) => JSON.stringify(pairs.map(([name, value]) => [name, value.replace(/\r\n/g, "\n")]).filter(([, value]) => value.trim()));

function read(storage, key) {
  try {
    return JSON.parse(window[storage].getItem(key));
  } catch {
    return null; // Storage is closed to this page, or holds something else.
  }
}

// Each tab gets back what was typed in it; a new tab gets what was typed last.
const kept = () => read("sessionStorage", KEY) ?? read("localStorage", KEY) ?? read("localStorage", VISITOR);

function keep() {
  clearTimeout(waiting);
  waiting = null;
  const draft = JSON.stringify({ at: Date.now(), pairs: typed() });
  try {
    sessionStorage.setItem(KEY, draft);
    localStorage.setItem(KEY, draft);
    if (KEY !== VISITOR) localStorage.removeItem(VISITOR);
  } catch {
    // Without storage, what is typed lasts as long as the page.
  }
}

function put(pairs) {
  const values = new Map();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  const examples = form.querySelector("[data-examples]");
  const inputs = values.get("example_input") ?? [];
  if (examples) write(examples, inputs.map((input, index) => [input, values.get("example_output")?.[index] ?? ""]));
  for (const field of form.elements) {
    const waiting = field.name.startsWith("example_") ? null : values.get(field.name);
    if (!waiting?.length || field.type === "file") continue;
    field.value = waiting.shift();
    if (field.value && field.closest("details")) field.closest("details").open = true;
    field.dispatchEvent(new CustomEvent("gradus:set", { bubbles: true }));
  }
  form.dispatchEvent(new CustomEvent("gradus:restored", { bubbles: true }));
}

function say(text, action, act) {
  note.querySelector("[data-draft-said]").textContent = text;
  const button = note.querySelector("[data-draft-act]");
  button.textContent = action;
  button.onclick = () => {
    note.hidden = true;
    act();
    keep();
  };
  note.hidden = false;
}

function offer() {
  const draft = kept();
  const before = typed();
  if (!draft || meaning(draft.pairs) === meaning(before)) return;
  const date = moment(new Date(draft.at));
  const asked = new URLSearchParams(location.search);
  if (form.querySelector(".problems") || ASKED_FOR.some((name) => asked.has(name))) {
    say(interpolate(gettext("You typed something else here on %(date)s."), { date }), gettext("Bring it back"), () => put(draft.pairs));
  } else {
    put(draft.pairs);
    say(interpolate(gettext("What you typed on %(date)s is back."), { date }), gettext("Undo"), () => put(before));
  }
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(keep, 400);
});
// A page that is left at once still keeps the last letters.
window.addEventListener("pagehide", () => {
  if (waiting) keep();
});
offer();
