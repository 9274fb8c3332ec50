// The page of several runs.

function comparisonPage() {
  const runs = data.runs;
  const parts = runs.map((run) => judgedPart(run.end));
  const names = [...new Set(runs.flatMap((run, i) => metricsOf(run.end?.[parts[i]]).map(([name]) => name)))];
  const colour = (i) => COLOURS[i % COLOURS.length];
  const top = head(`${count(runs.length, "run")} compared`, [...new Set(runs.map((run) => run.start?.data))]);
  const different = new Set(
    runs.map((run, i) => [run.start?.data, parts[i], run.start?.rows?.[parts[i]]].join()),
  );
  if (different.size > 1)
    main.append(
      el(
        "div",
        { class: "alert", role: "note" },
        "These runs are not judged on the same rows: their scores are not comparable.",
      ),
    );
  const dots = (name) =>
    card(
      6,
      metricName(name),
      null,
      dotChart(
        name,
        runs.map((run, i) => {
          const interval = intervalOf(run.end?.intervals, name);
          return {
            name: run.name,
            value: run.end?.[parts[i]]?.[name],
            low: interval?.low,
            high: interval?.high,
            colour: colour(i),
          };
        }),
      ),
    );
  const of = (n) => runs.map((run, i) => run.end?.[parts[i]]?.[n]);
  const written = new Map(names.map((n) => [n, alike(of(n))]));
  const seconds = alike(
    runs.map((run) => run.end?.seconds),
    3,
  );
  section(
    "scores",
    "Scores",
    "With 95 % intervals, where the run was inspected.",
    grid(names.slice(0, 6).map(dots)),
    table(
      "Scores",
      [
        "Run",
        "Judged on",
        { text: "Epochs", n: true },
        { text: "Seconds", n: true },
        { text: "Parameters", n: true },
        ...names.map((n) => ({ text: metricName(n), n: true })),
      ],
      runs.map((run, i) => [
        run.name,
        {
          text: parts[i] ? `${whole(run.start.rows[parts[i]])} ${partName(parts[i])} rows` : "–",
          class: "nowrap",
        },
        { text: whole(run.end?.epochs), n: true },
        { text: seconds(run.end?.seconds), n: true },
        { text: whole(run.start?.parameters), n: true },
        ...names.map((n) => {
          const interval = intervalOf(run.end?.intervals, n);
          return {
            text: written.get(n)(run.end?.[parts[i]]?.[n]),
            n: true,
            sub: interval && `[${num(interval.low, 3)}, ${num(interval.high, 3)}]`,
          };
        }),
      ]),
    ),
  );
  section(
    "training",
    "Training",
    "Averages over each run's epochs, where it has enough of them.",
    grid(
      manyCurves(runs, "validation_loss", "Validation loss"),
      manyCurves(runs, "train_loss", "Training loss"),
    ),
  );
  section(
    "differences",
    "Differences",
    null,
    data.differences.length
      ? table(
          "What differs in settings and data",
          ["Name", ...runs.map((run) => run.name)],
          data.differences.map((d) => [
            { node: el("code", {}, d.name), text: d.name },
            ...d.values.map((v) => v ?? "–"),
          ]),
        )
      : el("p", { class: "soft" }, "Settings and data are the same."),
  );
  return top;
}
