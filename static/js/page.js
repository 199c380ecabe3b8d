// Small manners of every page: dialogs, menus, copying, chips, files, questions before acting, times, toasts.
import { gettext } from "./translate.js";

const root = document.documentElement;

export function toast(text) {
  const line = Object.assign(document.createElement("div"), { className: "toast-line", textContent: text });
  // A new message takes the place of the one before, so that a row of clicks does not cover the page.
  document.querySelector("#toasts").replaceChildren(line);
  setTimeout(() => line.remove(), 8000);
}

// As the templates write a moment: 28 Nov 2026, 14:05.
export function moment(date) {
  const language = root.lang === "en" ? "en-GB" : root.lang;
  return date.toLocaleString(language, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
}

export function clock(date) {
  return date.toLocaleTimeString(root.lang === "en" ? "en-GB" : root.lang, { hour12: false });
}

function fill(field, text) {
  field.value = text;
  field.dispatchEvent(new CustomEvent("gradus:set", { bubbles: true }));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function fillFromChip(chip) {
  const field = document.querySelector(chip.dataset.fill);
  fill(field, chip.dataset.fillValue ?? chip.textContent.trim());
  for (const other of document.querySelectorAll(`[data-fill="${chip.dataset.fill}"]`)) {
    other.setAttribute("aria-pressed", String(other === chip));
  }
  if ("fillSubmit" in chip.dataset) field.form.requestSubmit();
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  toast(gettext("Copied."));
}

const onClick = {
  "[data-dialog-open]": (button) => document.querySelector(button.dataset.dialogOpen).showModal(),
  "[data-fill]": fillFromChip,
  "[data-copy]": copy,
};

document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(onClick)) {
    const found = event.target.closest?.(selector);
    if (found) act(found);
  }
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

const LARGEST_FILE = 2 * 1024 * 1024;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

document.addEventListener("change", async ({ target }) => {
  if (!target.matches?.("[data-file-into]") || !target.files.length) return;
  const [file] = target.files;
  if (file.size > LARGEST_FILE) return;
  try {
    fill(document.querySelector(target.dataset.fileInto), UTF8.decode(await file.arrayBuffer()));
    target.value = ""; // From here on the text counts, with what is changed in it.
  } catch {
    // Not UTF-8: the file stays chosen, and the server names its bad lines.
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
}, true);

// --- times -----------------------------------------------------------------------------------------------------

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "auto" });

function relative(seconds) {
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return words.format(Math.round(seconds / size), unit);
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.title ||= time.textContent.trim();
    time.textContent = relative((new Date(time.dateTime) - Date.now()) / 1000);
  }
}

// --- htmx ------------------------------------------------------------------------------------------------------

const TROUBLE = {
  401: gettext("You are signed out, so this was not done. Sign in in another tab, then try again."),
  403: gettext("You may not do this here. Signing in again may help."),
  404: gettext("This no longer exists. Reload the page to see what is there now."),
  413: gettext("This is larger than the site accepts. Send less at once."),
  429: gettext("You have sent many requests in a short time. Wait a moment, then try again."),
  503: gettext("The site cannot answer at the moment. Wait a moment, then try again."),
};

document.addEventListener("htmx:responseError", ({ detail }) => {
  toast(TROUBLE[detail.xhr.status] ?? gettext("Something went wrong on our side. Try again in a moment."));
});
document.addEventListener("htmx:sendError", () => toast(gettext("There is no connection. What you wrote is still here: try again.")));
document.addEventListener("gradus:toast", ({ detail }) => toast(detail?.value ?? detail));

function scan() {
  refreshTimes();
  if (document.querySelector("[x-data]") && !window.Alpine) startAlpine();
}

async function startAlpine() {
  const { default: Alpine } = await import(root.dataset.alpine);
  if (window.Alpine) return;
  window.Alpine = Alpine;
  document.dispatchEvent(new CustomEvent("alpine:ready"));
  Alpine.start();
}

document.addEventListener("htmx:load", scan);
setInterval(refreshTimes, 30000);
scan();

// What is wider than its place scrolls from the keyboard too: only then does it take the focus.
const SCROLLS = ".table-wrap, .prose table, .prose pre, .katex-display";

function reachable() {
  for (const area of document.querySelectorAll(SCROLLS)) {
    if (area.scrollWidth > area.clientWidth) area.tabIndex = 0;
  }
}

for (const name of ["htmx:load", "gradus:layout"]) document.addEventListener(name, reachable);
window.addEventListener("resize", reachable);
// A font is asked for when text in it is laid out, so `ready` may have passed before; widths change when it comes.
document.fonts.addEventListener("loadingdone", reachable);
reachable();

// On a small screen an answer may begin below it.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.matches("[data-bring]")) target.scrollIntoView({ block: "nearest" });
});
