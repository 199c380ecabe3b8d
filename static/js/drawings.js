// What each kind of chart looks like: its ECharts option and its table. No DOM here.
import { gettext, interpolate, ngettext } from "./translate.js";

const SYMBOLS = ["circle", "rect", "triangle", "diamond"];
const DASHES = ["solid", [6, 4], [2, 3], [8, 3, 2, 3]];

// As the templates write a score: two decimals, and a third where it is not 0.
const score = (value) => value.toFixed(3).replace(/0$/, "");
const figure = (value, digits = 3) => (value == null ? "" : Number(value.toFixed(digits)).toString());
const percent = (value) => (value == null ? "" : `${Math.round(value * 100)} %`);

// What all charts share. The words of `title` are read out with the chart.
export const frame = (colours, title) => ({
  color: colours.series,
  textStyle: { fontFamily: colours.font, color: colours.ink, fontSize: 13 },
  animation: false,
  aria: { enabled: true, label: { description: title } },
  grid: { left: 8, right: 16, top: 44, bottom: 8, containLabel: true },
  legend: { top: 0, left: 0, itemGap: 18, itemHeight: 12, textStyle: { color: colours.ink } },
  tooltip: {
    trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colours.surface,
    borderColor: colours.line, borderWidth: 1, shadowBlur: 0, textStyle: { color: colours.ink, fontSize: 13 },
  },
});

const axis = (colours, name, more = {}) => ({
  type: "value",
  name,
  // From the axis on: centred over it, the name of a left axis would be cut off.
  nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 4, 0] },
  axisLabel: { color: colours.muted },
  axisLine: { show: true, lineStyle: { color: colours.muted } },
  splitLine: { lineStyle: { color: colours.line } },
  ...more,
});

const across = (colours, name, more = {}) =>
  axis(colours, name, { nameLocation: "middle", nameGap: 28, nameTextStyle: { color: colours.muted }, splitLine: { show: false }, ...more });

const line = (index, name, data) => ({
  type: "line", name, data, symbol: SYMBOLS[index % 4], symbolSize: 6, connectNulls: true,
  showSymbol: data.length < 40, lineStyle: { width: 2, type: DASHES[index % 4] },
});

// A round number above, so that an axis moves seldom while points are added.
const roof = (value) => {
  const size = 10 ** Math.floor(Math.log10(value || 1));
  return Math.ceil(value / size) * size;
};

const marks = (colours, places) => ({
  symbol: "none",
  label: { formatter: ({ name }) => name, color: colours.muted, position: "insideEndTop" },
  lineStyle: { color: colours.muted, type: "dashed", width: 1 },
  data: places,
});

export const loss = {
  blank: () => ({ points: [], checkpoints: [] }),
  add(data, event) {
    if (event.type === "checkpoint") data.checkpoints = [...(data.checkpoints ?? []), event.step];
    else data.points.push(event);
  },
  option({ points, checkpoints = [] }, colours) {
    const train = line(0, gettext("Training loss"), points.map(({ step, train_loss }) => [step, train_loss]));
    const known = points.filter(({ valid_loss }) => valid_loss != null);
    const valid = line(1, gettext("Validation loss"), known.map(({ step, valid_loss }) => [step, valid_loss]));
    train.showSymbol = false;
    train.markLine = marks(colours, checkpoints.map((step) => ({ xAxis: step, name: interpolate(gettext("saved at %(step)s"), { step }) })));
    // The axes are those of the whole training run from its first point on: the curve grows, and nothing else moves.
    const end = Math.max(1, ...points.map(({ step, steps }) => steps ?? step));
    const top = Math.max(0, ...points.flatMap(({ train_loss, valid_loss }) => [train_loss ?? 0, valid_loss ?? 0]));
    return {
      xAxis: across(colours, gettext("Step"), { min: 0, max: end }),
      yAxis: axis(colours, gettext("Loss"), { min: 0, max: roof(top) }),
      series: [train, valid],
      grid: { top: 60, bottom: 30 },
    };
  },
  table: ({ points }) => ({
    head: [gettext("Step"), gettext("Training loss"), gettext("Validation loss")],
    rows: points.map(({ step, train_loss, valid_loss }) => [step, figure(train_loss), figure(valid_loss)]),
  }),
};

// A figure of a DPO run, of the rows that are trained on and of those that are held out.
const preference = (key, title, digits, more) => {
  const lines = () => [[key, gettext("Trained rows")], [`valid_${key}`, gettext("Held-out rows")]];
  return {
    blank: () => ({ points: [] }),
    add(data, event) {
      if (event[key] != null) data.points.push(event);
    },
    option({ points }, colours) {
      const series = lines().map(([field, name], index) => {
        const known = points.filter((point) => point[field] != null);
        return { ...line(index, name, known.map((point) => [point.step, point[field]])), showSymbol: index > 0 };
      });
      const end = Math.max(1, ...points.map(({ step, steps }) => steps ?? step));
      return {
        xAxis: across(colours, gettext("Step"), { min: 0, max: end }),
        yAxis: axis(colours, title(), more(colours, points)),
        series,
        tooltip: { valueFormatter: digits },
        grid: { top: 60, bottom: 30 },
      };
    },
    table: ({ points }) => ({
      head: [gettext("Step"), ...lines().map(([, name]) => name)],
      rows: points.map((point) => [point.step, ...lines().map(([field]) => digits(point[field]))]),
    }),
  };
};

