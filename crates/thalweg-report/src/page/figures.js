// Figures of a run, from its data.

const NAMES = {
  accuracy: "Accuracy", auc: "AUC", f1: "F1", rmse: "RMSE", mae: "MAE", r2: "R²", loss: "Loss", mcc: "MCC",
  log_loss: "Log loss", brier: "Brier score", balanced_accuracy: "Balanced accuracy", average_precision: "Average precision",
};
const PARTS = { test: "test", validation: "validation", train: "train", best_constant: "best constant", rows: "rows" };
const metricName = (name) => NAMES[name] || name.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());
const partName = (name) => PARTS[name] || name.replaceAll("_", " ");
// Scores of a part or a baseline; the importance of columns has scores of its own.
const isScores = (value) => value && typeof value === "object" && !Array.isArray(value) && !value.columns;
const metricsOf = (scores) => Object.entries(scores || {}).filter(([name, value]) => name !== "loss" && name !== "rows" && isNumber(value));
const smallerIsBetter = (name) => /^(rmse|mae|mse|loss|log_loss|brier|pinball|median_absolute_error|mape)/.test(name);

// The part that is judged by: what the intervals and the baselines are of.
const judgedPart = (end) => ["test", "validation", "train"].find((part) => isScores(end?.[part]));
const intervalOf = (intervals, metric) => (intervals || []).find((i) => i.metric === metric);
const range = (i) => (i ? `${num(i.low)} to ${num(i.high)}` : null);

// A bar from the best constant to the score, with the interval.
function gauge(interval, constant, perfect) {
  const values = [interval.low, interval.high, interval.value, constant, perfect].filter(isNumber);
  const [low, high] = extent(values);
  if (low === high) return null;
  const at = (x) => `${(2 + ((x - low) / (high - low)) * 96).toFixed(2)}%`;
  return svgEl("svg", { width: "100%", height: 14, role: "img", "aria-label": `95 % interval ${range(interval)}` },
    svgEl("line", { x1: "2%", x2: "98%", y1: 7, y2: 7, stroke: "var(--line)", "stroke-width": 2 }),
    isNumber(constant) && svgEl("line", { x1: at(constant), x2: at(constant), y1: 2, y2: 12, stroke: "var(--f)", "stroke-width": 2 }),
    svgEl("line", { x1: at(interval.low), x2: at(interval.high), y1: 7, y2: 7, stroke: "var(--a)", "stroke-width": 6, opacity: 0.35, "stroke-linecap": "round" }),
    svgEl("circle", { cx: at(interval.value), cy: 7, r: 4.5, fill: "var(--a)" }));
}

function tiles(scores, intervals, constant) {
  const tile = ([name, value]) => {
    const interval = intervalOf(intervals, name);
    const base = constant?.[name];
    const perfect = smallerIsBetter(name) ? 0 : 1;
    return el("div", { class: "tile" },
      el("div", { class: "label" }, metricName(name)),
      el("div", { class: "value" }, num(value)),
      interval && gauge(interval, base, perfect),
      interval && el("div", { class: "note" }, `95 %: ${range(interval)}`),
      isNumber(base) && el("div", { class: "note" }, `best constant: ${num(base)}`));
  };
  return el("div", { class: "tiles" }, metricsOf(scores).slice(0, 8).map(tile));
}

function scoresTable(end, intervals) {
  const order = ["test", "validation", "train"];
  const others = Object.keys(end).filter((key) => isScores(end[key]) && !order.includes(key) && metricsOf(end[key]).length);
  const parts = [...order.filter((part) => isScores(end[part])), ...others];
  const names = [...new Set(parts.flatMap((part) => metricsOf(end[part]).map(([name]) => name)))];
  const judged = judgedPart(end);
  const cell = (part, name) => {
    const interval = part === judged && intervalOf(intervals, name);
    return { text: num(end[part][name]), n: true, class: part === judged ? "judged" : null, sub: interval && `[${num(interval.low, 3)}, ${num(interval.high, 3)}]` };
  };
  const rows = [...names, "loss"].map((name) => [metricName(name), ...parts.map((part) => cell(part, name))]);
  return table("Scores", ["", ...parts.map((part) => ({ text: partName(part), n: true, class: part === judged ? "judged" : null }))], rows, {
    note: `Judged on the ${partName(judged)} rows; in brackets 95 % intervals, over other rows of the same kind. A dash: not defined there.`,
  });
}

