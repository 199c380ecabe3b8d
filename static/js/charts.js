// Draws figure.chart[data-chart] from its JSON, and gives each a table with the same numbers.
import * as drawings from "./drawings.js";
import { gettext } from "./translate.js";

const charts = new Map();

const dataOf = (figure) => {
  const source = figure.querySelector('script[type="application/json"]');
  return source ? JSON.parse(source.textContent) : drawings[figure.dataset.chart].blank();
};

function twinOf(figure) {
  let twin = figure.querySelector(".chart-twin");
  if (twin) return twin.querySelector("table");
  twin = document.createElement("details");
  twin.className = "chart-twin";
  twin.innerHTML = '<summary></summary><div class="table-wrap"><table class="plain-table"></table></div>';
  twin.firstChild.textContent = gettext("The same as a table");
  figure.append(twin);
  return twin.querySelector("table");
}

function row(cells, tag) {
  const line = document.createElement("tr");
  for (const text of cells) line.append(Object.assign(document.createElement(tag), { textContent: text }));
  return line;
}

function writeTwin(figure, data) {
  const { head, rows } = drawings[figure.dataset.chart].table(data);
  const table = twinOf(figure);
  const [thead, tbody] = [document.createElement("thead"), document.createElement("tbody")];
  thead.append(row(head, "th"));
  tbody.append(...rows.map((cells) => row(cells, "td")));
  table.replaceChildren(thead, tbody);
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--g-${name}`).trim();
  return {
    series: [1, 2, 3, 4].map((number) => read(`chart-${number}`)),
    ink: read("ink"), muted: read("muted"), line: read("line"), surface: read("raised"), font: read("sans"),
  };
}

function draw(figure) {
  const { chart, data } = charts.get(figure);
  if (!figure.dataset.ownTable) writeTwin(figure, data);
  if (!chart) return;
  const colours = palette();
  const title = figure.querySelector(".chart-title")?.textContent.trim() ?? "";
  chart.setOption(drawings.frame(colours, title), { notMerge: true });
  chart.setOption(drawings[figure.dataset.chart].option(data, colours));
}

// The library is the largest file of the site: it is loaded once a chart comes near.
const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    paint(target);
  }
}, { rootMargin: "200px" });

function build(figure) {
  if (figure.querySelector(".chart-twin table")) figure.dataset.ownTable = "true";
  charts.set(figure, { chart: null, data: dataOf(figure) });
  draw(figure);
  nearby.observe(figure);
}

async function paint(figure) {
  const { init } = await import(document.documentElement.dataset.echarts);
  if (!charts.has(figure)) return;
  const canvas = figure.querySelector("[data-chart-canvas]");
  const chart = init(canvas, null, { renderer: "svg" });
  charts.get(figure).chart = chart;
  new ResizeObserver(() => chart.resize()).observe(canvas);
  draw(figure);
}

function scan(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) if (!charts.has(figure)) build(figure);
}

function discardRemoved() {
  for (const [figure, { chart }] of charts) {
    if (figure.isConnected) continue;
    chart?.dispose();
    charts.delete(figure);
  }
}

// A live page adds points with this event.
document.addEventListener("gradus:point", ({ target, detail }) => {
  if (!charts.has(target)) return;
  drawings[target.dataset.chart].add(charts.get(target).data, detail);
  draw(target);
});
document.addEventListener("gradus:theme", () => charts.forEach((_, figure) => draw(figure)));
document.addEventListener("htmx:load", (event) => {
  discardRemoved();
  scan(event.target);
});
scan(document);
