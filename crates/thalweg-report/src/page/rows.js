// Rows that are predicted badly, and what the first layer looks for in images.

const COUNTED = "Rows are counted from 1, without the header and without rows that were left out.";

function worstSection(worst, task, several) {
  if (!worst.length) return;
  const what =
    task === "regression" ? "farthest from their truth" : "most surprising to the model by their truth";
  section(
    "worst",
    "Worst rows",
    `The rows that are ${what}. ${COUNTED}`,
    worst.some((row) => row.image) ? worstImages(worst) : worstTable(worst, task, several),
  );
}

function worstImages(worst) {
  const share = (p) => (p < 0.01 ? "<0.01" : p > 0.99 && p < 1 ? ">0.99" : fixed(p, 2));
  const one = (row) =>
    el(
      "div",
      { class: "picture" },
      picture(row.image, `row ${row.row}: true ${row.truth}, predicted ${row.predicted}`),
      el("div", {}, el("b", {}, row.truth), row.truth === row.predicted ? " (right)" : ` → ${row.predicted}`),
      el(
        "div",
        { class: "soft" },
        `row ${whole(row.row)}${isNumber(row.probability) ? ` · p ${share(row.probability)}` : ""}`,
      ),
    );
  return el("div", { class: "pictures" }, worst.map(one));
}

function worstTable(worst, task, several) {
  const isNumeric = (j) => worst.every((row) => !row.cells[j][1].trim() || isNumber(Number(row.cells[j][1])));
  const numeric = worst[0].cells.map((_, j) => isNumeric(j));
  const cells = worst[0].cells.map(([name], j) => ({ text: name, n: numeric[j] }));
  const isValue = task === "regression";
  const value = (text) => (isValue ? { text, n: true } : text);
  // Predictions have the decimals of one another; truths those of the file.
  const written = alike(
    worst.map((row) => Number(row.predicted)),
    5,
  );
  const predicted = (text) => value(isValue && isNumber(Number(text)) ? written(Number(text)) : text);
  const proba = worst.some((row) => isNumber(row.probability));
  const head = [
    { text: "Row", n: true },
    value("True"),
    value("Predicted"),
    { text: proba ? "p of the truth" : several ? "Error in deviations" : "Error", n: true },
    ...cells,
  ];
  const far = column(worst, (row) => (proba ? row.probability : row.error), 3);
  const line = (row) => [
    { text: whole(row.row), n: true },
    value(isValue && isNumber(Number(row.truth)) ? num(Number(row.truth), 7) : row.truth),
    predicted(row.predicted),
    far(row),
    ...row.cells.map(([, value], j) => ({ text: minus(value), n: numeric[j] })),
  ];
  return table("Rows", head, worst.map(line));
}

function filtersSection(filters) {
  if (!filters) return;
  const { name, bound } = filters;
  section(
    "filters",
    "Filters",
    `What the first layer looks for: the weights of ${name}, a picture a unit. Gray is 0, white ${num(bound)}, black ${num(-bound)}.`,
    el(
      "div",
      { class: "filters" },
      filters.filters.map((f, i) => picture(f, `unit ${i + 1}`)),
    ),
  );
}
