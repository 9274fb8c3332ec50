// Figures of classes and labels.

function confusionHeat(classes) {
  const names = classes.classes.map((c) => c.name);
  const matrix = classes.confusion;
  const sums = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const all = sums.reduce((a, b) => a + b, 0);
  return heat({
    label: `Confusion matrix of ${count(names.length, "class", "classes")}: ${amount(right)} of ${amount(all)} are right`,
    rows: names,
    columns: names,
    rowTitle: "true",
    columnTitle: "predicted",
    shade: (i, j) => (sums[i] > 0 ? matrix[i][j] / sums[i] : 0),
    text: (i, j) => (matrix[i][j] > 0 ? amount(matrix[i][j]) : ""),
    tipText: (i, j) =>
      `true ${names[i]}, predicted ${names[j]}\n${amount(matrix[i][j])} of ${amount(sums[i])} (${sums[i] > 0 ? percent(matrix[i][j] / sums[i]) : "–"})`,
  });
}

const ratio = (a, b) => (b > 0 ? a / b : null);
function classTable(classes, title) {
  const all = classes.classes;
  const counts = [(c) => c.weight, (c) => c.predicted];
  const shares = [
    (c) => ratio(c.correct, c.predicted),
    (c) => ratio(c.correct, c.weight),
    (c) => ratio(2 * c.correct, c.predicted + c.weight),
  ];
  const share = (x) => fixed(x, 3);
  const rows = all.map((c) => [
    c.name,
    ...counts.map((of) => ({ text: amount(of(c)), n: true })),
    ...shares.map((of) => ({ text: share(of(c)), n: true })),
  ]);
  const head = ["Rows", "Predicted", "Precision", "Recall", "F1"].map((text) => ({ text, n: true }));
  return table(title, ["", ...head], rows, { tall: rows.length > 14 });
}

// Points of a curve: [threshold, true positives, false positives].
function rocChart(curves) {
  const series = curves.map((c, i) => ({
    name: curves.length > 1 ? c.name : `AUC ${num(c.auc)}`,
    colour: COLOURS[i % COLOURS.length],
    dash: i >= COLOURS.length ? "5 3" : null,
    points: [[0, 0, null], ...c.points.map(([t, tp, fp]) => [fp / c.negatives, tp / c.positives, t])],
    curve: c,
  }));
  return plane({
    label: `ROC: ${curves.map((c) => `${c.name} AUC ${num(c.auc)}`).join(", ")}`,
    series,
    xTitle: "false positive rate",
    yTitle: "true positive rate",
    diagonal: true,
    tipText: (s, [x, y, t]) =>
      `${s.curve.name} (AUC ${num(s.curve.auc)})\nthreshold ${num(t)}\ntrue positive rate ${num(y)}\nfalse positive rate ${num(x)}`,
  });
}
function recallChart(curves) {
  const series = curves.map((c, i) => ({
    name: curves.length > 1 ? c.name : `average precision ${num(c.average_precision)}`,
    colour: COLOURS[i % COLOURS.length],
    dash: i >= COLOURS.length ? "5 3" : null,
    points: c.points
      .filter(([, tp, fp]) => tp + fp > 0)
      .map(([t, tp, fp]) => [tp / c.positives, tp / (tp + fp), t]),
    curve: c,
  }));
  return plane({
    label: `Precision over recall: ${curves.map((c) => `${c.name} average precision ${num(c.average_precision)}`).join(", ")}`,
    series,
    xTitle: "recall",
    yTitle: "precision",
    tipText: (s, [x, y, t]) =>
      `${s.curve.name} (average precision ${num(s.curve.average_precision)})\nthreshold ${num(t)}\nprecision ${num(y)}\nrecall ${num(x)}`,
  });
}
function liftChart(curve) {
  const all = curve.positives + curve.negatives;
  const points = [
    [0, 0, null],
    ...curve.points.map(([t, tp, fp]) => [(tp + fp) / all, tp / curve.positives, t]),
  ];
  return plane({
    label: "Share of the positives found over the share of rows looked at",
    series: [{ name: "gain", colour: COLOURS[2], points }],
    xTitle: "share of rows, highest score first",
    yTitle: "share of positives found",
    diagonal: true,
    tipText: (_, [x, y, t]) =>
      `first ${percent(x)} of rows\n${percent(y)} of the positives\nlift ${num(x > 0 ? y / x : null)}\nthreshold ${num(t)}`,
  });
}

