// A small CodeMirror: mount(textarea, {lang}) puts an editor over a textarea, which stays the form's field.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import {
  Decoration, EditorView, MatchDecorator, ViewPlugin, drawSelection, keymap, lineNumbers, placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

const placeholders = new MatchDecorator({
  regexp: /\{(input|output|passages|labels|examples)\}/g,
  decoration: Decoration.mark({ class: "cm-slot" }),
});

const slots = ViewPlugin.fromClass(
  class {
    constructor(view) {
      this.decorations = placeholders.createDeco(view);
    }
    update(update) {
      this.decorations = placeholders.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

// Colours are custom properties, so that the theme switch reaches them.
const highlight = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--g-accent)" },
  { tag: tags.string, color: "var(--g-code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--g-code-number)" },
  { tag: tags.punctuation, color: "var(--g-muted)" },
]);

const languages = {
  prompt: () => [slots],
  json: () => [json(), bracketMatching(), lineNumbers()],
  jsonl: () => [json(), lineNumbers()],
  text: () => [],
};

function attributesOf(textarea) {
  // Editable text takes the focus anyway; said outright, so that checkers know the scrolling area can be reached.
  const attributes = { tabindex: "0", spellcheck: textarea.getAttribute("spellcheck") ?? "false" };
  const label = textarea.labels?.[0]?.textContent.trim() || textarea.getAttribute("aria-label");
  if (label) attributes["aria-label"] = label;
  const described = textarea.getAttribute("aria-describedby");
  if (described) attributes["aria-describedby"] = described;
  return attributes;
}

function extensionsFor(textarea, lang) {
  const mirror = EditorView.updateListener.of((update) => {
    if (!update.docChanged || update.transactions.some((transaction) => transaction.isUserEvent("set"))) return;
    textarea.value = update.state.doc.toString();
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return [
    history(),
    drawSelection(),
    EditorView.lineWrapping,
    // Tab is left alone: it moves the focus on, as everywhere on a page. Ctrl+Enter runs, and is the page's.
    keymap.of([...defaultKeymap.filter(({ key }) => key !== "Mod-Enter"), ...historyKeymap]),
    syntaxHighlighting(highlight),
    placeholder(textarea.placeholder),
    EditorView.contentAttributes.of(attributesOf(textarea)),
    EditorState.readOnly.of(textarea.readOnly || textarea.disabled),
    (languages[lang] ?? languages.text)(),
    mirror,
  ];
}

// Returns {view, set(text), destroy()}; the textarea keeps the value and gets an `input` event at each change.
export function mount(textarea, { lang = "text" } = {}) {
  const view = new EditorView({ doc: textarea.value, extensions: extensionsFor(textarea, lang) });
  textarea.before(view.dom);
  textarea.hidden = true;
  for (const label of textarea.labels ?? []) label.addEventListener("click", () => view.focus());
  return {
    view,
    set: (text) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, userEvent: "set" }),
    destroy() {
      view.destroy();
      textarea.hidden = false;
    },
  };
}
