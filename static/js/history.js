// The list of runs and attempts asks for itself again when a run begins or ends, but not while somebody works in it.
const LIST = "history-list";

const list = () => document.getElementById(LIST);
const isBusy = () => list()?.matches(":has(details[open], :checked, [role='alert'])") || list()?.contains(document.activeElement);

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id !== LIST || !isBusy()) return;
  event.preventDefault();
  event.target.dataset.stale = "";
});

function catchUp({ target }) {
  if (!list()?.contains(target)) return;
  // The focus has moved on by then.
  setTimeout(() => {
    if (list()?.dataset.stale == null || isBusy()) return;
    delete list().dataset.stale;
    window.htmx.trigger(document.body, "gradus:history");
  });
}

document.addEventListener("focusout", catchUp);
document.addEventListener("change", catchUp);
document.addEventListener("toggle", catchUp, true);