function calibrationChart(classes, task) {
  const bins = classes.calibration;
  const label = `Calibration: ${bins.map((b) => `predicted ${num(b.predicted, 2)}, came true ${num(b.observed, 2)}`).join("; ")}`;
  return responsive(
    (svg, width, height) => {
      const { sx, sy, area } = axes(svg, width, height, {
        x: { domain: [0, 1], title: "predicted probability", grid: true },
        y: { domain: [0, 1], title: task === "multiclass" ? "share right" : "share that came true" },
      });
      svg.append(
        svgEl("line", {
          x1: sx.at(0),
          x2: sx.at(1),
          y1: sy.at(0),
          y2: sy.at(1),
          stroke: "var(--soft)",
          "stroke-dasharray": "4 4",
        }),
      );
      const most = Math.max(...bins.map((b) => b.weight));
      for (const b of bins) {
        const high = (b.weight / most) * (area.bottom - area.top) * 0.22;
        svg.append(
          svgEl("rect", {
            x: sx.at(b.predicted) - 6,
            y: area.bottom - high,
            width: 12,
            height: high,
            fill: "var(--f)",
            opacity: 0.25,
          }),
        );
        svg.append(
          svgEl("line", {
            x1: sx.at(b.predicted),
            x2: sx.at(b.predicted),
            y1: sy.at(b.low),
            y2: sy.at(b.high),
            stroke: "var(--a)",
            "stroke-width": 2,
            opacity: 0.5,
          }),
        );
      }
      svg.append(
        svgEl("path", {
          d: path(
            bins.map((b) => [b.predicted, b.observed]),
            sx,
            sy,
          ),
          fill: "none",
          stroke: "var(--a)",
          "stroke-width": 2,
        }),
      );
      for (const b of bins)
        svg.append(
          svgEl("circle", { cx: sx.at(b.predicted), cy: sy.at(b.observed), r: 4, fill: "var(--a)" }),
        );
      hovering(svg, width, height, (px) => {
        const b =
          bins[
            nearest(
              bins.map((bin) => sx.at(bin.predicted)),
              px,
            )
          ];
        return (
          b && {
            text: `predicted ${num(b.predicted)}\ncame true ${num(b.observed)} (95 %: ${num(b.low, 3)} to ${num(b.high, 3)})\n${amount(b.weight)} ${b.weight === 1 ? "prediction" : "predictions"}`,
            marks: [[sx.at(b.predicted), sy.at(b.observed), "var(--b)"]],
          }
        );
      });
    },
    label,
    0.85,
    360,
  );
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
    const cell = (value, share, good) =>
      el(
        "div",
        {
          class: "cell",
          style: `background: rgba(${good ? "var(--heat)" : "200, 90, 60"}, ${(0.07 + 0.4 * share).toFixed(3)})`,
        },
        amount(value),
      );
    four.replaceChildren(
      el("span", {}),
      el("span", { class: "side" }, `predicted ${curve.name}`),
      el("span", { class: "side" }, `predicted ${other}`),
      el("span", { class: "side" }, `true ${curve.name}`),
      cell(tp, tp / positives, true),
      cell(fn, fn / positives, false),
      el("span", { class: "side" }, `true ${other}`),
      cell(fp, fp / negatives, false),
      cell(tn, tn / negatives, true),
    );
    const [p, r] = [ratio(tp, tp + fp), tp / positives];
    const values = {
      Precision: p,
      Recall: r,
      F1: ratio(2 * tp, 2 * tp + fp + fn),
      Specificity: tn / negatives,
      Accuracy: (tp + tn) / (positives + negatives),
      "Balanced accuracy": (r + tn / negatives) / 2,
    };
    facts.replaceChildren(
      ...Object.entries(values).map(([name, value]) =>
        el("div", {}, el("span", {}, name), el("span", {}, fixed(value, 4))),
      ),
    );
  };
  const middle = Math.max(points.filter(([t]) => t >= 0.5).length - 1, 0);
  const slider = el("input", {
    type: "range",
    min: 0,
    max: points.length - 1,
    value: middle,
    "aria-label": "threshold",
    oninput: (event) => show(Number(event.target.value)),
  });
  show(middle);
  return el("div", {}, heading, slider, four, facts);
}

