// The page of a cross-validation.

// A score over folds: { mean, standard_error, values, best_constant, linear_model }.
function crossValidationPage() {
  const { result, reasons, config, points, confusion } = data;
  const scores = Object.entries(result.scores);
  const judged = scores.filter(([name]) => name !== "loss");
  const [name, main_] = ["accuracy", "r2", "auc", "rmse"]
    .map((n) => [n, result.scores[n]])
    .find(([, v]) => isNumber(v?.mean)) ||
    judged[0] || ["loss", result.scores.loss];
  const error = (s) => (isNumber(s.standard_error) ? ` ± ${num(s.standard_error, 2)}` : "");
  const folds = result.members;
  const foldName = (f) => (result.repeats > 1 ? `${f.repeat}.${f.fold}` : `${f.fold}`);
  const top = head(
    `${metricName(name)} ${num(main_.mean)}${error(main_)} over ${count(folds.length, "fold")}`,
    [
      result.task,
      data.data,
      count(result.rows, "row"),
      result.repeats > 1 && `dealt ${whole(result.repeats)} times`,
      `${num(result.seconds, 3)} s`,
    ],
  );
  const tile = ([n, s]) =>
    el(
      "div",
      { class: "tile" },
      el("div", { class: "label" }, metricName(n)),
      el("div", { class: "value" }, num(s.mean)),
      isNumber(s.standard_error) &&
        el("div", { class: "note" }, `± ${num(s.standard_error, 2)}, the standard error`),
      isNumber(s.linear_model) &&
        el("div", { class: "note" }, `linear model: ${beside(s.mean)(s.linear_model)}`),
      isNumber(s.best_constant) &&
        el("div", { class: "note" }, `best constant: ${beside(s.mean)(s.best_constant)}`),
    );
  main.append(...alerts(), el("div", { class: "tiles" }, judged.slice(0, 8).map(tile)));
  const dots = ([n, s]) => {
    const base = [
      ["linear model", s.linear_model],
      ["best constant", s.best_constant],
    ]
      .filter(([, v]) => isNumber(v))
      .map(([text, value]) => ({ name: text, value, colour: "var(--f)" }));
    const of = s.values
      .map((value, i) => ({ name: `fold ${foldName(folds[i])}`, value, colour: "var(--c)" }))
      .slice(0, 30);
    const wide = isNumber(s.standard_error) ? 2 * s.standard_error : NaN;
    const most = smallerIsBetter(n) ? Infinity : 1;
    const [low, high] = [s.mean - wide, Math.min(s.mean + wide, most)];
    const mean = { name: "mean", value: s.mean, low, high, colour: "var(--a)" };
    return card(
      even(judged.length),
      metricName(n),
      isNumber(s.standard_error) ? "The band of the mean is two standard errors to each side." : null,
      dotChart(n, [mean, ...of, ...base], ""),
    );
  };
  const heads = scores.map(([n]) => ({ text: metricName(n), n: true }));
  const written = scores.map(([, s]) => alike([...s.values, s.mean, s.linear_model, s.best_constant]));
  const cells = (of) => scores.map(([, s], i) => ({ text: written[i](of(s)), n: true }));
  const seconds = alike(
    folds.map((f) => f.seconds),
    3,
  );
  const blank = Array(4).fill("");
  section(
    "scores",
    "Scores",
    "Each model is tested on the rows of a fold, which it has not seen. The standard error is that of Nadeau and Bengio (2003): folds share rows to train on.",
    grid(judged.slice(0, 4).map(dots)),
    table(
      "Folds",
      [
        "Fold",
        ...["Rows to train", "To test", "Best epoch", "Seconds"].map((text) => ({ text, n: true })),
        ...heads,
      ],
      [
        ...folds.map((f, i) => [
          foldName(f),
          ...[
            whole(f.rows.train),
            whole(f.rows.test),
            whole(f.best_epoch ?? f.epochs),
            seconds(f.seconds),
          ].map((text) => ({ text, n: true })),
          ...cells((s) => s.values[i]),
        ]),
        ["mean", ...blank, ...cells((s) => s.mean)],
        ["±", ...blank, ...cells((s) => s.standard_error)],
        ["linear model", ...blank, ...cells((s) => s.linear_model)],
        ["best constant", ...blank, ...cells((s) => s.best_constant)],
      ],
      { tall: folds.length > 14, mark: (row) => row[0] === "mean" },
    ),
  );
  const sum = confusion?.matrix.map((row) => row.reduce((a, b) => a + b, 0));
  section(
    "predictions",
    "Predictions",
    "Of each row by a model that has not seen it.",
    grid(
      points &&
        card(
          8,
          "Predicted and true",
          `${points.length < result.rows ? `${whole(points.length)} of the rows. ` : ""}On the line, predictions are right.`,
          cloud({
            label: "Predicted over true values, out of fold",
            points: points.map(([, t, p]) => [t, p]),
            xTitle: "true",
            yTitle: "predicted",
            tipText: (k) =>
              `row ${whole(points[k][0])}\ntrue ${num(points[k][1], 5)}\npredicted ${num(points[k][2], 5)}`,
          }),
        ),
      confusion &&
        card(
          6,
          "Confusion matrix",
          "Shades are shares of a true class.",
          heat({
            label: `Confusion matrix out of fold, ${count(confusion.classes.length, "class", "classes")}`,
            rows: confusion.classes,
            columns: confusion.classes,
            rowTitle: "true",
            columnTitle: "predicted",
            shade: (i, j) => (sum[i] > 0 ? confusion.matrix[i][j] / sum[i] : 0),
            text: (i, j) => (confusion.matrix[i][j] > 0 ? whole(confusion.matrix[i][j]) : ""),
            tipText: (i, j) =>
              `true ${confusion.classes[i]}, predicted ${confusion.classes[j]}\n${whole(confusion.matrix[i][j])} of ${whole(sum[i])}`,
          }),
        ),
    ),
  );
  choicesSection(reasons, config);
  return top;
}
