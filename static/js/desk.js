// The answers to one question, marked by key. M, H, N or 1, 2, 3 mark the criterion and move on, and after the last one
// Enter records the answer. The next answer comes at once: what the site says to the one before appears beside it.
import { toast } from "./page.js";
import { gettext, interpolate, ngettext } from "./translate.js";

const MARKS = { m: "met", h: "partial", n: "not_met", 1: "met", 2: "partial", 3: "not_met" };
const list = document.querySelector("#desk-answers");
const end = document.querySelector("#desk-end");
const asked = document.querySelector("[data-desk-asked]");
const desk = document.querySelector("[data-desk]");
const header = document.querySelector(".desk-head");
// Pixels between the column of the rubric and what is above and below it.
const GAP = 12;
// Each mark that was given, with what was chosen before it.
const past = [];
// The criterion whose turn it is. It stays where it is while the focus is elsewhere.
let current = null;

const rowsOf = (part) => [...part.querySelectorAll("[data-criterion]")];
const isMarked = (row) => Boolean(row.querySelector("input:checked"));
const answerOf = (part) => part?.closest("[data-answer]");
const open = () => [...list.querySelectorAll("[data-answer]:not([data-sending])")];

function point(row) {
  if (row === current) return;
  current?.removeAttribute("aria-current");
  current = row;
  row.setAttribute("aria-current", "true");
  const { criterion } = row.dataset;
  for (const quote of list.querySelectorAll("mark.is-on")) quote.classList.remove("is-on");
  for (const quote of answerOf(row).querySelectorAll(`mark[data-quotes~="${criterion}"]`)) quote.classList.add("is-on");
  for (const item of asked.querySelectorAll("[data-rubric]")) item.toggleAttribute("aria-current", item.dataset.rubric === criterion);
  show(asked.querySelector(`[data-rubric="${criterion}"]`));
}

// Scrolls the column of the rubric, and never the page.
function show(item) {
  if (!item || asked.scrollHeight <= asked.clientHeight) return;
  const [column, here] = [asked.getBoundingClientRect(), item.getBoundingClientRect()];
  if (here.top < column.top) asked.scrollTop += Math.floor(here.top - column.top);
  else if (here.bottom > column.bottom) asked.scrollTop += Math.ceil(Math.min(here.bottom - column.bottom, here.top - column.top));
}

// The column of the rubric fills what the header, the footer and the window leave of the page, so that none of it is
// ever out of sight. While few answers are left it may be longer than they are, but the page does not scroll for it.
function fit() {
  const footer = document.querySelector(".site-footer");
  const { top } = desk.getBoundingClientRect();
  const under = header.offsetHeight + GAP;
  const atOnce = document.documentElement.clientHeight - GAP;
  const below = footer.offsetHeight + parseFloat(getComputedStyle(desk.parentElement).paddingBottom);
  const beside = Math.min(atOnce, desk.querySelector(".desk-work").getBoundingClientRect().bottom) - Math.max(top, under);
  const room = Math.max(beside, atOnce - below - (top + window.scrollY));
  document.documentElement.style.setProperty("--desk-top", `${under}px`);
  asked.style.setProperty("--desk-room", `${room}px`);
  show(asked.querySelector("[aria-current]"));
}

function focus(row) {
  point(row);
  (row.querySelector("input:checked") ?? row.querySelector("input")).focus({ preventScroll: true });
}

function go(row) {
  const stays = answerOf(row) === answerOf(current);
  focus(row);
  if (stays) bring(row);
  else answerOf(row).scrollIntoView({ block: "start" });
}

// The whole answer where it fits below the header, or else what is looked at in it.
function bring(part) {
  const answer = answerOf(part);
  const fits = answer.offsetHeight <= window.innerHeight - header.offsetHeight - 2 * GAP;
  (fits ? answer : part).scrollIntoView({ block: "nearest" });
}

const firstRow = (answer) => rowsOf(answer).find((row) => !isMarked(row)) ?? rowsOf(answer)[0];
const start = (answer) => go(firstRow(answer));

function step(by) {
  const rows = open().flatMap(rowsOf);
  const at = rows.indexOf(current) + by;
  if (rows.length) go(rows[Math.min(Math.max(at, 0), rows.length - 1)]);
}