// A score of several, a line each, with an interval where there is one.
function dotChart(metric, items, band = "95 %: ") {
  return bars({
    label: `${metricName(metric)}: ${items.map((i) => `${i.name} ${num(i.value)}`).join(", ")}`, items, dot: true, xTitle: metricName(metric),
    tipText: (i) => `${i.name}: ${num(i.value, 6)}${isNumber(i.low) ? `\n${band}${num(i.low)} to ${num(i.high)}` : ""}`,
  });
}

// Every part and baseline by one metric, with the interval of the judged part.
function scoreDots(end, intervals, metric) {
  const judged = judgedPart(end);
  const parts = Object.keys(end).filter((key) => isScores(end[key]) && isNumber(end[key][metric]));
  const order = ["test", "validation", "train"];
  parts.sort((a, b) => (order.indexOf(a) + 9) % 9 - (order.indexOf(b) + 9) % 9);
  const items = parts.map((part) => {
    const interval = part === judged ? intervalOf(intervals, metric) : null;
    return { name: partName(part), value: end[part][metric], low: interval?.low, high: interval?.high, colour: order.includes(part) ? (part === judged ? "var(--a)" : "var(--c)") : "var(--f)" };
  });
  return dotChart(metric, items);
}

// Series of a log, faint, with their averages above. `named`: [key, name] in the order of colours.
function averagedLines(curves, place, named, { label, colours = COLOURS, ...options }) {
  const { series, averages } = curves;
  const list = [];
  named.forEach(([key, name], i) => {
    if (!(series[key] || []).some(isNumber)) return;
    const [smooth, colour] = [averages[key], colours[i]];
    if (smooth) list.push({ name: `${name}, as it is`, of: name, values: series[key], colour, faint: true });
    list.push({ name, values: smooth || series[key], colour });
  });
  if (!list.length) return null;
  const last = named.map(([key, name]) => [name, (series[key] || []).filter(isNumber).at(-1)]).filter(([, value]) => isNumber(value));
  return lines({ label: `${label}; at the end ${last.map(([name, value]) => `${name} ${num(value)}`).join(", ")}`, x: series[place] || [], series: list, xTitle: place === "step" ? "update" : place, ...options });
}

function lossCurves(curves, end) {
  const best = end?.best_epoch && (curves.series.validation_loss || []).some(isNumber) ? { x: end.best_epoch, name: `best: epoch ${whole(end.best_epoch)}` } : null;
  return averagedLines(curves, "epoch", [["train_loss", "train"], ["validation_loss", "validation"]], { label: `Loss over ${count(curves.epochs, "epoch")}`, yTitle: "loss", mark: best, ratio: 0.5, most: 380 });
}

const small = (curves, place, key, name, colour, log) => averagedLines(curves, place, [[key, name]], { label: `${name} over the ${place === "step" ? "updates" : "epochs"}`, colours: [colour], yTitle: name, log, ratio: 0.5, most: 190 });

