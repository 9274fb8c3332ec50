// Figures by column: importance, dependence, errors, how each was read.

function importanceCards(importance) {
  const items = importance.columns.map((c) => ({
    name: c.column,
    value: c.importance,
    low: c.importance - c.deviation,
    high: c.importance + c.deviation,
  }));
  const drawn = bars({
    label: `Importance: ${items
      .slice(0, 20)
      .map((i) => `${i.name} ${num(i.value, 3)}`)
      .join(", ")}`,
    items: items.slice(0, 20),
    colour: "var(--c)",
    tipText: (i) => `${i.name}: ${num(i.value)} ± ${num(i.high - i.value, 2)}`,
  });
  const all = importance.columns;
  const cells = [
    column(all, (c) => c.importance, 3),
    column(all, (c) => c.deviation, 2),
    column(all, (c) => c.loss, 3),
  ];
  const rows = all.map((c) => [c.column, ...cells.map((cell) => cell(c))]);
  const beside = table(
    "Importance",
    [
      "Column",
      { text: `Worse ${inText(importance.metric)}`, n: true },
      { text: "±", n: true },
      { text: "Worse loss", n: true },
    ],
    rows,
    { tall: rows.length > 14 },
  );
  return [
    el(
      "div",
      { class: "stack w6" },
      [drawn, coefficients(importance)].map((content) => content && card(12, null, null, content)),
    ),
    card(6, null, null, beside),
  ];
}

// What a linear model adds up, or why that cannot be told.
function coefficients({ coefficients: all, outputs, no_coefficients: why }) {
  if (!all) return why && el("p", { class: "soft" }, `No coefficients in the units of the file: ${why}`);
  return table(
    "Coefficients, in the units of the file",
    ["Input", ...(outputs || ["Value"]).map((text) => ({ text, n: true }))],
    all.map((c) => [c.input, ...c.values.map((v) => ({ text: num(v, 5), n: true }))]),
    { tall: all.length > 14 },
  );
}

function dependenceCard(dependence, task) {
  const { column, values, numbers, outputs } = dependence;
  const what = task === "regression" ? "mean prediction" : "mean probability";
  const x = numbers || values.map((_, i) => i);
  const series = outputs.map((o, i) => ({
    name: o.name,
    values: o.means,
    colour: COLOURS[i % COLOURS.length],
  }));
  const label = `${what} by ${column}: ${values.map((v, i) => `${v}: ${num(outputs[0].means[i], 3)}`).join("; ")}`;
  return el(
    "div",
    { class: "card w4" },
    el("h3", {}, column),
    lines({
      label,
      x,
      series,
      xTitle: numbers ? column : "",
      yTitle: outputs.length > 1 ? what : `${what} of ${outputs[0].name}`,
      labels: numbers ? null : values,
      xDomain: numbers ? extent(numbers) : [-0.5, values.length - 0.5],
      log: false,
      dots: !numbers,
      most: 210,
      ratio: 0.6,
    }),
  );
}

function columnErrors(column, what, top) {
  const items = column.bins.map((b) => ({ name: minus(b.values), value: b.error, rows: b.rows }));
  return el(
    "div",
    { class: "card w4" },
    el("h3", {}, column.name),
    columns({
      label: `${what} by ${column.name}: ${items.map((i) => `${i.name}: ${num(i.value, 3)}`).join("; ")}`,
      items,
      yTitle: what,
      most: 200,
      ratio: 0.55,
      x: null,
      tipText: (i) => `${column.name}: ${i.name}\n${what} ${num(i.value)}\n${count(i.rows, "row")}`,
    }),
  );
}

// The error by the values of each column, those first over whose values it varies most.
function errorsSection(all, what) {
  const columns = all.filter((column) => column.bins.some((bin) => bin.error > 0));
  const drawn = (some) => grid(some.map((column) => columnErrors(column, what)));
  const rest = columns.slice(12);
  section(
    "columns-error",
    "Where it errs",
    `The ${what} by the values of each column, in bins of about as many rows each; first the columns over which it varies most.`,
    drawn(columns.slice(0, 12)),
    rest.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, rest.length > 1 ? `The other ${whole(rest.length)} columns` : "The other column"),
        drawn(rest),
      ),
  );
}

function columnsRead(inspection) {
  if (!inspection?.columns?.length) return;
  const rows = inspection.columns.map((c) => [
    c.name,
    { text: c.kind, class: "nowrap" },
    { text: c.inputs ? whole(c.inputs) : "", n: true },
    c.how,
  ]);
  section(
    "columns",
    "Columns",
    "How each column was read, and what the network sees of it.",
    table(count(rows.length, "column"), ["Column", "As", { text: "Inputs", n: true }, "How"], rows, {
      tall: rows.length > 16,
    }),
  );
}

function importanceSection(importance) {
  if (!importance?.columns?.length) return;
  section(
    "importance",
    "Importance",
    `How much worse ${inText(importance.metric)} is on the ${importance.part} when the values of a column are shuffled among them, over several shuffles.`,
    grid(importanceCards(importance)),
  );
}

function dependenceSection(dependence, task) {
  section(
    "dependence",
    "Dependence",
    "The mean prediction if all rows had one value in a column and were else as they are: the columns that move it most.",
    grid(dependence.map((d) => dependenceCard(d, task))),
  );
}
