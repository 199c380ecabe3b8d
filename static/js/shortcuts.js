// Ctrl+Enter runs, Ctrl+Shift+Enter submits, ? shows the list.
function press(key) {
  const button = document.querySelector(`[data-key="${key}"]:not(:disabled)`);
  button?.click();
  return Boolean(button);
}

function isTyping(target) {
  return target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    if (press(event.shiftKey ? "submit" : "run")) event.preventDefault();
  } else if (event.key === "?" && !event.ctrlKey && !event.metaKey && !isTyping(event.target)) {
    document.querySelector("#keys:not([open])")?.showModal();
  }
});
