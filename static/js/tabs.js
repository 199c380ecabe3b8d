// Makes tabs of links that lead to panels of the page. The chosen tab is remembered for as long as the browser tab lives.
const keyOf = (list) => `tab:${location.pathname}:${list.dataset.tabs}`;

const panelOf = (tab) => document.getElementById(tab.hash.slice(1));

function remembered(list) {
  try {
    return sessionStorage.getItem(keyOf(list));
  } catch {
    return null; // Storage is closed to this page; the first tab is shown.
  }
}

function remember(list, hash) {
  try {
    sessionStorage.setItem(keyOf(list), hash);
  } catch {
    // The choice then lasts for this view.
  }
}

export function show(tab, { focus = false } = {}) {
  const list = tab.closest("[data-tabs]");
  const shown = list.dataset.tabs;
  for (const each of list.querySelectorAll('[role="tab"]')) {
    const isChosen = each === tab;
    each.setAttribute("aria-selected", String(isChosen));
    each.tabIndex = isChosen ? 0 : -1;
    panelOf(each)?.classList.toggle(shown, isChosen);
  }
  remember(list, tab.hash);
  if (focus) tab.focus();
  document.dispatchEvent(new CustomEvent("gradus:layout"));
}

// A link to something inside a panel opens the panel, and those around it.
export function reveal(target) {
  for (const list of document.querySelectorAll("[data-tabs]")) {
    for (const tab of list.querySelectorAll('[role="tab"]')) if (panelOf(tab)?.contains(target)) show(tab);
  }
}

function revealHash() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  reveal(target);
  target.scrollIntoView();
}

function move(event, list) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  show(tabs.at(to % tabs.length), { focus: true });
}

function build(list) {
  list.setAttribute("role", "tablist");
  for (const tab of list.querySelectorAll("a")) {
    tab.setAttribute("role", "tab");
    tab.id ||= `tab-${tab.hash.slice(1)}`;
    tab.setAttribute("aria-controls", tab.hash.slice(1));
    const panel = panelOf(tab);
    panel?.setAttribute("role", "tabpanel");
    panel?.setAttribute("aria-labelledby", tab.id);
  }
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const before = remembered(list);
  show(tabs.find((tab) => tab.hash === before) ?? tabs.find((tab) => panelOf(tab)?.classList.contains(list.dataset.tabs)) ?? tabs[0]);
  list.addEventListener("keydown", (event) => move(event, list));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"], a[data-reveal]');
  if (!link) return;
  if (link.matches('[role="tab"]')) {
    event.preventDefault();
    show(link);
    const panel = panelOf(link);
    // The panel before may have been read far down.
    if (panel?.getBoundingClientRect().top < link.getBoundingClientRect().top) panel.scrollIntoView();
  } else if (link.hash) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target) reveal(target);
  }
});
window.addEventListener("hashchange", revealHash);
document.querySelectorAll("[data-tabs]").forEach(build);
revealHash();
