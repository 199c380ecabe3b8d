// Counts the words of a textarea[data-words] into the element it names.
import { interpolate, ngettext } from "./translate.js";

function count(field) {
  const note = document.querySelector(field.dataset.words);
  const words = field.value.split(/\s+/).filter(Boolean).length;
  note.textContent = said(words, Number(note.dataset.least), Number(note.dataset.most));
}

function said(words, least, most) {
  const filled = (text) => interpolate(text, { words, missing: least - words, extra: words - most });
  if (words < least) return filled(ngettext("%(words)s word, %(missing)s more to go", "%(words)s words, %(missing)s more to go", words));
  if (words > most) return filled(ngettext("%(words)s word, %(extra)s too many", "%(words)s words, %(extra)s too many", words));
  return filled(ngettext("%(words)s word", "%(words)s words", words));
}

document.addEventListener("input", ({ target }) => {
  if (target.matches?.("[data-words]")) count(target);
});
document.querySelectorAll("[data-words]").forEach(count);
