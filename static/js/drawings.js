// What each kind of chart looks like: its ECharts option and its table. No DOM here.
const SYMBOLS = ["circle", "rect", "triangle", "diamond"];
const DASHES = ["solid", [6, 4], [2, 3], [8, 3, 2, 3]];

const figure = (value, digits = 3) => (value == null ? "" : Number(value.toFixed(digits)).toString());
const percent = (value) => (value == null ? "" : `${Math.round(value * 100)} %`);

// What all charts share. The words of `title` are read out with the chart.
export const frame = (colours, title) => ({
  color: colours.series,
  textStyle: { fontFamily: colours.font, color: colours.ink, fontSize: 13 },
  animation: false,
  aria: { enabled: true, label: { description: title } },
  grid: { left: 8, right: 16, top: 44, bottom: 8, containLabel: true },
  legend: { top: 0, left: 0, itemGap: 18, textStyle: { color: colours.ink } },
  tooltip: {
    trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colours.surface,
    borderColor: colours.line, borderWidth: 1, shadowBlur: 0, textStyle: { color: colours.ink, fontSize: 13 },
  },
});

const axis = (colours, name, more = {}) => ({
  type: "value",
  name,
  nameTextStyle: { color: colours.muted },
  axisLabel: { color: colours.muted },
  axisLine: { show: true, lineStyle: { color: colours.muted } },
  splitLine: { lineStyle: { color: colours.line } },
  ...more,
});

const across = (colours, name, more = {}) =>
  axis(colours, name, { nameLocation: "middle", nameGap: 28, splitLine: { show: false }, ...more });

const line = (index, name, data) => ({
  type: "line", name, data, symbol: SYMBOLS[index % 4], symbolSize: 6, connectNulls: true,
  showSymbol: data.length < 40, lineStyle: { width: 2, type: DASHES[index % 4] },
});

const marks = (colours, places) => ({
  symbol: "none",
  label: { formatter: ({ name }) => name, color: colours.muted, position: "end" },
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
    const train = line(0, "Training loss", points.map(({ step, train_loss }) => [step, train_loss]));
    const known = points.filter(({ valid_loss }) => valid_loss != null);
    const valid = line(1, "Validation loss", known.map(({ step, valid_loss }) => [step, valid_loss]));
    train.showSymbol = false;
    train.markLine = marks(colours, checkpoints.map((step) => ({ xAxis: step, name: `saved at ${step}` })));
    return { xAxis: across(colours, "Step", { min: "dataMin" }), yAxis: axis(colours, "", { scale: true }), series: [train, valid], grid: { bottom: 30 } };
  },
  table: ({ points }) => ({
    head: ["Step", "Training loss", "Validation loss"],
    rows: points.map(({ step, train_loss, valid_loss }) => [step, figure(train_loss), figure(valid_loss)]),
  }),
};

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
  table: ({ x, series, x_title: title = "Group", percent: isPercent }) => ({
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
  table({ series, x_title: x = "At" }) {
    const steps = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
    const at = series.map(({ points }) => new Map(points));
    return { head: [x, ...series.map(({ name }) => name)], rows: steps.map((step) => [step, ...at.map((values) => figure(values.get(step)))]) };
  },
};

const KINDS = ["zero-shot", "few-shot", "lora"];
const kindIndex = (kind) => Math.max(0, KINDS.indexOf(kind) % 4);

const floor = ({ min }) => Math.max(0, Math.floor(min * 10 - 0.5) / 10);

// Accuracy by tokens a request; a larger mark is slower.
export const tradeoff = {
  blank: () => ({ points: [] }),
  option({ points }, colours) {
    const slowest = Math.max(1, ...points.map(({ latency_ms }) => latency_ms ?? 0));
    const kinds = [...new Set(points.map(({ kind }) => kind))];
    const dot = (point) => ({
      value: [point.tokens, point.accuracy],
      name: point.name,
      symbolSize: 10 + 22 * Math.sqrt((point.latency_ms ?? 0) / slowest),
      itemStyle: { borderColor: colours.ink, borderWidth: point.own ? 2 : 0 },
      label: { show: true, formatter: point.name, position: "top", color: colours.ink },
    });
    return {
      xAxis: across(colours, "Tokens a request", { min: 0 }),
      yAxis: axis(colours, "Accuracy", { min: floor, max: 1, axisLabel: { color: colours.muted, formatter: percent } }),
      series: kinds.map((kind) => ({
        type: "scatter", name: kind, symbol: SYMBOLS[kindIndex(kind)],
        data: points.filter((point) => point.kind === kind).map(dot), labelLayout: { hideOverlap: true },
      })),
      tooltip: { trigger: "item", formatter: ({ name, value }) => `${name}\n${percent(value[1])}, ${value[0]} tokens` },
      grid: { bottom: 30, top: 60 },
    };
  },
  table: ({ points }) => ({
    head: ["Approach", "Accuracy", "Tokens a request", "Latency"],
    rows: points.map(({ name, accuracy, tokens, latency_ms }) => [name, percent(accuracy), figure(tokens, 0), latency_ms == null ? "" : `${figure(latency_ms, 0)} ms`]),
  }),
};