// What the layers were from epoch to epoch: a chart for each quantity, a line for each layer.
function layerCharts(layers) {
  const { names, epoch } = layers;
  const over = (key) => layers[key]?.map((values, layer) => values.map((value, i) => (layers.weight_norm[layer][i] > 0 && isNumber(value) ? value / layers.weight_norm[layer][i] : null)));
  const charts = [
    ["Activation mean", "mean of the outputs", layers.mean, false],
    ["Activation deviation", "deviation of the outputs", layers.deviation, null],
    ["Dead units", "share that puts out 0 alone", layers.dead, false],
    ["Weights", "‖weights‖", layers.weight_norm, null],
    ["Gradient to weights", "‖gradient‖ / ‖weights‖", over("gradient_norm"), null],
    ["Update to weights", "‖last update‖ / ‖weights‖", over("update_norm"), null],
  ];
  const hidden = new Set();
  const series = (values) => names.map((name, i) => ({ name, values: values[i], colour: COLOURS[i % COLOURS.length], dash: i >= COLOURS.length ? "5 3" : null }));
  const shown = charts.filter(([, , values]) => values?.flat().some(isNumber));
  const drawn = shown.map(([title, what, values, log]) => {
    const ends = names.map((name, i) => `${name} ${num(values[i].filter(isNumber).at(-1), 3)}`).join(", ");
    const chart = lines({ label: `${title} over the epochs; at the end ${ends}`, x: epoch, series: series(values), xTitle: "epoch", yTitle: what, log, hidden, ratio: 0.62, most: 220 });
    return card(4, title, null, chart);
  });
  const legend = legendOf(series(layers.mean), hidden, () => drawn.forEach((one) => one.querySelector("figure").redraw()));
  return [legend, grid(drawn)];
}

function confusionHeat(classes) {
  const names = classes.classes.map((c) => c.name);
  const matrix = classes.confusion;
  const sums = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const all = sums.reduce((a, b) => a + b, 0);
  return heat({
    label: `Confusion matrix of ${count(names.length, "class", "classes")}: ${amount(right)} of ${amount(all)} are right`,
    rows: names, columns: names, rowTitle: "true", columnTitle: "predicted",
    shade: (i, j) => (sums[i] > 0 ? matrix[i][j] / sums[i] : 0),
    text: (i, j) => (matrix[i][j] > 0 ? amount(matrix[i][j]) : ""),
    tipText: (i, j) => `true ${names[i]}, predicted ${names[j]}\n${amount(matrix[i][j])} of ${amount(sums[i])} (${sums[i] > 0 ? percent(matrix[i][j] / sums[i]) : "–"})`,
  });
}

const ratio = (a, b) => (b > 0 ? a / b : null);
function classTable(classes, title) {
  const rows = classes.classes.map((c) => {
    const [p, r] = [ratio(c.correct, c.predicted), ratio(c.correct, c.weight)];
    const f1 = ratio(2 * c.correct, c.predicted + c.weight);
    return [c.name, ...[amount(c.weight), amount(c.predicted), num(p, 3), num(r, 3), num(f1, 3)].map((text) => ({ text, n: true }))];
  });
  const head = ["Rows", "Predicted", "Precision", "Recall", "F1"].map((text) => ({ text, n: true }));
  return table(title, ["", ...head], rows, { tall: rows.length > 14 });
}

// Points of a curve: [threshold, true positives, false positives].
function rocChart(curves) {
  const series = curves.map((c, i) => ({ name: curves.length > 1 ? c.name : `AUC ${num(c.auc)}`, colour: COLOURS[i % COLOURS.length], dash: i >= COLOURS.length ? "5 3" : null, points: [[0, 0, null], ...c.points.map(([t, tp, fp]) => [fp / c.negatives, tp / c.positives, t])], curve: c }));
  return plane({ label: `ROC: ${curves.map((c) => `${c.name} AUC ${num(c.auc)}`).join(", ")}`, series, xTitle: "false positive rate", yTitle: "true positive rate", diagonal: true, tipText: (s, [x, y, t]) => `${s.curve.name} (AUC ${num(s.curve.auc)})\nthreshold ${num(t)}\ntrue positive rate ${num(y)}\nfalse positive rate ${num(x)}` });
}
function recallChart(curves) {
  const series = curves.map((c, i) => ({ name: curves.length > 1 ? c.name : `average precision ${num(c.average_precision)}`, colour: COLOURS[i % COLOURS.length], dash: i >= COLOURS.length ? "5 3" : null, points: c.points.filter(([, tp, fp]) => tp + fp > 0).map(([t, tp, fp]) => [tp / c.positives, tp / (tp + fp), t]), curve: c }));
  return plane({ label: `Precision over recall: ${curves.map((c) => `${c.name} average precision ${num(c.average_precision)}`).join(", ")}`, series, xTitle: "recall", yTitle: "precision", tipText: (s, [x, y, t]) => `${s.curve.name} (average precision ${num(s.curve.average_precision)})\nthreshold ${num(t)}\nprecision ${num(y)}\nrecall ${num(x)}` });
}
function liftChart(curve) {
  const all = curve.positives + curve.negatives;
  const points = [[0, 0, null], ...curve.points.map(([t, tp, fp]) => [(tp + fp) / all, tp / curve.positives, t])];
  return plane({ label: "Share of the positives found over the share of rows looked at", series: [{ name: "gain", colour: COLOURS[2], points }], xTitle: "share of rows, highest score first", yTitle: "share of positives found", diagonal: true, tipText: (_, [x, y, t]) => `first ${percent(x)} of rows\n${percent(y)} of the positives\nlift ${num(x > 0 ? y / x : null)}\nthreshold ${num(t)}` });
}

