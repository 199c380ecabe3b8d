// On the page of choices 1 and 2 choose, 0 or S skips, and U takes the last choice back.
const KEYS = { 1: "1", 2: "2", 0: "0", s: "0", u: "undo" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector("dialog[open]")) return;
  const button = document.querySelector(`#choices [data-choice="${KEYS[event.key.toLowerCase()]}"]:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