function mark(value) {
  if (!current?.isConnected) return step(1);
  const radio = current.querySelector(`input[value="${value}"]`);
  if (!radio) return toast(gettext("This criterion has no half."));
  past.push({ radio, before: current.querySelector("input:checked"), wasPreset: current.classList.contains("is-preset") });
  choose(radio);
  const rows = rowsOf(answerOf(current));
  const next = rows[rows.indexOf(current) + 1] ?? rows.find((row) => !isMarked(row));
  if (next) go(next);
  else toRecord(answerOf(current));
}

function choose(radio) {
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

function toRecord(answer) {
  const button = answer.querySelector("[data-record]");
  button.focus({ preventScroll: true });
  bring(button);
}

function undo() {
  const last = past.pop();
  if (!last) return;
  if (!last.radio.isConnected) return undo();
  if (last.before) choose(last.before);
  else last.radio.checked = false;
  const row = last.radio.closest("[data-criterion]");
  row.classList.toggle("is-preset", last.wasPreset);
  label(answerOf(row));
  keep(last.radio.form);
  go(row);
}

// The next answer on the page that is not being recorded, or the first one after the last.
function following(answer) {
  const answers = [...list.querySelectorAll("[data-answer]")];
  const at = answers.indexOf(answer);
  return [...answers.slice(at + 1), ...answers.slice(0, at)].find((one) => !("sending" in one.dataset));
}

function skip() {
  const next = following(answerOf(current));
  if (next) start(next);
}

// Whether marks are applied to equal texts is chosen once, and holds for the next questions in this tab too.
const EQUAL = "desk-equal";
let applies = sessionStorage.getItem(EQUAL) === "yes";

function applyToEqual(value) {
  applies = value;
  sessionStorage.setItem(EQUAL, applies ? "yes" : "no");
  for (const box of list.querySelectorAll("[data-desk-equal]")) box.checked = applies;
}

function toggleEqual() {
  if (list.querySelector("[data-desk-equal]")) applyToEqual(!applies);
}

list.addEventListener("change", ({ target }) => target.matches("[data-desk-equal]") && applyToEqual(target.checked));

const KEYS = { e: toggleEqual, j: () => step(1), k: () => step(-1), u: undo, x: skip };

list.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("textarea")) toRecord(answerOf(event.target));
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (key in MARKS && !event.repeat) mark(MARKS[key]);
  else if (key in KEYS) KEYS[key]();
  else return;
  event.preventDefault();
});

list.addEventListener("focusin", ({ target }) => {
  const row = target.closest("[data-criterion]");
  if (row) point(row);
  // Ctrl+Shift+Enter records the answer that has the focus.
  for (const button of list.querySelectorAll("[data-record]")) {
    if (answerOf(button) === answerOf(target)) button.dataset.key = "submit";
    else delete button.dataset.key;
  }
});

// A click on a mark that is chosen already changes nothing, but confirms it.
for (const name of ["change", "click"]) {
  list.addEventListener(name, ({ target }) => {
    const row = target.matches("input[type=radio]") && target.closest("[data-criterion]");
    if (!row) return;
    row.classList.remove("is-preset");
    label(answerOf(row));
    keep(target.form);
  });
}

// --- marks that are still the machine's are recorded only by somebody who has been told ----------------------------

const presetsOf = (part) => rowsOf(part).filter((row) => row.classList.contains("is-preset") && isMarked(row));
const told = document.createElement("p");
told.className = "desk-told";
told.setAttribute("role", "alert");

function label(answer) {
  if (answer.contains(told)) told.remove();
  const count = presetsOf(answer).length;
  const text = answer.querySelector("[data-record-label]");
  text.dataset.own ??= text.textContent;
  const withPresets = ngettext("Record, with %(count)s of the machine’s marks", "Record, with %(count)s of the machine’s marks", count);
  text.textContent = count ? interpolate(withPresets, { count }) : text.dataset.own;
}

// Who points at the button reads its label. Whoever presses Enter may look elsewhere, so the first press only tells.
list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-record]");
  const answer = answerOf(button);
  if (!button || event.detail || answer.contains(told)) return;
  const presets = presetsOf(answer);
  if (!presets.length) return;
  event.preventDefault();
  event.stopPropagation();
  const text = ngettext("%(count)s mark is still the machine’s: press Enter again to accept it.", "%(count)s marks are still the machine’s: press Enter again to accept them.", presets.length);
  told.textContent = interpolate(text, { count: presets.length });
  presets[0].append(told);
  go(presets[0]);
}, { capture: true });