// Curves in the unit square.
function plane({ label, series, xTitle, yTitle, diagonal = false, tipText }) {
  const shown = series.map((s) => ({ ...s, values: [] }));
  const chart = responsive((svg, width, height) => {
    const { sx, sy } = axes(svg, width, height, { x: { domain: [0, 1], title: xTitle, grid: true }, y: { domain: [0, 1], title: yTitle } });
    if (diagonal) svg.append(svgEl("line", { x1: sx.at(0), x2: sx.at(1), y1: sy.at(0), y2: sy.at(1), stroke: "var(--soft)", "stroke-dasharray": "4 4", opacity: 0.7 }));
    for (const s of shown) svg.append(svgEl("path", { d: path(s.points, sx, sy), fill: "none", stroke: s.colour, "stroke-width": 2, "stroke-dasharray": s.dash || null, "stroke-linejoin": "round" }));
    hovering(svg, width, height, (px, py) => {
      let best = null, least = 40 ** 2;
      for (const s of shown) for (const p of s.points) {
        const d = (sx.at(p[0]) - px) ** 2 + (sy.at(p[1]) - py) ** 2;
        if (d < least) [best, least] = [{ s, p }, d];
      }
      return best && { text: tipText(best.s, best.p), marks: [[sx.at(best.p[0]), sy.at(best.p[1]), best.s.colour]] };
    });
  }, label, 0.85, 360);
  const legend = el("div", { class: "legend" }, series.filter((s) => s.name).map((s) => el("span", {}, el("i", { style: `border-top: 3px ${s.dash ? "dashed" : "solid"} ${s.colour}` }), s.name)));
  return el("div", {}, legend, chart);
}

function calibrationChart(classes, task) {
  const bins = classes.calibration;
  const label = `Calibration: ${bins.map((b) => `predicted ${num(b.predicted, 2)}, came true ${num(b.observed, 2)}`).join("; ")}`;
  return responsive((svg, width, height) => {
    const { sx, sy, area } = axes(svg, width, height, { x: { domain: [0, 1], title: "predicted probability", grid: true }, y: { domain: [0, 1], title: task === "multiclass" ? "share right" : "share that came true" } });
    svg.append(svgEl("line", { x1: sx.at(0), x2: sx.at(1), y1: sy.at(0), y2: sy.at(1), stroke: "var(--soft)", "stroke-dasharray": "4 4" }));
    const most = Math.max(...bins.map((b) => b.weight));
    for (const b of bins) {
      const high = (b.weight / most) * (area.bottom - area.top) * 0.22;
      svg.append(svgEl("rect", { x: sx.at(b.predicted) - 6, y: area.bottom - high, width: 12, height: high, fill: "var(--f)", opacity: 0.25 }));
      svg.append(svgEl("line", { x1: sx.at(b.predicted), x2: sx.at(b.predicted), y1: sy.at(b.low), y2: sy.at(b.high), stroke: "var(--a)", "stroke-width": 2, opacity: 0.5 }));
    }
    svg.append(svgEl("path", { d: path(bins.map((b) => [b.predicted, b.observed]), sx, sy), fill: "none", stroke: "var(--a)", "stroke-width": 2 }));
    for (const b of bins) svg.append(svgEl("circle", { cx: sx.at(b.predicted), cy: sy.at(b.observed), r: 4, fill: "var(--a)" }));
    hovering(svg, width, height, (px) => {
      const b = bins[nearest(bins.map((bin) => sx.at(bin.predicted)), px)];
      return b && { text: `predicted ${num(b.predicted)}\ncame true ${num(b.observed)} (95 %: ${num(b.low, 3)} to ${num(b.high, 3)})\n${amount(b.weight)} ${b.weight === 1 ? "prediction" : "predictions"}`, marks: [[sx.at(b.predicted), sy.at(b.observed), "var(--b)"]] };
    });
  }, label, 0.85, 360);
}

