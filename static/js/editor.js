// Puts a CodeMirror over each textarea[data-editor]. The textarea stays the form's field.
const editors = new WeakMap();

// Nothing before the event `gradus:mounted` of the textarea.
export const editorOf = (textarea) => editors.get(textarea);

async function enhance(textarea) {
  if (editors.has(textarea)) return;
  editors.set(textarea, null);
  const { mount } = await import(document.documentElement.dataset.editor);
  editors.set(textarea, mount(textarea, { lang: textarea.dataset.editor }));
  textarea.dispatchEvent(new CustomEvent("gradus:mounted", { bubbles: true }));
}

function scan(root) {
  for (const textarea of root.querySelectorAll("textarea[data-editor]")) enhance(textarea);
}

// Others that write to a field (chips, files) announce it with this event.
document.addEventListener("gradus:set", (event) => editors.get(event.target)?.set(event.target.value));
document.addEventListener("reset", (event) => {
  // The values change after the event.
  setTimeout(() => {
    for (const textarea of event.target.querySelectorAll("textarea[data-editor]")) {
      editors.get(textarea)?.set(textarea.value);
    }
  });
});
document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
