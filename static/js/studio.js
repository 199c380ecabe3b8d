// A file in the studio: leads to the line of a problem, says it beside the line, and asks before unsaved text is left.
import { editorOf } from "./editor.js";

const form = document.querySelector("form[data-unsaved]");
const text = form.querySelector("textarea");
// A form that comes back with a message holds what is not saved.
let isUnsaved = form.dataset.unsaved === "yes";

const placeOf = (address) => {
  const { pathname, searchParams } = new URL(address, location.href);
  return { page: `${pathname} ${searchParams.get("path")}`, line: Number(searchParams.get("line")) };
};
const here = placeOf(location.href);
const isHere = (link) => placeOf(link.href).page === here.page;

function say() {
  const editor = editorOf(text);
  const links = [...document.querySelectorAll(".studio-problems a")].filter(isHere);
  const said = (link) => link.closest("li").querySelector("[data-said]").textContent;
  editor?.say(links.filter((link) => placeOf(link.href).line).map((link) => [placeOf(link.href).line, said(link)]));
}

form.addEventListener("input", () => (isUnsaved = true));
form.addEventListener("submit", () => (isUnsaved = false));
window.addEventListener("beforeunload", (event) => {
  if (isUnsaved) event.preventDefault();
});
// The page is not loaded again, so that nothing that was typed is left.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".studio-problems a");
  const editor = editorOf(text);
  if (!link || !editor || !isHere(link)) return;
  event.preventDefault();
  editor.goTo(placeOf(link.href).line || 1);
});
document.addEventListener("htmx:afterSettle", say);
function begin() {
  say();
  if (here.line) editorOf(text).goTo(here.line);
}

// On a slow network the editor may be there before this script.
if (editorOf(text)) begin();
else text.addEventListener("gradus:mounted", begin);