// What a threshold makes of two classes: a slider, the four counts, the scores.
function thresholdCard(curve, other) {
  const { points, positives, negatives } = curve;
  const four = el("div", { class: "four" });
  const facts = el("div", { class: "facts" });
  const heading = el("p", { class: "soft small", "aria-live": "polite" });
  const show = (i) => {
    const [t, tp, fp] = points[i];
    const [fn, tn] = [positives - tp, negatives - fp];
    heading.textContent = `${curve.name} is predicted from ${num(t)} on`;
    const cell = (value, share, good) => el("div", { class: "cell", style: `background: rgba(${good ? "var(--heat)" : "200, 90, 60"}, ${(0.07 + 0.4 * share).toFixed(3)})` }, amount(value));
    four.replaceChildren(
      el("span", {}), el("span", { class: "side" }, `predicted ${curve.name}`), el("span", { class: "side" }, `predicted ${other}`),
      el("span", { class: "side" }, `true ${curve.name}`), cell(tp, tp / positives, true), cell(fn, fn / positives, false),
      el("span", { class: "side" }, `true ${other}`), cell(fp, fp / negatives, false), cell(tn, tn / negatives, true));
    const [p, r] = [ratio(tp, tp + fp), tp / positives];
    const values = { Precision: p, Recall: r, F1: ratio(2 * tp, 2 * tp + fp + fn), Specificity: tn / negatives, Accuracy: (tp + tn) / (positives + negatives), "Balanced accuracy": (r + tn / negatives) / 2 };
    facts.replaceChildren(...Object.entries(values).map(([name, value]) => el("div", {}, el("span", {}, name), el("span", {}, num(value)))));
  };
  const middle = Math.max(points.filter(([t]) => t >= 0.5).length - 1, 0);
  const slider = el("input", { type: "range", min: 0, max: points.length - 1, value: middle, "aria-label": "threshold", oninput: (event) => show(Number(event.target.value)) });
  show(middle);
  return el("div", {}, heading, slider, four, facts);
}

function thresholdTable(curve) {
  const wanted = Array.from({ length: 19 }, (_, i) => 0.95 - 0.05 * i);
  const at = (t) => curve.points.filter((p) => p[0] >= t).at(-1) || [null, 0, 0];
  const rows = wanted.map((t) => {
    const [, tp, fp] = at(t);
    const [p, r] = [ratio(tp, tp + fp), tp / curve.positives];
    return [{ text: num(t, 2), n: true }, ...[num(p, 3), num(r, 3), num(ratio(2 * tp, tp + fp + curve.positives), 3), percent((tp + fp) / (curve.positives + curve.negatives)), num(ratio(p, curve.positives / (curve.positives + curve.negatives)), 3)].map((text) => ({ text, n: true }))];
  });
  return table("Thresholds", ["Threshold", "Precision", "Recall", "F1", "Predicted", "Lift"].map((text) => ({ text, n: true })), rows, { tall: true, note: "Over at most 160 points of the curve: the nearest one above each threshold." });
}

