// The two answers of a chat: drawn while they are written, and then what else each of their tokens could have been.
import { gettext, interpolate } from "./translate.js";

// What else a token could have been, by its button.
const likely = new WeakMap();
const MOVES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

document.addEventListener("gradus:written", ({ target, detail: { stage, tokens } }) => {
  const chips = tokens.filter(Boolean).map((text) => element("span", "token", text.replaceAll("\n", "↵")));
  target.querySelector(`[data-tokens="${stage}"]`)?.replaceChildren(...chips);
});

// Only the first of a text's tokens is reached by the Tab key; the arrow keys lead to the others.
function makeButtons(group) {
  for (const [number, token] of [...group.querySelectorAll("span.token[data-rivals]")].entries()) {
    const button = element("button", "token", token.textContent);
    button.type = "button";
    button.tabIndex = number ? -1 : 0;
    likely.set(button, { share: token.dataset.share, rivals: JSON.parse(token.dataset.rivals) });
    if (!token.textContent.trim()) button.setAttribute("aria-label", gettext("white space"));
    token.replaceWith(button);
  }
}

function show(button) {
  const group = button.closest("[data-tokens]");
  const place = group.parentElement.querySelector("[data-rivals-of]");
  const wasShown = button.getAttribute("aria-pressed") === "true";
  for (const other of group.querySelectorAll("button")) other.removeAttribute("aria-pressed");
  place.replaceChildren();
  if (wasShown) return;
  button.setAttribute("aria-pressed", "true");
  const said = gettext("“%(token)s” had a probability of %(share)s. Likeliest here:");
  const list = element("ul", "meters is-rivals");
  const { share, rivals } = likely.get(button);
  list.append(...rivals.map(([text, probability]) => meter(text, probability)));
  place.append(element("p", "m-0", interpolate(said, { token: button.textContent, share })), list);
}

function meter(text, share) {
  const item = element("li", "meter");
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: Number(share) });
  bar.setAttribute("aria-label", text);
  item.append(element("span", "meter-name", text), element("span", "meter-value", share), bar);
  return item;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-tokens] button");
  if (button) show(button);
});

document.addEventListener("keydown", (event) => {
  const button = event.target.closest?.("[data-tokens] button");
  const all = button && [...button.parentElement.querySelectorAll("button")];
  const to = all?.[all.indexOf(button) + (MOVES[event.key] ?? 0)];
  if (!to || to === button) return;
  event.preventDefault();
  button.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
});

function scan(root) {
  for (const group of root.querySelectorAll("[data-tokens]")) makeButtons(group);
}

document.addEventListener("htmx:load", ({ target }) => {
  scan(target);
  const isAnswered = target.matches(".chat-turn:not([data-events])") && target.querySelector(".facts");
  if (isAnswered) document.querySelector("#chat-status").textContent = gettext("Both models have answered.");
});
scan(document);