function thresholdTable(curve) {
  const wanted = Array.from({ length: 19 }, (_, i) => 0.95 - 0.05 * i);
  const at = (t) => curve.points.filter((p) => p[0] >= t).at(-1) || [null, 0, 0];
  const all = curve.positives + curve.negatives;
  const found = percents(wanted.map((t) => (at(t)[1] + at(t)[2]) / all));
  const rows = wanted.map((t) => {
    const [, tp, fp] = at(t);
    const [p, r] = [ratio(tp, tp + fp), tp / curve.positives];
    return [
      { text: fixed(t, 2), n: true },
      ...[
        fixed(p, 3),
        fixed(r, 3),
        fixed(ratio(2 * tp, tp + fp + curve.positives), 3),
        found((tp + fp) / all),
        fixed(ratio(p, curve.positives / all), 2),
      ].map((text) => ({ text, n: true })),
    ];
  });
  return table(
    "Thresholds",
    ["Threshold", "Precision", "Recall", "F1", "Predicted", "Lift"].map((text) => ({ text, n: true })),
    rows,
    { tall: true, note: "Over at most 160 points of the curve: the nearest one above each threshold." },
  );
}

// Figures of classes, or of labels, on some rows.
function classesSection({ classes, rows }, task, part) {
  const names = classes.classes.map((c) => c.name);
  const binary = task === "binary" && classes.curves[0];
  const isLabels = task === "multilabel";
  const third = binary || isLabels || !classes.calibration.length ? 6 : 4;
  const against = classes.curves.length > 1 && !isLabels ? "Each class against all others." : null;
  section(
    "classes",
    isLabels ? "Labels" : "Classes",
    `On ${part} rows: ${whole(rows)}.`,
    grid(
      classes.confusion &&
        card(
          names.length > 6 ? 7 : 6,
          "Confusion matrix",
          "Shades are shares of a true class.",
          confusionHeat(classes),
        ),
      classes.confused.length > 0 &&
        card(
          6,
          null,
          null,
          table(
            "Confused most",
            ["True", "Predicted", { text: "Rows", n: true }],
            classes.confused.map(([t, p, w]) => [names[t], names[p], { text: amount(w), n: true }]),
            { tall: true },
          ),
        ),
      card(
        classes.confusion && names.length > 6 ? 5 : 6,
        null,
        null,
        classTable(classes, isLabels ? "Each label" : "Each class"),
      ),
      binary &&
        card(
          6,
          "Threshold",
          null,
          thresholdCard(classes.curves[0], names.find((n) => n !== classes.curves[0].name) || "the other"),
        ),
      classes.curves.length > 0 && card(third, "ROC", against, rocChart(classes.curves)),
      classes.curves.length > 0 && card(third, "Precision and recall", against, recallChart(classes.curves)),
      classes.calibration.length > 0 &&
        card(
          third,
          "Calibration",
          `${task === "multiclass" ? "Of the predicted class. " : ""}On the line, probabilities come true as often as they say. Mean distance from it: ${num(classes.calibration_error, 3)}.`,
          calibrationChart(classes, task),
        ),
      binary &&
        card(
          6,
          "Lift",
          "How many of the positives the rows of the highest scores hold.",
          liftChart(classes.curves[0]),
        ),
      binary && classes.calibration.length > 0 && card(6, null, null, thresholdTable(classes.curves[0])),
    ),
  );
}
