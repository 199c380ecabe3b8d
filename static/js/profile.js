// The profile: the name as leaderboards would show it while it is typed, and the theme that is chosen now.
document.addEventListener("input", ({ target }) => {
  const mirror = target.dataset?.mirror && document.querySelector(target.dataset.mirror);
  if (mirror) mirror.textContent = target.value.trim() || "…";
});

function showTheme() {
  let stored = null;
  try {
    stored = localStorage.getItem("theme");
  } catch {
    // Storage is closed to this page; the system's preference holds.
  }
  for (const choice of document.querySelectorAll("[data-theme-choice]")) choice.checked = choice.value === (stored ?? "system");
}

for (const part of document.querySelectorAll("[data-themes]")) part.hidden = false;
showTheme();
// The switch in the header changes the theme as well.
document.addEventListener("gradus:theme", () => setTimeout(showTheme));
