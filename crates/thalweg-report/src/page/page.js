// The page: which sections there are, and what stands in each.

const data = JSON.parse(document.getElementById("data").textContent);
const COUNTED = "Rows are counted from 1, without the header and without rows that were left out.";
const main = el("main", {});
const links = [];

function section(id, title, lead, ...children) {
  const inside = children.flat(Infinity).filter(Boolean);
  if (!inside.length) return;
  links.push([id, title]);
  main.append(el("section", { id }, el("h2", {}, title), lead && el("p", { class: "lead" }, lead), inside));
}
const card = (width, title, note, ...children) => el("div", { class: `card w${width}` }, title && el("h3", {}, title), note && el("p", { class: "soft" }, note), children);
const grid = (...cards) => { const shown = cards.flat(Infinity).filter(Boolean); return shown.length ? el("div", { class: "grid" }, shown) : null; };

function head(title, facts) {
  document.title = `${title} · Thalweg`;
  const mark = svgEl("svg", { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" },
    svgEl("path", { d: "M1 2 C6 2 7 12 11 12 S16 6 21 6", fill: "none", stroke: "var(--a)", "stroke-width": 2.4, "stroke-linecap": "round" }));
  return el("header", {}, el("div", { class: "inner" },
    el("div", { class: "brand" }, mark, [`Thalweg ${data.version}`, data.name].filter(Boolean).join(" · ")),
    el("h1", {}, title),
    el("p", { class: "soft" }, facts.filter(Boolean).join(" · "))));
}

function layerText(network) {
  const units = (network?.layers || []).map((layer) => {
    const s = layer.settings || layer;
    const size = s.units ?? s.channels ?? s.width;
    const act = typeof s.activation === "object" ? s.activation?.name : s.activation;
    return [layer.name, size, act && act !== "identity" && act !== "linear" ? act : null].filter((x) => x !== null && x !== undefined).join(" ");
  });
  return units.length > 8 ? `${units.slice(0, 4).join(" → ")} → … → ${units.at(-1)} (${units.length} layers)` : units.join(" → ");
}

function alerts() {
  const items = [];
  if (data.failure) items.push(el("div", { class: "alert bad", role: "note" }, data.failure));
  for (const note of data.notes || []) if (note.warning) items.push(el("div", { class: "alert", role: "note" }, note.text));
  if (data.left_out) items.push(el("div", { class: "alert", role: "note" }, "Parts of this page were left out to keep the file under 1 MB."));
  return items;
}

function headline(scores, part, rows) {
  const [name, value] = ["accuracy", "r2", "auc", "rmse"].map((n) => [n, scores?.[n]]).find(([, v]) => isNumber(v)) || metricsOf(scores)[0] || [];
  return name ? `${metricName(name)} ${num(value)} on ${count(rows, part === "rows" ? "row" : `${part} row`)}` : null;
}

function judged(inspection, task, importance) {
  const part = inspection.part === "rows" ? "these" : `the ${inspection.part}`;
  const classes = inspection.classes;
  if (classes) {
    const names = classes.classes.map((c) => c.name);
    const binary = task === "binary" && classes.curves[0];
    const third = binary || !classes.calibration.length ? 6 : 4;
    section("classes", task === "multilabel" ? "Labels" : "Classes", `On ${part} rows: ${whole(inspection.rows)}.`, grid(
      classes.confusion && card(names.length > 6 ? 7 : 6, "Confusion matrix", "Shades are shares of a true class.", confusionHeat(classes)),
      classes.confused.length > 0 && card(6, null, null, table("Confused most", ["True", "Predicted", { text: "Rows", n: true }], classes.confused.map(([t, p, w]) => [names[t], names[p], { text: amount(w), n: true }]), { tall: true })),
      card(classes.confusion && names.length > 6 ? 5 : 6, null, null, classTable(classes, "Each class")),
      binary && card(6, "Threshold", null, thresholdCard(classes.curves[0], names.find((n) => n !== classes.curves[0].name) || "the other")),
      classes.curves.length > 0 && card(third, "ROC", classes.curves.length > 1 ? "Each class against all others." : null, rocChart(classes.curves)),
      classes.curves.length > 0 && card(third, "Precision and recall", classes.curves.length > 1 ? "Each class against all others." : null, recallChart(classes.curves)),
      classes.calibration.length > 0 && card(third, "Calibration", `${task === "multiclass" ? "Of the predicted class. " : ""}On the line, probabilities come true as often as they say. Mean distance from it: ${num(classes.calibration_error, 3)}.`, calibrationChart(classes, task)),
      binary && card(6, "Lift", "How many of the positives the rows of the highest scores hold.", liftChart(classes.curves[0])),
      binary && inspection.classes.calibration.length > 0 && card(6, null, null, thresholdTable(classes.curves[0])),
    ));
  }
  for (const [i, numbers] of (inspection.numbers || []).entries()) {
    const shown = numbers.points.length;
    section(`target-${i}`, inspection.numbers.length > 1 ? `Predictions of ${numbers.name}` : "Predictions", `On ${part} rows: ${whole(inspection.rows)}.`, grid(
      shown > 0 && card(6, "Predicted and true", shown < inspection.rows ? `${whole(shown)} of the rows. On the line, predictions are right.` : "On the line, predictions are right.", cloud({ label: `Predicted over true ${numbers.name}`, points: numbers.points, xTitle: `true ${numbers.name}`, yTitle: `predicted ${numbers.name}`, tipText: (k) => `row ${whole(numbers.rows[k])}\ntrue ${num(numbers.points[k][0], 5)}\npredicted ${num(numbers.points[k][1], 5)}\nresidual ${num(numbers.points[k][1] - numbers.points[k][0], 4)}` })),
      el("div", { class: "stack w6" }, card(12, "Residuals", `Mean ${num(numbers.bias)}. Right of 0, predictions are too high. Outliers are in the outer bins.`, residualChart(numbers)),
      card(12, "How far off", `Half of the rows are within ${num(numbers.distances[5])} of the truth, nine in ten within ${num(numbers.distances[9])}.`, distanceChart(numbers))),
    ));
  }
  const what = task === "regression" ? "mean error" : task === "multilabel" ? "share of wrong labels" : "share of wrong rows";
  if (importance?.columns?.length) importanceSection(importance);
  section("dependence", "Dependence", "The mean prediction if all rows had one value in a column and were else as they are: the columns that move it most.", grid((inspection.dependence || []).map((d) => dependenceCard(d, task))));
  section("columns-error", "Where it errs", "The columns over whose values the error varies most, in bins of about as many rows each.", grid((inspection.by_column || []).filter((c) => c.bins.some((b) => b.error > 0)).map((c) => columnErrors(c, what))));
  const worst = inspection.worst || [];
  if (worst.some((row) => row.image)) {
    section("worst", "Worst rows", `The rows whose truth surprised the model most. ${COUNTED}`, el("div", { class: "pictures" }, worst.map((row) =>
      el("div", { class: "picture" }, picture(row.image, `row ${row.row}: true ${row.truth}, predicted ${row.predicted}`), el("div", {}, el("b", {}, row.truth), row.truth === row.predicted ? " (right)" : ` → ${row.predicted}`), el("div", { class: "soft" }, `row ${whole(row.row)}${isNumber(row.probability) ? ` · p ${num(row.probability, 2)}` : ""}`)))));
  } else if (worst.length) {
    const isNumeric = (j) => worst.every((row) => !row.cells[j][1].trim() || isNumber(Number(row.cells[j][1])));
    const numeric = worst[0].cells.map((_, j) => isNumeric(j));
    const cells = worst[0].cells.map(([name], j) => ({ text: name, n: numeric[j] }));
    const value = (text) => (task === "regression" ? { text: isNumber(Number(text)) ? num(Number(text), 6) : text, n: true } : text);
    const proba = worst.some((row) => isNumber(row.probability));
    section("worst", "Worst rows", task === "regression" ? `The rows that are farthest from their truth. ${COUNTED}` : `The rows whose truth surprised the model most. ${COUNTED}`,
      table("Rows", [{ text: "Row", n: true }, value("True"), value("Predicted"), proba ? { text: "p of the truth", n: true } : { text: "Error", n: true }, ...cells], worst.map((row) => [{ text: whole(row.row), n: true }, value(row.truth), value(row.predicted), { text: num(proba ? row.probability : row.error, 3), n: true }, ...row.cells.map(([, value], j) => ({ text: value, n: numeric[j] }))])));
  }
  section("filters", "Filters", null,
    inspection.filters && [el("h3", {}, "What the first layer looks for"), el("p", { class: "soft small" }, `Weights of ${inspection.filters.name}, a picture a unit: gray is 0, white ${num(inspection.filters.bound)}, black ${num(-inspection.filters.bound)}.`), el("div", { class: "filters" }, inspection.filters.filters.map((f, i) => picture(f, `unit ${i + 1}`)))]);
}

function layersSection(layers, inspection) {
  const names = layers && layers.count > layers.names.length ? `${whole(layers.names.length)} of ${whole(layers.count)} layers. ` : "";
  section("layers", "Layers", layers && `${names}On the same training rows after each epoch; of long runs after fewer and fewer. Dead units put out 0 for every one of these rows.`,
    layers && layerCharts(layers),
    inspection?.layers?.length > 0 && table("The final weights", ["Layer", "Output mean", "Deviation", "Dead units", "‖weights‖", "‖gradient‖"].map((text, i) => ({ text, n: i > 0 })), inspection.layers.map((l) => [l.name, ...[num(l.mean), num(l.deviation), percent(l.dead), num(l.weight_norm), num(l.gradient_norm)].map((text) => ({ text, n: true }))]), { tall: inspection.layers.length > 14, note: "On a batch of training rows." }));
}

function stepCards(steps) {
  const note = steps.averages.loss ? `Faint: the updates that are recorded. Strong: a bias-corrected average over about ${count(Math.round(steps.window), "update")}.` : null;
  return [
    card(6, "Loss of the updates", note, small(steps, "step", "loss", "loss of the batch", COLOURS[0])),
    card(6, "Gradient norm of the updates", note, small(steps, "step", "gradient_norm", "‖gradient‖", COLOURS[2])),
    card(12, "Learning rate of the updates", null, averagedLines(steps, "step", [["lr", "rate"]], { label: "Learning rate over the updates", colours: [COLOURS[3]], yTitle: "rate", log: false, ratio: 0.3, most: 170 })),
  ];
}

function columnsRead(inspection) {
  if (!inspection?.columns?.length) return;
  const rows = inspection.columns.map((c) => [c.name, { text: c.kind, class: "nowrap" }, { text: c.inputs ? whole(c.inputs) : "", n: true }, c.how]);
  section("columns", "Columns", "How each column was read, and what the network sees of it.", table(count(rows.length, "column"), ["Column", "As", { text: "Inputs", n: true }, "How"], rows, { tall: rows.length > 16 }));
}

function runPage() {
  const { start, end, curves, inspection } = data;
  const part = judgedPart(end);
  const constant = end?.best_constant;
  const rows = inspection?.rows ?? start?.rows?.[part];
  const title = headline(part && end[part], part, rows) || (data.failure ? "Training failed" : "No model");
  const top = head(title, [start.task, start.data, `${whole(start.rows.train)} rows to train, ${whole(start.rows.validation)} to validate, ${whole(start.rows.test)} to test`, count(start.parameters, "parameter")]);
  const best = part && tiles(end[part], inspection?.intervals, constant);
  main.append(...alerts(), ...(best ? [best] : []));
  if (part) {
    const own = metricsOf(end[part]).map(([name]) => name);
    const first = ["accuracy", "r2", "auc", "rmse", "f1", "mae"].filter((name) => own.includes(name));
    // As many as stand beside the table.
    const drawn = (first.length ? first : own).slice(0, own.length > 5 ? 2 : 1);
    section("scores", "Scores", null, grid(
      el("div", { class: "stack w5" }, drawn.map((name) => card(12, `${metricName(name)}, beside the baselines`, null, scoreDots(end, inspection?.intervals, name)))),
      card(7, null, null, scoresTable(end, inspection?.intervals))));
  }
  const facts = [["Epochs", end ? whole(end.epochs) : "–"], ["Best epoch", end?.best_epoch ? whole(end.best_epoch) : "–"], ["Stopped by", (end?.stopped_by || "–").replaceAll("_", " ")], ["Seconds", num(end?.seconds)], ["Threads", start.threads], ["Instructions", start.cpu], ...(end?.refit ? [["Refitted on", count(end.refit, "row")]] : []), ["Inputs", whole(start.inputs)], ["Outputs", whole(start.outputs)]];
  if (curves.epochs > 0) section("training", "Training", layerText(start.network), grid(
    card(8, "Loss", curves.averages.train_loss ? `Faint: each epoch. Strong: a bias-corrected average over about ${count(Math.round(curves.window), "epoch")}.` : null, lossCurves(curves, end)),
    el("div", { class: "card w4" }, el("h3", {}, "The run"), el("div", { class: "facts", style: "grid-template-columns:1fr" }, facts.map(([name, value]) => el("div", {}, el("span", {}, name), el("span", {}, value))))),
    (curves.series.lr || []).some(isNumber) && card(4, "Learning rate", "Of the last update of each epoch.", small(curves, "epoch", "lr", "rate", COLOURS[3], false)),
    (curves.series.gradient_norm || []).some(isNumber) && card(4, "Gradient norm", "Mean over the updates of an epoch.", small(curves, "epoch", "gradient_norm", "‖gradient‖", COLOURS[2])),
    (curves.series.rows_per_second || []).some(isNumber) && card(4, "Speed", "Of training alone, without evaluation.", small(curves, "epoch", "rows_per_second", "rows a second", COLOURS[3], false)),
    data.steps && stepCards(data.steps)));
  const members = end?.ensemble || [];
  section("members", "Members", "The networks whose predictions are averaged, each by itself.", members.length > 0 && table(count(members.length, "member"), ["Member", "Seed", "Epochs", "Best epoch", "Stopped by", "Validation loss", "Test loss"].map((text, i) => ({ text, n: i !== 4 })), members.map((m) => [whole(m.member), whole(m.seed), whole(m.epochs), whole(m.best_epoch), m.stopped_by.replaceAll("_", " "), num(m.validation_loss), num(m.test_loss)].map((text, i) => ({ text, n: i !== 4 }))), { tall: members.length > 14 }));
  layersSection(data.layers, inspection);
  const importance = end?.importance || inspection?.importance;
  if (inspection) judged(inspection, start.task, importance);
  else if (importance?.columns?.length) importanceSection(importance);
  columnsRead(inspection);
  choicesSection(data.reasons, data.config);
  return top;
}

function importanceSection(importance) {
  section("importance", "Importance", `How much worse ${metricName(importance.metric)} is on the ${importance.part} when the values of a column are shuffled among them, over several shuffles.`, grid(importanceCards(importance).map(([width, content]) => card(width, null, null, content))));
}

function importancePage() {
  const { importance, start } = data;
  const first = importance.columns[0];
  const relies = first && first.importance > 0;
  const top = head(relies ? `Relies most on ${first.column}` : "Relies on no column", [start.task, data.data, `${metricName(importance.metric)} ${num(importance.score)} on ${whole(importance.rows)} ${importance.part}`, `trained on ${count(start.rows.train, "row")}`]);
  main.append(...alerts());
  importanceSection(importance);
  return top;
}

// A score over folds: { mean, standard_error, values, best_constant, linear_model }.
function crossValidationPage() {
  const { result, reasons, config, points, confusion } = data;
  const scores = Object.entries(result.scores);
  const judged = scores.filter(([name]) => name !== "loss");
  const [name, main_] = ["accuracy", "r2", "auc", "rmse"].map((n) => [n, result.scores[n]]).find(([, v]) => isNumber(v?.mean)) || judged[0] || ["loss", result.scores.loss];
  const error = (s) => (isNumber(s.standard_error) ? ` ± ${num(s.standard_error, 2)}` : "");
  const folds = result.members;
  const foldName = (f) => (result.repeats > 1 ? `${f.repeat}.${f.fold}` : `${f.fold}`);
  const top = head(`${metricName(name)} ${num(main_.mean)}${error(main_)} over ${count(folds.length, "fold")}`, [result.task, data.data, count(result.rows, "row"), result.repeats > 1 && `dealt ${whole(result.repeats)} times`, `${num(result.seconds, 3)} s`]);
  const tile = ([n, s]) => el("div", { class: "tile" },
    el("div", { class: "label" }, metricName(n)),
    el("div", { class: "value" }, num(s.mean)),
    isNumber(s.standard_error) && el("div", { class: "note" }, `± ${num(s.standard_error, 2)}, the standard error`),
    isNumber(s.linear_model) && el("div", { class: "note" }, `linear model: ${num(s.linear_model)}`),
    isNumber(s.best_constant) && el("div", { class: "note" }, `best constant: ${num(s.best_constant)}`));
  main.append(...alerts(), el("div", { class: "tiles" }, judged.slice(0, 8).map(tile)));
  const dots = ([n, s]) => {
    const base = [["best constant", s.best_constant], ["linear model", s.linear_model]].filter(([, v]) => isNumber(v)).map(([text, value]) => ({ name: text, value, colour: "var(--f)" }));
    const of = s.values.map((value, i) => ({ name: `fold ${foldName(folds[i])}`, value, colour: "var(--c)" })).slice(0, 30);
    const wide = isNumber(s.standard_error) ? 2 * s.standard_error : NaN;
    const mean = { name: "mean", value: s.mean, low: s.mean - wide, high: s.mean + wide, colour: "var(--a)" };
    return card(6, metricName(n), isNumber(s.standard_error) ? "The band of the mean is two standard errors to each side." : null, dotChart(n, [mean, ...of, ...base], ""));
  };
  const heads = scores.map(([n]) => ({ text: metricName(n), n: true }));
  const cells = (of) => scores.map(([, s]) => ({ text: num(of(s)), n: true }));
  const blank = Array(4).fill("");
  section("scores", "Scores", "Each model is tested on the rows of a fold, which it has not seen. The standard error is that of Nadeau and Bengio (2003): folds share rows to train on.", grid(judged.slice(0, 4).map(dots)),
    table("Folds", ["Fold", ...["Rows to train", "To test", "Best epoch", "Seconds"].map((text) => ({ text, n: true })), ...heads], [
      ...folds.map((f, i) => [foldName(f), ...[whole(f.rows.train), whole(f.rows.test), whole(f.best_epoch ?? f.epochs), num(f.seconds, 3)].map((text) => ({ text, n: true })), ...cells((s) => s.values[i])]),
      ["mean", ...blank, ...cells((s) => s.mean)], ["±", ...blank, ...cells((s) => s.standard_error)], ["linear model", ...blank, ...cells((s) => s.linear_model)], ["best constant", ...blank, ...cells((s) => s.best_constant)],
    ], { tall: folds.length > 14, mark: (row) => row[0] === "mean" }));
  const sum = confusion?.matrix.map((row) => row.reduce((a, b) => a + b, 0));
  section("predictions", "Predictions", "Of each row by a model that has not seen it.", grid(
    points && card(8, "Predicted and true", `${points.length < result.rows ? `${whole(points.length)} of the rows. ` : ""}On the line, predictions are right.`, cloud({ label: "Predicted over true values, out of fold", points: points.map(([, t, p]) => [t, p]), xTitle: "true", yTitle: "predicted", tipText: (k) => `row ${whole(points[k][0])}\ntrue ${num(points[k][1], 5)}\npredicted ${num(points[k][2], 5)}` })),
    confusion && card(6, "Confusion matrix", "Shades are shares of a true class.", heat({ label: `Confusion matrix out of fold, ${count(confusion.classes.length, "class", "classes")}`, rows: confusion.classes, columns: confusion.classes, rowTitle: "true", columnTitle: "predicted", shade: (i, j) => (sum[i] > 0 ? confusion.matrix[i][j] / sum[i] : 0), text: (i, j) => (confusion.matrix[i][j] > 0 ? whole(confusion.matrix[i][j]) : ""), tipText: (i, j) => `true ${confusion.classes[i]}, predicted ${confusion.classes[j]}\n${whole(confusion.matrix[i][j])} of ${whole(sum[i])}` }))));
  choicesSection(reasons, config);
  return top;
}

function choicesSection(reasons, config) {
  const notes = (data.notes || []).filter((note) => !note.warning);
  section("choices", "Choices", "What was not set and how it was chosen, then everything that determines this model.",
    reasons?.length > 0 && table("Chosen", ["Option", "Choice", "Why"], reasons.map((r) => [{ node: el("code", {}, r.flag ? `--${r.flag}` : r.field), text: r.flag ? `--${r.flag}` : r.field, class: "nowrap" }, { text: r.choice, class: "any" }, { text: r.why, class: "prose" }])),
    notes.length > 0 && el("div", { style: "margin-top:18px" }, el("h3", {}, "Notes"), el("ul", {}, notes.map((note) => el("li", {}, note.text)))),
    config && configBlock(config));
}

function configBlock(text) {
  const copy = el("button", { class: "copy", type: "button" }, "Copy");
  copy.addEventListener("click", () => copyText(text, copy));
  return el("details", { style: "margin-top:14px" }, el("summary", {}, "config.toml"), copy, el("pre", { tabindex: "0" }, text));
}

function evaluationPage() {
  const { inspection, scores, start } = data;
  const top = head(headline(scores, "rows", inspection.rows) || "Evaluation", [start.task, data.data, `trained on ${count(start.rows.train, "row")}`]);
  main.append(...alerts(), tiles(scores, inspection.intervals, null));
  const all = { rows: scores, ...data.trained };
  const parts = Object.keys(all).filter((part) => metricsOf(all[part]).length);
  const names = [...new Set(parts.flatMap((part) => metricsOf(all[part]).map(([name]) => name)))];
  const cell = (part, n) => {
    const interval = part === "rows" && intervalOf(inspection.intervals, n);
    return { text: num(all[part][n]), n: true, class: part === "rows" ? "judged" : null, sub: interval && `[${num(interval.low, 3)}, ${num(interval.high, 3)}]` };
  };
  section("scores", "Scores", null, table("Beside those of the run", ["", ...parts.map((part) => ({ text: part === "rows" ? "these rows" : `run: ${partName(part)}`, n: true, class: part === "rows" ? "judged" : null }))], [...names, "loss"].map((n) => [metricName(n), ...parts.map((part) => cell(part, n))])));
  judged(inspection, start.task, inspection.importance);
  columnsRead(inspection);
  return top;
}

function comparisonPage() {
  const runs = data.runs;
  const parts = runs.map((run) => judgedPart(run.end));
  const names = [...new Set(runs.flatMap((run, i) => metricsOf(run.end?.[parts[i]]).map(([name]) => name)))];
  const colour = (i) => COLOURS[i % COLOURS.length];
  const top = head(`${count(runs.length, "run")} compared`, [...new Set(runs.map((run) => run.start?.data))]);
  const different = new Set(runs.map((run, i) => [run.start?.data, parts[i], run.start?.rows?.[parts[i]]].join()));
  if (different.size > 1) main.append(el("div", { class: "alert", role: "note" }, "These runs are not judged on the same rows: their scores are not comparable."));
  const dots = (name) => card(6, metricName(name), null, dotChart(name, runs.map((run, i) => {
    const interval = intervalOf(run.end?.intervals, name);
    return { name: run.name, value: run.end?.[parts[i]]?.[name], low: interval?.low, high: interval?.high, colour: colour(i) };
  })));
  section("scores", "Scores", "With 95 % intervals, where the run was inspected.", grid(names.slice(0, 6).map(dots)),
    table("Scores", ["Run", "Judged on", { text: "Epochs", n: true }, { text: "Seconds", n: true }, { text: "Parameters", n: true }, ...names.map((n) => ({ text: metricName(n), n: true }))], runs.map((run, i) => [run.name, parts[i] ? `${whole(run.start.rows[parts[i]])} ${partName(parts[i])} rows` : "–", { text: whole(run.end?.epochs), n: true }, { text: num(run.end?.seconds), n: true }, { text: whole(run.start?.parameters), n: true }, ...names.map((n) => { const interval = intervalOf(run.end?.intervals, n); return { text: num(run.end?.[parts[i]]?.[n]), n: true, sub: interval && `[${num(interval.low, 3)}, ${num(interval.high, 3)}]` }; })])));
  const curve = (key, title, wide) => {
    const x = [...new Set(runs.flatMap((run) => run.curves.series.epoch || []))].sort((a, b) => a - b);
    const series = runs.map((run, i) => {
      const at = new Map((run.curves.series.epoch || []).map((epoch, k) => [epoch, (run.curves.averages[key] || run.curves.series[key] || [])[k]]));
      return { name: run.name, colour: colour(i), x: run.curves.series.epoch || [], points: at };
    }).filter((s) => [...s.points.values()].some(isNumber));
    if (!series.length) return null;
    for (const s of series) s.values = x.map((epoch) => s.points.get(epoch) ?? null);
    // Each line goes through its own epochs.
    for (const s of series) { const own = x.map((epoch, i) => [epoch, s.values[i]]).filter(([, v]) => isNumber(v)); s.values = x.map((epoch) => between(own, epoch)); delete s.x; }
    return card(wide, title, null, lines({ label: `${title} of ${runs.map((run) => run.name).join(", ")}`, x, series, xTitle: "epoch", yTitle: "loss", most: 340 }));
  };
  section("training", "Training", "Averages over each run's epochs, where it has enough of them.", grid(curve("validation_loss", "Validation loss", 6), curve("train_loss", "Training loss", 6)));
  section("differences", "Differences", null, data.differences.length
    ? table("What differs in settings and data", ["Name", ...runs.map((run) => run.name)], data.differences.map((d) => [{ node: el("code", {}, d.name), text: d.name }, ...d.values.map((v) => v ?? "–")]))
    : el("p", { class: "soft" }, "Settings and data are the same."));
  return top;
}

function tablePage() {
  const { columns: all, rows } = data;
  const top = head(`${count(rows, "row")}, ${count(all.length, "column")}`, []);
  main.append(...alerts());
  const date = (seconds) => (isNumber(seconds) && Math.abs(seconds) < 8e12 ? new Date(1000 * seconds).toISOString().slice(0, 10) : "–");
  const value = (column) => (column.is_time ? date : (x) => num(x, 5));
  const drawn = all.filter((c) => c.histogram || c.top.length);
  const picture = (c) => {
    const missing = c.missing > 0 ? `${count(c.missing, "row")} missing. ` : "";
    const show = value(c);
    if (!c.histogram) {
      const items = c.top.map(([name, value]) => ({ name: name || "(empty)", value, text: whole(value) }));
      return card(4, c.name, `${missing}${count(c.distinct, "category", "categories")}.`, bars({ label: `${c.name}: ${items.map((i) => `${i.name} ${i.text}`).join(", ")}`, items, colour: "var(--d)", tipText: (i) => `${i.name}: ${count(i.value, "row")}` }));
    }
    const { min, max } = c.numbers;
    const width = (max - min) / c.histogram.length;
    const items = c.histogram.map((value, i) => ({ value, from: min + i * width, to: min + (i + 1) * width }));
    const labels = c.is_time ? { labels: [] } : {};
    return card(4, c.name, `${missing}${show(min)} to ${show(max)}${c.is_time ? "" : `, mean ${num(c.numbers.mean)}`}.`, columns({ label: `${c.name}: from ${show(min)} to ${show(max)}`, items, x: { domain: [min, max], ...labels }, yTitle: "rows", most: 190, ratio: 0.55, tipText: (i) => `${show(i.from)} to ${show(i.to)}\n${count(i.value, "row")}` }));
  };
  section("drawn", "Values", drawn.length < all.length ? `${whole(drawn.length)} of the columns.` : null, grid(drawn.slice(0, 60).map(picture)));
  section("columns", "Columns", null, table(count(all.length, "column"), ["Column", "As", { text: "Missing", n: true }, { text: "Distinct", n: true }, { text: "Least", n: true }, { text: "Greatest", n: true }, { text: "Mean", n: true }, { text: "Deviation", n: true }, "Most frequent"], all.map((c) => [c.name, c.kind, { text: whole(c.missing), n: true }, { text: c.shape ? c.shape.join("×") : whole(c.distinct), n: true }, ...["min", "max", "mean", "deviation"].map((part) => ({ text: c.numbers ? (part === "deviation" && c.is_time ? "–" : value(c)(c.numbers[part])) : "", n: true })), c.top.map(([text, n]) => `${text} (${whole(n)})`).join(", ")]), { tall: all.length > 30 }));
  const notes = (data.notes || []).filter((note) => !note.warning);
  section("notes", "Notes", null, notes.length > 0 && el("ul", {}, notes.map((note) => el("li", {}, note.text))));
  return top;
}

// The value of a line through points at x; none outside.
function between(points, x) {
  if (!points.length || x < points[0][0] || x > points.at(-1)[0]) return null;
  const after = points.findIndex(([p]) => p >= x);
  const [x1, y1] = points[after];
  if (x1 === x || after === 0) return y1;
  const [x0, y0] = points[after - 1];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

const header = { run: runPage, evaluation: evaluationPage, comparison: comparisonPage, importance: importancePage, cv: crossValidationPage, table: tablePage }[data.kind]();
const menu = el("nav", { "aria-label": "Sections" }, el("div", { class: "inner" }, links.map(([id, title]) => el("a", { href: `#${id}` }, title))));
document.body.append(header, ...(links.length > 1 ? [menu] : []), main, el("footer", {}, ["run", "evaluation", "comparison"].includes(data.kind) && "Intervals: Wilson's for the accuracy of rows that count alike, else the bootstrap over rows. ", "Drawn from the data in this file; nothing is loaded from a network."), tip);

for (const figure of document.querySelectorAll("figure")) figure.redraw();

const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) for (const a of menu.querySelectorAll("a")) a.classList.toggle("here", a.hash === `#${entry.target.id}`);
}, { rootMargin: "-20% 0px -70% 0px" });
for (const part of main.querySelectorAll("section")) watch.observe(part);
