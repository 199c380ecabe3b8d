// Brings back the results that this browser tab showed last, after a look at another page.
const form = document.querySelector("#attempt");
const place = document.querySelector("#run");
const KEY = `run:${form.dataset.draft}`;

function kept() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // Storage is closed to this page; the newest run is a link then.
  }
}

document.addEventListener("htmx:afterSettle", () => {
  const shown = place.querySelector("[data-fragment]")?.dataset.fragment;
  try {
    if (shown) sessionStorage.setItem(KEY, shown);
  } catch {
    // Without storage, the results last as long as the page.
  }
});

const address = kept();
// A run that is gone answers with an error, which changes nothing here.
if (address && !place.childElementCount) window.htmx.ajax("GET", address, { target: place, swap: "innerHTML" });
