// Shows how far a lesson is read, remembers it in this browser, and offers to go on there: in the lesson and on the front page.
const KEY = "reading";

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // Storage is closed to this page, or holds something else.
  }
}

function keep(path, place) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), [path]: place, last: path }));
  } catch {
    // Then nothing is offered next time.
  }
}

function offer(note, path) {
  const place = kept()[path ?? kept().last];
  if (!place) return;
  const link = note.querySelector("a");
  link.href = `${path ?? kept().last}#${encodeURIComponent(place.id)}`;
  link.textContent = note.dataset.readOn ? place.text : `${place.title}: ${place.text}`;
  note.hidden = false;
}

function mark(id) {
  for (const link of document.querySelectorAll(".toc a")) {
    link.toggleAttribute("aria-current", false);
    if (link.hash === `#${encodeURIComponent(id)}`) link.setAttribute("aria-current", "location");
  }
}

// The place is the heading that was passed last; before the first one nothing is kept.
function follow(body) {
  const listed = new Set([...document.querySelectorAll(".toc a")].map((link) => link.hash));
  const headings = [...body.querySelectorAll("h2[id]")].filter((one) => listed.has(`#${encodeURIComponent(one.id)}`));
  const bar = document.querySelector("[data-reading-bar]");
  const title = document.querySelector("h1").textContent.trim();
  let at = null;

  const look = () => {
    const box = body.getBoundingClientRect();
    bar.value = Math.min(1, Math.max(0, -box.top / Math.max(1, box.height - innerHeight)));
    // At the end of the page its last headings never come up to the upper third.
    const line = bar.value < 1 ? innerHeight / 3 : innerHeight;
    const now = headings.findLast((heading) => heading.getBoundingClientRect().top < line);
    if (!now || now === at) return;
    at = now;
    mark(now.id);
    keep(location.pathname, { id: now.id, text: now.textContent.trim(), title });
  };

  let asked = false;
  addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      look();
    });
  }, { passive: true });
}

// A link to the lesson may name something that stands in another of its steps.
function seek() {
  const id = decodeURIComponent(location.hash.slice(1));
  if (!id || document.getElementById(id)) return;
  const holding = [...document.querySelectorAll("[data-holds]")].find((one) => one.dataset.holds.split(" ").includes(id));
  if (holding) location.replace(holding.href + location.hash);
}

function keepStep(body) {
  const id = body.querySelector("h2[id]")?.id ?? "main";
  keep(location.pathname, { id, text: body.dataset.step, title: document.querySelector("h1").textContent.trim() });
}

const body = document.querySelector("[data-reading]");
for (const note of document.querySelectorAll("[data-read-on]")) offer(note, body ? location.pathname : undefined);
if (body?.dataset.step) {
  seek();
  keepStep(body);
  addEventListener("hashchange", seek);
} else if (body) follow(body);