function residualChart(numbers) {
  const [left, width] = numbers.bins;
  const items = numbers.counts.map((value, i) => ({ value, from: left + i * width, to: left + (i + 1) * width }));
  const domain = [left, left + width * numbers.counts.length];
  return columns({ label: `Residuals of ${numbers.name}: mean ${num(numbers.bias)}`, items, x: { domain }, xTitle: "prediction − truth", yTitle: "rows", tipText: (i) => `${num(i.from)} to ${num(i.to)}\n${count(i.value, "row")}` });
}

function distanceChart(numbers) {
  const x = numbers.distances.map((_, i) => i * 10);
  return lines({ label: `Distance from the truth: half of the rows within ${num(numbers.distances[5])}, nine in ten within ${num(numbers.distances[9])}`, x, xDomain: [0, 100], series: [{ name: "distance", values: numbers.distances, colour: COLOURS[1] }], xTitle: "% of the rows", yTitle: "at most this far from the truth", log: false, most: 340,
    describe: (px, py, sx, sy) => { const i = nearest(x.map((v) => sx.at(v)), px); return { cross: sx.at(x[i]), marks: [[sx.at(x[i]), sy.at(numbers.distances[i]), COLOURS[1]]], text: `${x[i]} % of the rows are within\n${num(numbers.distances[i], 5)}` }; } });
}

function importanceCards(importance) {
  const items = importance.columns.map((c) => ({ name: c.column, value: c.importance, low: c.importance - c.deviation, high: c.importance + c.deviation }));
  const name = metricName(importance.metric);
  const drawn = bars({ label: `Importance: ${items.slice(0, 20).map((i) => `${i.name} ${num(i.value, 3)}`).join(", ")}`, items: items.slice(0, 20), colour: "var(--c)", tipText: (i) => `${i.name}: ${num(i.value)} ± ${num(i.high - i.value, 2)}` });
  const rows = importance.columns.map((c) => [c.column, ...[num(c.importance), num(c.deviation, 2), num(c.loss)].map((text) => ({ text, n: true }))]);
  const cards = [[6, drawn], [6, table("Importance", ["Column", { text: `Worse ${name}`, n: true }, { text: "±", n: true }, { text: "Worse loss", n: true }], rows, { tall: rows.length > 14 })]];
  if (importance.coefficients) cards.push([6, table("Coefficients", ["Input", { text: "In the units of the file", n: true }], importance.coefficients.map((c) => [c.input, { text: c.values.map((v) => num(v, 5)).join(", "), n: true }]), { tall: importance.coefficients.length > 14 })]);
  return cards;
}

function dependenceCard(dependence, task) {
  const { column, values, numbers, outputs } = dependence;
  const what = task === "regression" ? "mean prediction" : "mean probability";
  const x = numbers || values.map((_, i) => i);
  const series = outputs.map((o, i) => ({ name: o.name, values: o.means, colour: COLOURS[i % COLOURS.length] }));
  const label = `${what} by ${column}: ${values.map((v, i) => `${v}: ${num(outputs[0].means[i], 3)}`).join("; ")}`;
  return el("div", { class: "card w4" }, el("h3", {}, column),
    lines({ label, x, series, xTitle: numbers ? column : "", yTitle: outputs.length > 1 ? what : `${what} of ${outputs[0].name}`, labels: numbers ? null : values, xDomain: numbers ? extent(numbers) : [-0.3, values.length - 0.7], log: false, most: 210, ratio: 0.6 }));
}

function columnErrors(column, what, top) {
  const items = column.bins.map((b) => ({ name: b.values, value: b.error, rows: b.rows }));
  return el("div", { class: "card w4" }, el("h3", {}, column.name),
    columns({ label: `${what} by ${column.name}: ${items.map((i) => `${i.name}: ${num(i.value, 3)}`).join("; ")}`, items, yTitle: what, most: 200, ratio: 0.55, x: null, tipText: (i) => `${column.name}: ${i.name}\n${what} ${num(i.value)}\n${count(i.rows, "row")}` }));
}
