// Keeps what is typed into form[data-draft] in this browser, and puts it back when the page is opened again.
import { write } from "./examples.js";
import { moment } from "./page.js";
import { gettext, interpolate } from "./translate.js";

const form = document.querySelector("form[data-draft]");
const note = document.querySelector("[data-draft-note]");
const KEY = `draft:${form.dataset.draft}`;
// A visitor gets a name with the first run or attempt; what was typed before that is still theirs.
const VISITOR = KEY.replace(/[^:]*$/, "visitor");
const LEFT_OUT = new Set(["csrfmiddlewaretoken", "kind", "key", "rows_before", "epochs_before", "withdraw_earlier"]);
const LONGEST = 4_500_000;
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
  store("sessionStorage", draft);
  if (store("localStorage", draft) && KEY !== VISITOR) localStorage.removeItem(VISITOR);
}

// Training rows are long, and a browser keeps about 5 MB for all challenges: older drafts make room.
function store(storage, draft) {
  if (draft.length > LONGEST) return false;
  try {
    for (const older of [...olderDrafts(storage), null]) {
      try {
        window[storage].setItem(KEY, draft);
        return true;
      } catch (error) {
        if (!older) throw error;
        window[storage].removeItem(older);
      }
    }
  } catch {
    // Without storage, what is typed lasts as long as the page.
  }
  return false;
}

function olderDrafts(storage) {
  const others = Object.keys(window[storage]).filter((key) => key.startsWith("draft:") && key !== KEY);
  const age = (key) => read(storage, key)?.at ?? 0;
  return others.sort((one, other) => age(one) - age(other));
}

function put(pairs) {
  const values = new Map();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  const examples = form.querySelector("[data-examples]");
  if (examples) write(examples, values);
  for (const field of form.elements) {
    if (field.type === "checkbox" && field.name && !LEFT_OUT.has(field.name)) {
      field.checked = (values.get(field.name) ?? []).includes(field.value);
      if (field.checked && field.closest("details")) field.closest("details").open = true;
      continue;
    }
    const waiting = field.name.startsWith("example_") ? null : values.get(field.name);
    if (!waiting?.length || field.type === "file") continue;
    if (field.type === "radio") {
      if (field.value === waiting[0] && !field.checked) choose(field, pairs);
      continue;
    }
    field.value = waiting.shift();
    if (field.value && field.closest("details")) field.closest("details").open = true;
    field.dispatchEvent(new CustomEvent("gradus:set", { bubbles: true }));
  }
  form.dispatchEvent(new CustomEvent("gradus:restored", { bubbles: true }));
}

// Another training method has other settings, which the site sends: what was typed into them follows.
function choose(radio, pairs) {
  radio.checked = true;
  const follow = (event) => {
    if (!isTraining(event)) return;
    form.removeEventListener("htmx:afterSettle", follow);
    put(pairs);
  };
  form.addEventListener("htmx:afterSettle", follow);
  // htmx does not listen before the page has loaded.
  const ask = () => radio.dispatchEvent(new Event("change", { bubbles: true }));
  if (document.readyState === "complete") ask();
  else window.addEventListener("load", ask, { once: true });
}

const isTraining = ({ target }) => target.id === "training";

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

function keepSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(keep, 400);
}

form.addEventListener("input", keepSoon);
// Rows that the site has put in are as much of a draft as pasted ones.
form.addEventListener("htmx:afterSettle", (event) => {
  if (isTraining(event)) keepSoon();
});
// A page that is left at once still keeps the last letters.
window.addEventListener("pagehide", () => {
  if (waiting) keep();
});
offer();