// A key that is held down would accept what the first press only told, record the next answer unread, or leave the page.
desk.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.repeat && !event.target.matches("textarea")) event.preventDefault();
});

// After a look at the list of keys, marking goes on where it was, also if the list was opened from the page's end.
let marking = null;
list.addEventListener("focusin", ({ target }) => { marking = target; });
document.querySelector("#keys").addEventListener("close", () => {
  if (!marking?.isConnected) return;
  marking.focus({ preventScroll: true });
  bring(marking.closest("[data-criterion]") ?? marking);
});

// --- marks that are not recorded yet stay in this tab, also over a reload ------------------------------------------

const nameOf = (answer) => `desk:${desk.dataset.deskUser}:${answer.dataset.answer}`;
// "blind" or "decide".
const wayOf = (form) => form.querySelector("[data-record]").value;
const NOT_KEPT = new Set(["csrfmiddlewaretoken", "equal"]);

// The machine's marks that nobody has touched are not the reviewer's.
const isOwn = (form) => ([name]) => !NOT_KEPT.has(name) && !rowOf(form.elements[name])?.classList.contains("is-preset");
const rowOf = (field) => (field[0] ?? field).closest("[data-criterion]");

function keep(form) {
  const pairs = [...new FormData(form)].filter(isOwn(form));
  try {
    sessionStorage.setItem(nameOf(answerOf(form)), JSON.stringify({ way: wayOf(form), pairs }));
  } catch {
    // Without storage, marks last as long as the page.
  }
}

function putBack(form) {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(nameOf(answerOf(form))));
  } catch {
    return;
  }
  for (const [name, value] of kept?.pairs ?? []) {
    const field = form.elements[name];
    const row = field && rowOf(field);
    // Marks that were given beside the machine's are not blind ones.
    if (!field || (row && kept.way !== wayOf(form))) continue;
    field.value = value;
    row?.classList.remove("is-preset");
    if (!row && value) field.closest("details")?.setAttribute("open", "");
  }
}

list.addEventListener("input", ({ target }) => target.form && keep(target.form));
list.addEventListener("change", ({ target }) => target.form && keep(target.form));

// --- recording -------------------------------------------------------------------------------------------------

// A snippet that is kept of a comment is another request.
const records = ({ detail }) => detail.elt.matches("form");

list.addEventListener("htmx:configRequest", (event) => {
  const { detail } = event;
  if (!records(event)) return;
  detail.parameters.shown = [...list.querySelectorAll("[data-answer]")].map((one) => one.dataset.answer);
});

list.addEventListener("htmx:beforeRequest", (event) => {
  if (!records(event)) return;
  const answer = answerOf(event.target);
  answer.dataset.sending = "";
  problem(answer, "");
  const next = following(answer);
  if (next) start(next);
});

// An answer that was refused comes back as it was sent: its own marks are told from the machine's again.
list.addEventListener("htmx:load", ({ target }) => {
  applyToEqual(applies);
  for (const form of target.querySelectorAll("form")) putBack(form);
  for (const answer of open()) label(answer);
});

let before = null;

list.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  // Without a swap the answer stays as it is, and `failed` says why it was not recorded.
  if (!detail.shouldSwap || !detail.requestConfig.elt.matches("form")) return;
  const answer = answerOf(detail.requestConfig.elt);
  const isRefused = detail.xhr.status === 422;
  if (isRefused) toast(gettext("An answer was not recorded. Its marks are kept, and the reason stands beside it."));
  else sessionStorage.removeItem(nameOf(answer));
  before = { top: current?.getBoundingClientRect().top, wasHere: answer.contains(document.activeElement) || document.activeElement === document.body };
});

// What is recorded becomes a line, and what the reader looks at stays where it is.
document.addEventListener("htmx:afterSettle", () => {
  if (before === null) return;
  const { top, wasHere } = before;
  before = null;
  if (!wasHere && current?.isConnected) return window.scrollBy(0, current.getBoundingClientRect().top - top);
  const next = open()[0];
  if (next) start(next);
  else ended();
});

