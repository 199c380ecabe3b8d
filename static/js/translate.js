// Texts of scripts in the page's language. A catalogue in static/languages/ holds them; English needs none.
const { django } = globalThis;

export const gettext = django?.gettext ?? ((text) => text);
export const ngettext = django?.ngettext ?? ((one, many, count) => (count === 1 ? one : many));

// Fills the named values into a text: "%(count)s rows". Numbers are written as the language writes them.
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => written(values[name]));
}

const numbers = new Intl.NumberFormat(document.documentElement.lang);

function written(value) {
  return typeof value === "number" ? numbers.format(value) : value;
}
