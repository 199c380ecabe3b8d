// Loads a page of `gradus course preview` again as soon as the author's folder has changed, and says what lint found.
import { gettext } from "./translate.js";

const bar = document.querySelector("[data-preview]");
const ENDED = gettext("The preview has ended. Start it again to go on.");
const LOST_MS = 4000;
let source = null;
let lost = 0;

function say(text) {
  bar.querySelector("[data-preview-state]").textContent = text;
}

function hear() {
  clearTimeout(lost);
  lost = 0;
}

function take({ shown, checked, said }) {
  hear();
  say("");
  const isOld = String(shown) !== bar.dataset.shown;
  if (isOld || ("checked" in bar.dataset && String(checked) !== bar.dataset.checked)) {
    close();
    location.reload();
    return;
  }
  bar.querySelector("[data-preview-said]").textContent = said;
}

function open() {
  if (source) return;
  source = new EventSource(bar.dataset.preview);
  source.onmessage = (event) => take(JSON.parse(event.data));
  // The browser tries again by itself, and reports each try that failed.
  source.onerror = () => {
    lost ||= setTimeout(() => say(ENDED), LOST_MS);
  };
}

function close() {
  hear();
  source?.close();
  source = null;
}

// A browser keeps only a few connections to one address, so a page that nobody looks at gives its own back.
function follow() {
  if (document.visibilityState === "visible") open();
  else close();
}

document.addEventListener("visibilitychange", follow);
// To load a page again cancels the way to the next one. Where nothing else came, the page stays, and is followed again.
addEventListener("beforeunload", () => {
  close();
  setTimeout(follow, LOST_MS);
});
addEventListener("pagehide", close);
addEventListener("pageshow", follow);
