// Scores: of the parts of the rows, beside baselines, with intervals.

const NAMES = {
  accuracy: "Accuracy",
  auc: "AUC",
  f1: "F1",
  rmse: "RMSE",
  mae: "MAE",
  r2: "R²",
  loss: "Loss",
  mcc: "MCC",
  log_loss: "Log loss",
  brier: "Brier score",
  balanced_accuracy: "Balanced accuracy",
  average_precision: "Average precision",
};
const PARTS = {
  test: "test",
  validation: "validation",
  train: "train",
  best_constant: "best constant",
  rows: "rows",
};
const metricName = (name) => NAMES[name] || name.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());
// The same in the middle of a sentence.
const inText = (name) => metricName(name).replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase());
const partName = (name) => PARTS[name] || name.replaceAll("_", " ");
// Scores of a part or a baseline; the importance of columns has scores of its own.
const isScores = (value) => value && typeof value === "object" && !Array.isArray(value) && !value.columns;
const metricsOf = (scores) =>
  Object.entries(scores || {}).filter(
    ([name, value]) => name !== "loss" && name !== "rows" && isNumber(value),
  );
const smallerIsBetter = (name) =>
  /^(rmse|mae|mse|loss|log_loss|brier|pinball|median_absolute_error|mape)/.test(name);

// The part that is judged by: what the intervals and the baselines are of.
const judgedPart = (end) => ["test", "validation", "train"].find((part) => isScores(end?.[part]));
const intervalOf = (intervals, metric) => (intervals || []).find((i) => i.metric === metric);
const range = (i) => `${num(i.low)} to ${num(i.high)}`;

// A bar from the best constant to the score, with the interval.
function gauge(interval, constant, perfect) {
  const values = [interval.low, interval.high, interval.value, constant, perfect].filter(isNumber);
  const [low, high] = extent(values);
  if (low === high) return null;
  const at = (x) => `${(2 + ((x - low) / (high - low)) * 96).toFixed(2)}%`;
  return svgEl(
    "svg",
    { width: "100%", height: 14, role: "img", "aria-label": `95 % interval ${range(interval)}` },
    svgEl("line", { x1: "2%", x2: "98%", y1: 7, y2: 7, stroke: "var(--line)", "stroke-width": 2 }),
    isNumber(constant) &&
      svgEl("line", {
        x1: at(constant),
        x2: at(constant),
        y1: 2,
        y2: 12,
        stroke: "var(--f)",
        "stroke-width": 2,
      }),
    svgEl("line", {
      x1: at(interval.low),
      x2: at(interval.high),
      y1: 7,
      y2: 7,
      stroke: "var(--a)",
      "stroke-width": 6,
      opacity: 0.35,
      "stroke-linecap": "round",
    }),
    svgEl("circle", { cx: at(interval.value), cy: 7, r: 4.5, fill: "var(--a)" }),
  );
}

// The share of the targets that were to lie between the bounds of a quantile model.
function asked(network) {
  const quantiles = network?.loss?.quantiles || [];
  return quantiles.length > 1 ? quantiles.at(-1) - quantiles[0] : null;
}

function tiles(scores, intervals, constant) {
  const tile = ([name, value]) => {
    const wanted = name === "coverage" ? asked(data.start?.network) : null;
    const interval = intervalOf(intervals, name);
    const base = constant?.[name];
    const perfect = smallerIsBetter(name) ? 0 : 1;
    return el(
      "div",
      { class: "tile" },
      el("div", { class: "label" }, metricName(name)),
      el("div", { class: "value" }, num(value)),
      interval && gauge(interval, base, perfect),
      interval && el("div", { class: "note" }, `95 %: ${range(interval)}`),
      isNumber(base) && el("div", { class: "note" }, `best constant: ${beside(value)(base)}`),
      isNumber(wanted) && el("div", { class: "note" }, `the bounds are for ${num(wanted)}`),
    );
  };
  return el("div", { class: "tiles" }, metricsOf(scores).slice(0, 8).map(tile));
}

// The parts that have scores: those of the rows, then the baselines.
function scoredParts(all) {
  const order = ["rows", "test", "validation", "train", "linear_model", "best_constant"];
  const place = (part) => (order.indexOf(part) + order.length + 1) % (order.length + 1);
  const parts = Object.keys(all).filter((part) => isScores(all[part]) && metricsOf(all[part]).length);
  return parts.sort((a, b) => place(a) - place(b));
}

// A line for each score, a column for each part; the `judged` one has intervals.
function scoresTable(title, all, judged, intervals, named, note) {
  const parts = scoredParts(all);
  const names = [...new Set(parts.flatMap((part) => metricsOf(all[part]).map(([name]) => name)))];
  const style = (part) => ({ n: true, class: part === judged ? "judged" : null });
  const row = (name) => {
    const own = Math.abs(all[judged]?.[name]) || Infinity;
    // What is much larger, such as a constant's loss, does not set the decimals.
    const isFar = (x) => Math.abs(x) >= 3 * own;
    const written = alike(parts.map((part) => all[part][name]).filter((x) => !isFar(x)));
    const cell = (part) => {
      const interval = part === judged && intervalOf(intervals, name);
      const sub = interval && `[${written(interval.low)}, ${written(interval.high)}]`;
      const value = all[part][name];
      return { text: isFar(value) ? num(value) : written(value), sub, ...style(part) };
    };
    return [metricName(name), ...parts.map(cell)];
  };
  const head = ["", ...parts.map((part) => ({ text: named(part), ...style(part) }))];
  return table(title, head, [...names, "loss"].map(row), { note });
}

// A score of several, a line each, with an interval where there is one.
function dotChart(metric, items, band = "95 %: ") {
  const values = items.flatMap((i) => [i.value, i.low, i.high]).filter(isNumber);
  // Scores that are all the best there is lie at the end of their scale.
  const isPerfect = !smallerIsBetter(metric) && values.every((value) => value === 1);
  return bars({
    domain: isPerfect ? [0.5, 1.02] : null,
    label: `${metricName(metric)}: ${items.map((i) => `${i.name} ${num(i.value)}`).join(", ")}`,
    items,
    dot: true,
    xTitle: metricName(metric),
    tipText: (i) =>
      `${i.name}: ${num(i.value, 6)}${isNumber(i.low) ? `\n${band}${num(i.low)} to ${num(i.high)}` : ""}`,
  });
}

// Every part and baseline by one metric, with the interval of the judged part.
function scoreDots(end, intervals, metric) {
  const judged = judgedPart(end);
  const order = ["test", "validation", "train"];
  const parts = scoredParts(end).filter((part) => isNumber(end[part][metric]));
  const items = parts.map((part) => {
    const interval = part === judged ? intervalOf(intervals, metric) : null;
    return {
      name: partName(part),
      value: end[part][metric],
      low: interval?.low,
      high: interval?.high,
      colour: order.includes(part) ? (part === judged ? "var(--a)" : "var(--c)") : "var(--f)",
    };
  });
  return dotChart(metric, items);
}

function headline(scores, part, rows) {
  const [name, value] =
    ["accuracy", "r2", "auc", "rmse"].map((n) => [n, scores?.[n]]).find(([, v]) => isNumber(v)) ||
    metricsOf(scores)[0] ||
    [];
  return name
    ? `${metricName(name)} ${num(value)} on ${count(rows, part === "rows" ? "row" : `${part} row`)}`
    : null;
}
