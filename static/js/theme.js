// Sets the theme before the first paint; loaded in <head> without defer. The choice is kept in localStorage.
// The class `js` lets a sheet hide what scripts will show.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const preference = matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // Storage is closed to this page; the system's preference holds.
    }
  };

  const apply = (theme) => {
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("gradus:theme", { detail: theme }));
  };

  const system = () => (preference.matches ? "dark" : "light");

  apply(stored() ?? system());
  preference.addEventListener("change", () => stored() ?? apply(system()));

  const choose = (theme) => {
    apply(theme === "system" ? system() : theme);
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // The choice then lasts for this page.
    }
  };

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    choose(root.dataset.bsTheme === "dark" ? "light" : "dark");
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("[data-theme-choice]")) choose(target.value);
  });
})();
