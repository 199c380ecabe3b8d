// A small CodeMirror: mount(textarea, {lang}) puts an editor over a textarea, which stays the form's field.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, EditorView, MatchDecorator, ViewPlugin, WidgetType, drawSelection, keymap, lineNumbers, placeholder,
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

class Said extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    return Object.assign(document.createElement("span"), { className: "cm-problem-said", textContent: this.text });
  }
}

const says = StateEffect.define();
// What is wrong with a line stands at its end, and moves with it while the text changes.
const problems = StateField.define({
  create: () => Decoration.none,
  update(said, transaction) {
    for (const effect of transaction.effects) if (effect.is(says)) return effect.value;
    return said.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

const lineOf = (view, number) => view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines));

// `found` are pairs of a line (from 1) and what is said of it.
function say(view, found) {
  const ranges = found.flatMap(([number, text]) => {
    const line = lineOf(view, number);
    const said = Decoration.widget({ widget: new Said(text), side: 1 });
    return [Decoration.line({ class: "cm-problem" }).range(line.from), said.range(line.to)];
  });
  view.dispatch({ effects: says.of(Decoration.set(ranges, true)) });
}

function goTo(view, number) {
  const { from } = lineOf(view, number);
  view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  view.focus();
}

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
  lines: () => [lineNumbers()],
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
    problems,
    mirror,
  ];
}

// Returns {view, set(text), say(pairs), goTo(line), destroy()}; the textarea keeps the value and gets an `input` event at each change.
export function mount(textarea, { lang = "text" } = {}) {
  const view = new EditorView({ doc: textarea.value, extensions: extensionsFor(textarea, lang) });
  textarea.before(view.dom);
  textarea.hidden = true;
  for (const label of textarea.labels ?? []) label.addEventListener("click", () => view.focus());
  return {
    view,
    set: (text) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, userEvent: "set" }),
    say: (found) => say(view, found),
    goTo: (number) => goTo(view, number),
    destroy() {
      view.destroy();
      textarea.hidden = false;
    },
  };
}
