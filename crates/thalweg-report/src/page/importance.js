// The page of a model's columns by their importance.

function importancePage() {
  const { importance, start } = data;
  const first = importance.columns[0];
  const relies = first && first.importance > 0;
  const top = head(relies ? `Relies most on ${first.column}` : "Relies on no column", [
    start.task,
    data.data,
    `${metricName(importance.metric)} ${num(importance.score)} on ${whole(importance.rows)} ${importance.part}`,
    `trained on ${count(start.rows.train, "row")}`,
  ]);
  main.append(...alerts());
  importanceSection(importance);
  return top;
}
