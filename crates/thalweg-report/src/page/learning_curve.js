// The page of a learning curve.

// Scores by the number of rows. A point: { share, rows, scores: [{ name, test, standard_error, train, best_constant, linear_model }] }.
function learningCurvePage() {
  const { result, reasons, config } = data;
  const { points } = result;
  const names = [...new Set(points.flatMap((point) => point.scores.map((score) => score.name)))];
  const metrics = names.filter((name) => name !== "loss");
  const name = ["accuracy", "r2", "auc", "rmse"].find((n) => metrics.includes(n)) || names[0];
  const score = (point, n) => point.scores.find((s) => s.name === n) || {};
  const most = points.at(-1);
  const error = ({ standard_error: e }) => (e > 0 ? ` ± ${num(e, 2)}` : "");
  const top = head(
    `${metricName(name)} ${num(score(most, name).test)}${error(score(most, name))} with ${count(most.rows, "row")}`,
    [
      result.task,
      data.data,
      `each share drawn ${count(result.repeats, "time")}`,
      `tested on ${count(result.test_rows, "row")}`,
      `${num(result.seconds, 3)} s`,
    ],
  );
  main.append(...alerts());
  const rows = points.map((point) => point.rows);
  const chart = (n, width) => {
    const of = (field) => points.map((point) => score(point, n)[field] ?? null);
    const [test, wide] = [of("test"), of("standard_error")];
    const most = smallerIsBetter(n) ? Infinity : 1;
    const beside = (sign) =>
      test.map((value, i) => (isNumber(value) ? Math.min(value + sign * 2 * (wide[i] ?? 0), most) : null));
    const series = [
      {
        name: "test",
        values: test,
        colour: "var(--a)",
        low: wide.some(isNumber) && beside(-1),
        high: beside(1),
      },
      { name: "train", values: of("train"), colour: "var(--b)" },
      { name: "linear model, test", values: of("linear_model"), colour: "var(--c)" },
    ].filter((s) => s.values.some(isNumber));
    const constant = of("best_constant").filter(isNumber).at(-1);
    const note = isNumber(constant) ? `Best constant: ${num(constant)}.` : null;
    const label = `${metricName(n)} over the rows: ${points.map((point) => `${whole(point.rows)} ${num(score(point, n).test)}`).join(", ")}`;
    return card(
      width,
      metricName(n),
      note,
      lines({
        label,
        x: rows,
        xLog: true,
        places: rows,
        series,
        xTitle: "rows",
        log: false,
        most: 300,
      }),
    );
  };
  section(
    "curves",
    "Scores by rows",
    more(points, name, score),
    grid([...metrics.slice(0, 3), "loss"].map((n) => chart(n, 6))),
  );
  const fields = [
    ["test", "test"],
    ["standard_error", "±"],
    ["train", "train"],
    ["linear_model", "linear"],
    ["best_constant", "constant"],
  ];
  const own = [name, "loss"].flatMap((n) =>
    fields
      .filter(([field]) => points.some((p) => isNumber(score(p, n)[field])))
      .map(([field, title]) => [n, field, title]),
  );
  const cells = own.map(([n, field]) => column(points, (p) => score(p, n)[field]));
  section(
    "points",
    "Shares",
    "Bands and ± are of the draws: two standard errors to each side, and one. All are tested on the same rows.",
    table(
      "Shares of the rows",
      [
        { text: "Share", n: true },
        { text: "Rows", n: true },
        ...own.map(([n, , title]) => ({
          text: title === "±" ? title : `${metricName(n)}, ${title}`,
          n: true,
        })),
      ],
      points.map((point) => [
        { text: percent(point.share), n: true },
        { text: whole(point.rows), n: true },
        ...cells.map((cell) => cell(point)),
      ]),
    ),
  );
  choicesSection(reasons, config);
  return top;
}

// What the last step of a learning curve says of more rows.
function more(points, name, score) {
  if (points.length < 2) return null;
  const [before, last] = points.slice(-2).map((point) => ({ rows: point.rows, ...score(point, name) }));
  const gain = (last.test - before.test) * (smallerIsBetter(name) ? -1 : 1);
  const noise = 2 * Math.hypot(before.standard_error ?? 0, last.standard_error ?? 0);
  const step = `From ${whole(before.rows)} to ${whole(last.rows)} rows, ${inText(name)} goes from ${num(before.test)} to ${num(last.test)}`;
  return gain > noise
    ? `${step}: more rows are likely to help.`
    : `${step}, which is within the noise of the draws: more rows alone may help little.`;
}
