// Counts the words of a textarea[data-words] into the element it names.
function count(field) {
  const note = document.querySelector(field.dataset.words);
  const words = field.value.split(/\s+/).filter(Boolean).length;
  const { least, most } = note.dataset;
  const advice = words < least ? `, ${least - words} more to go` : words > most ? `, ${words - most} too many` : "";
  note.textContent = `${words} word${words === 1 ? "" : "s"}${advice}`;
}

document.addEventListener("input", ({ target }) => {
  if (target.matches?.("[data-words]")) count(target);
});
document.querySelectorAll("[data-words]").forEach(count);