export const margin = preference("margin", () => gettext("Margin"), figure, (colours, points) => {
  const values = points.flatMap((point) => [point.margin, point.valid_margin ?? 0]);
  return { min: Math.min(0, -roof(-Math.min(0, ...values)) || 0), max: roof(Math.max(0, ...values)) };
});

export const accuracy = preference("accuracy", () => gettext("Accuracy"), percent, (colours) => ({
  min: 0, max: 1, axisLabel: { color: colours.muted, formatter: percent },
}));

export const bars = {
  blank: () => ({ x: [], series: [] }),
  option({ x, series, x_title: xTitle = "", y_title: title = "", percent: isPercent }, colours) {
    const label = { color: colours.muted, ...(isPercent && { formatter: percent }) };
    return {
      xAxis: { ...across(colours, xTitle), type: "category", data: x, axisLabel: { color: colours.muted, interval: 0, hideOverlap: true } },
      yAxis: axis(colours, title, { axisLabel: label, ...(isPercent && { min: 0, max: 1 }) }),
      series: series.map(({ name, values }) => ({ type: "bar", name, data: values, barMaxWidth: 36 })),
      grid: { bottom: xTitle ? 30 : 8 },
      legend: { show: series.length > 1, icon: "roundRect" },
      // A pattern beside each colour. Lines have dashes, dots have shapes.
      aria: { decal: { show: true } },
      tooltip: { valueFormatter: isPercent ? percent : figure },
    };
  },
  table: ({ x, series, x_title: title = gettext("Group"), percent: isPercent }) => ({
    head: [title, ...series.map(({ name }) => name)],
    rows: x.map((name, index) => [name, ...series.map(({ values }) => (isPercent ? percent : figure)(values[index]))]),
  }),
};

export const lines = {
  blank: () => ({ series: [] }),
  option({ series, x_title: x = "", y_title: y = "", marks: places = [] }, colours) {
    const drawn = series.map(({ name, points }, index) => line(index, name, points));
    if (drawn.length) drawn[0].markLine = marks(colours, places.map(({ x: at, text }) => ({ xAxis: at, name: text })));
    return { xAxis: across(colours, x), yAxis: axis(colours, y), series: drawn, grid: { bottom: 30 } };
  },
  table({ series, x_title: x = gettext("At") }) {
    const steps = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
    const at = series.map(({ points }) => new Map(points));
    return { head: [x, ...series.map(({ name }) => name)], rows: steps.map((step) => [step, ...at.map((values) => figure(values.get(step)))]) };
  },
};

const KINDS = ["zero-shot", "few-shot", "lora"];
const kindIndex = (kind) => Math.max(0, KINDS.indexOf(kind) % 4);

const floor = ({ min }) => Math.max(0, Math.floor(min * 10 - 0.5) / 10);

// A name stands on the side of its mark where there is room.
const side = (share) => (share < 0.35 ? "right" : share > 0.65 ? "left" : "top");

const inTokens = (value) => interpolate(ngettext("%(count)s token", "%(count)s tokens", Math.round(value)), { count: figure(value, 0) });

// Score by tokens per request; a larger mark is slower.
export const tradeoff = {
  blank: () => ({ points: [] }),
  option({ points }, colours) {
    const most = (key) => Math.max(1, ...points.map((point) => point[key] ?? 0));
    const [slowest, longest] = [most("latency_ms"), most("tokens")];
    const kinds = [...new Set(points.map(({ kind }) => kind))];
    const best = new Map(kinds.map((kind) => [kind, Math.max(...points.filter((p) => p.kind === kind).map((p) => p.accuracy))]));
    // The best of each approach and one's own have their names; the others show theirs under the pointer, and in the table.
    const isNamed = (point) => point.own || point.accuracy === best.get(point.kind);
    const dot = (point) => ({
      value: [point.tokens, point.accuracy],
      name: point.name,
      symbolSize: 9 + 14 * Math.sqrt((point.latency_ms ?? 0) / slowest),
      itemStyle: { borderColor: colours.ink, borderWidth: point.own ? 2 : 0 },
      label: { show: isNamed(point), formatter: point.name, position: side(point.tokens / longest), color: colours.ink },
      emphasis: { label: { show: true } },
    });
    const series = (kind) => {
      const own = points.filter((point) => point.kind === kind);
      return {
        type: "scatter", name: own[0].title ?? kind, symbol: SYMBOLS[kindIndex(kind)], data: own.map(dot),
        labelLayout: { hideOverlap: true },
      };
    };
    return {
      xAxis: across(colours, gettext("Tokens per request"), { min: 0 }),
      yAxis: axis(colours, gettext("Score"), { min: floor, max: 1, axisLabel: { color: colours.muted, formatter: (value) => value.toFixed(1) } }),
      series: kinds.map(series),
      tooltip: { trigger: "item", formatter: ({ name, value }) => `${name}\n${score(value[1])}, ${inTokens(value[0])}` },
      legend: { itemWidth: 12 },
      grid: { bottom: 30, top: 60 },
    };
  },
  table: ({ points }) => ({
    head: [gettext("Approach"), gettext("Score"), gettext("Tokens per request"), gettext("Time per request")],
    rows: points.map(({ name, accuracy, tokens, latency_ms }) => [name, score(accuracy), figure(tokens, 0), latency_ms == null ? "" : `${figure(latency_ms, 0)} ms`]),
  }),
};
