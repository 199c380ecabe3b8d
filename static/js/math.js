// Renders formulas: .math elements as markdown's dollarmath writes them, and \( \), \[ \], $$ $$ in .prose.
const { katex: source, katexCss: stylesheet } = document.documentElement.dataset;

const DELIMITERS = [
  { left: "$$", right: "$$", display: true },
  { left: "\\[", right: "\\]", display: true },
  { left: "\\(", right: "\\)", display: false },
];

let loading;

function load() {
  if (!loading) {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: stylesheet });
    const styled = new Promise((done) => link.addEventListener("load", done, { once: true }));
    document.head.append(link);
    loading = Promise.all([import(source), styled]).then(([library]) => library);
  }
  return loading;
}

async function render(elements, texts) {
  const { katex, renderMath } = await load();
  for (const element of elements) {
    katex.render(element.textContent, element, { displayMode: element.matches(".block, .display"), throwOnError: false });
  }
  for (const text of texts) renderMath(text, { delimiters: DELIMITERS, throwOnError: false, ignoredClasses: ["math", "katex"] });
  // Whether one scrolls depends on fonts that come later: each takes the focus, so that none is out of the keyboard's reach.
  for (const formula of document.querySelectorAll(".katex-display")) formula.tabIndex = 0;
  document.dispatchEvent(new Event("gradus:layout"));
}

function scan(root) {
  const elements = [...root.querySelectorAll(".math:not([data-rendered])")];
  const texts = [...root.querySelectorAll(".prose")].filter(({ textContent }) => /\$\$|\\\(|\\\[/.test(textContent));
  for (const element of elements) element.dataset.rendered = "";
  if (!elements.length && !texts.length) return;
  if (isAsked || [...elements, ...texts].some(isNear)) render(elements, texts);
  else waiting.push([elements, texts]);
}

// The library is larger than a page: formulas further down wait until somebody scrolls, opens a fold or prints.
const waiting = [];
let isAsked = false;

const isNear = (element) => element.checkVisibility() && element.getBoundingClientRect().top < 2 * window.innerHeight;

function ask() {
  isAsked = true;
  for (const [elements, texts] of waiting.splice(0)) render(elements, texts);
}

document.addEventListener("scroll", ask, { once: true, capture: true, passive: true });
document.addEventListener("toggle", ({ target }) => target.open && target.querySelector(".math") && ask(), true);
window.addEventListener("beforeprint", ask);

document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
