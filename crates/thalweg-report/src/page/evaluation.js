// The page of a model on the rows of a file.

function evaluationPage() {
  const { inspection, scores, start } = data;
  const top = head(headline(scores, "rows", inspection.rows) || "Evaluation", [
    start.task,
    data.data,
    `trained on ${count(start.rows.train, "row")}`,
  ]);
  main.append(...alerts(), tiles(scores, inspection.intervals, null));
  const named = (part) => (part === "rows" ? "these rows" : `run: ${partName(part)}`);
  const all = { rows: scores, ...data.trained };
  section(
    "scores",
    "Scores",
    null,
    scoresTable("Beside those of the run", all, "rows", inspection.intervals, named, null),
  );
  judged(inspection, start.task, inspection.importance);
  columnsRead(inspection);
  return top;
}
