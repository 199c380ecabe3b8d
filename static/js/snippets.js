// A reviewer's snippets: a dialog that inserts one into the comment on the answer that is being marked.
const dialog = document.querySelector("#snippets");
let field = null;

// The comment of the answer that has the focus, or of the one whose turn it is.
export function commentOf(target) {
  const answer = target.closest("[data-answer]") ?? document.querySelector("[data-answer]:has([aria-current])");
  return (answer ?? document.querySelector("form[data-review]"))?.querySelector("[data-snippets-into]");
}

export function write(comment) {
  comment?.closest("details")?.setAttribute("open", "");
  comment?.focus();
}

function choose(comment) {
  if (!comment) return;
  field = comment;
  dialog.showModal();
}

function insert(text) {
  dialog.close();
  write(field);
  const { selectionStart: from, selectionEnd: to, value } = field;
  // A snippet after other words begins a line of its own.
  const gap = from > 0 && !/\s$/.test(value.slice(0, from)) ? "\n" : "";
  field.setRangeText(gap + text, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-snippets-open]")) choose(commentOf(target));
  const snippet = target.closest("[data-snippet]");
  if (snippet) insert(snippet.dataset.snippet);
});

dialog.addEventListener("keydown", (event) => {
  const snippet = /^[1-9]$/.test(event.key) && dialog.querySelectorAll("[data-snippet]")[event.key - 1];
  if (!snippet) return;
  // The same key would mark a criterion once the dialog is closed.
  event.stopPropagation();
  event.preventDefault();
  insert(snippet.dataset.snippet);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (key === "s") choose(commentOf(event.target));
  else if (key === "c") write(commentOf(event.target));
  else return;
  event.preventDefault();
});
