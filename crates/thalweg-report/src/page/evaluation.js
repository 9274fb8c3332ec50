// The page of a model on the rows of a file.

function evaluationPage() {
  const { inspection, scores, start } = data;
  const top = head(headline(scores, "rows", inspection.rows) || "Evaluation", [
    start.task,
    data.data,
    `trained on ${count(start.rows.train, "row")}`,
  ]);
  main.append(...alerts(), tiles(scores, inspection.intervals, null));
  const all = { rows: scores, ...data.trained };
  const parts = Object.keys(all).filter((part) => metricsOf(all[part]).length);
  const names = [...new Set(parts.flatMap((part) => metricsOf(all[part]).map(([name]) => name)))];
  const cell = (part, n) => {
    const interval = part === "rows" && intervalOf(inspection.intervals, n);
    return {
      text: num(all[part][n]),
      n: true,
      class: part === "rows" ? "judged" : null,
      sub: interval && `[${num(interval.low, 3)}, ${num(interval.high, 3)}]`,
    };
  };
  section(
    "scores",
    "Scores",
    null,
    table(
      "Beside those of the run",
      [
        "",
        ...parts.map((part) => ({
          text: part === "rows" ? "these rows" : `run: ${partName(part)}`,
          n: true,
          class: part === "rows" ? "judged" : null,
        })),
      ],
      [...names, "loss"].map((n) => [metricName(n), ...parts.map((part) => cell(part, n))]),
    ),
  );
  judged(inspection, start.task, inspection.importance);
  columnsRead(inspection);
  return top;
}