// Enter goes on to the next question, if one waits.
function ended() {
  const next = end.querySelector("[data-desk-next]");
  if (next) next.focus();
  else if (end.childElementCount) end.focus();
}

function problem(answer, text) {
  const place = answer.querySelector("[data-desk-problem]");
  place.textContent = text;
  place.hidden = !text;
}

function failed(event, text) {
  if (!records(event)) return;
  const answer = answerOf(event.target);
  if (!answer) return;
  delete answer.dataset.sending;
  problem(answer, text);
}

const OFFLINE = gettext("There is no connection, so this answer is not recorded. Your marks are kept: record it again in a moment.");
const SIGNED_OUT = gettext("This answer is not recorded. You may have been signed out: sign in in another tab, then reload this page. Your marks are kept.");
const TROUBLE = {
  401: SIGNED_OUT,
  403: SIGNED_OUT,
  404: SIGNED_OUT,
  429: gettext("You have sent many requests in a short time. Your marks are kept: record again in a moment."),
};
const OURS = gettext("Something went wrong on our side. Your marks are kept: record again in a moment.");

for (const name of ["htmx:sendError", "htmx:timeout"]) list.addEventListener(name, (event) => failed(event, OFFLINE));
list.addEventListener("htmx:responseError", (event) => failed(event, TROUBLE[event.detail.xhr.status] ?? OURS));

// --- the answers on the page stay with this reviewer while the page is used ------------------------------------------

const RENEW_MS = 4 * 60 * 1000;
const SETTLE_MS = 5000;
let used = true;

function locks(action) {
  const answers = open();
  const form = new FormData();
  form.append("csrfmiddlewaretoken", answers[0]?.querySelector("[name=csrfmiddlewaretoken]").value ?? "");
  form.append("action", action);
  for (const answer of answers) form.append("shown", answer.dataset.answer);
  return answers.length ? form : null;
}

async function renew() {
  const form = used && locks("renew");
  if (!form) return;
  used = false;
  try {
    const said = await fetch(desk.dataset.desk, { method: "POST", body: form });
    if (!said.ok) return;
    const held = new Set((await said.json()).held.map(String));
    for (const pk of form.getAll("shown")) {
      const answer = held.has(pk) ? null : list.querySelector(`[data-answer="${pk}"]`);
      if (answer) problem(answer, gettext("You no longer hold this answer: another reviewer has taken or decided it. Your marks are kept here."));
    }
  } catch {
    used = true; // Without a connection the next renewal tries again.
  }
}

for (const name of ["keydown", "pointerdown"]) document.addEventListener(name, () => { used = true; });
setInterval(renew, RENEW_MS);
// After a reload, the page before this one may have given the answers back only now.
setTimeout(renew, SETTLE_MS);
window.addEventListener("pagehide", () => {
  const form = locks("release");
  if (form) navigator.sendBeacon(desk.dataset.desk, form);
});
window.addEventListener("pageshow", ({ persisted }) => persisted && renew());

// --- the page opens --------------------------------------------------------------------------------------------

for (const form of list.querySelectorAll("form")) {
  putBack(form);
  label(answerOf(form));
}

// Where a browser cannot open a fold by its style, it opens here.
const fold = document.querySelector(".fold-desk");
if (matchMedia("(min-width: 62rem)").matches && !CSS.supports("selector(::details-content)")) fold.open = true;

// A question or a model answer that was folded away stays so for the next page.
for (const part of document.querySelectorAll("[data-desk-fold]")) {
  const name = `desk-fold:${part.dataset.deskFold}`;
  if (sessionStorage.getItem(name) === "closed") part.open = false;
  part.addEventListener("toggle", () => sessionStorage.setItem(name, part.open ? "open" : "closed"));
}

applyToEqual(applies);
fit();
for (const name of ["scroll", "resize"]) window.addEventListener(name, () => requestAnimationFrame(fit), { passive: true });
new ResizeObserver(fit).observe(list);

const wanted = answerOf(list.querySelector(".alert:not([hidden])")) ?? list.querySelector("[data-answer]:target");
if (wanted) start(wanted);
else if (!open().length) ended();
else focus(firstRow(open()[0])); // The page stays at its beginning, with the question.
