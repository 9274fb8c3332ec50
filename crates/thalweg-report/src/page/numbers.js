// Figures of numbers that are predicted.

function residualChart(numbers) {
  const [left, width] = numbers.bins;
  const items = numbers.counts.map((value, i) => ({
    value,
    from: left + i * width,
    to: left + (i + 1) * width,
  }));
  const domain = [left, left + width * numbers.counts.length];
  return columns({
    label: `Residuals of ${numbers.name}: mean ${num(numbers.bias)}`,
    items,
    x: { domain },
    xTitle: "prediction − truth",
    yTitle: "rows",
    ratio: 0.45,
    tipText: (i) => `${num(i.from)} to ${num(i.to)}\n${count(i.value, "row")}`,
  });
}

function distanceChart(numbers) {
  const x = numbers.distances.map((_, i) => i * 10);
  return lines({
    label: `Distance from the truth: half of the rows within ${num(numbers.distances[5])}, nine in ten within ${num(numbers.distances[9])}`,
    x,
    xDomain: [0, 100],
    series: [{ name: "distance", values: numbers.distances, colour: COLOURS[1] }],
    xTitle: "% of the rows",
    yTitle: "at most this far from the truth",
    log: false,
    ratio: 0.45,
    most: 340,
    describe: (px, py, sx, sy) => {
      const i = nearest(
        x.map((v) => sx.at(v)),
        px,
      );
      return {
        cross: sx.at(x[i]),
        marks: [[sx.at(x[i]), sy.at(numbers.distances[i]), COLOURS[1]]],
        text: `${x[i]} % of the rows are within\n${num(numbers.distances[i], 5)}`,
      };
    },
  });
}

// Figures of one target on some rows; `title` is what its predictions are called.
function numbersSection(id, title, numbers, rows, part) {
  const shown = numbers.points.length;
  section(
    id,
    title,
    `On ${part} rows: ${whole(rows)}.`,
    grid(
      shown > 0 &&
        card(
          6,
          "Predicted and true",
          shown < rows
            ? `${whole(shown)} of the rows. On the line, predictions are right.`
            : "On the line, predictions are right.",
          cloud({
            label: `Predicted over true ${numbers.name}`,
            points: numbers.points,
            xTitle: `true ${numbers.name}`,
            yTitle: `predicted ${numbers.name}`,
            tipText: (k) =>
              `row ${whole(numbers.rows[k])}\ntrue ${num(numbers.points[k][0], 5)}\npredicted ${num(numbers.points[k][1], 5)}\nresidual ${num(numbers.points[k][1] - numbers.points[k][0], 4)}`,
          }),
        ),
      el(
        "div",
        { class: "stack w6" },
        card(
          12,
          "Residuals",
          `Mean ${num(numbers.bias)}. Right of 0, predictions are too high. Outliers are in the outer bins.`,
          residualChart(numbers),
        ),
        card(
          12,
          "How far off",
          `Half of the rows are within ${num(numbers.distances[5])} of the truth, nine in ten within ${num(numbers.distances[9])}.`,
          distanceChart(numbers),
        ),
      ),
    ),
  );
}
