// The page of a run.

function layerText(network) {
  const units = (network?.layers || []).map((layer) => {
    const size = layer.units ?? layer.channels;
    const act = typeof layer.activation === "object" ? layer.activation?.name : layer.activation;
    return [layer.name, size, act && act !== "identity" && act !== "linear" ? act : null]
      .filter((x) => x !== null && x !== undefined)
      .join(" ");
  });
  return units.length > 8
    ? `${units.slice(0, 4).join(" → ")} → … → ${units.at(-1)} (${units.length} layers)`
    : units.join(" → ");
}

// The models that were raced on the validation rows, with what each cost where that is known.
function raceCard(raced) {
  if (!raced?.length) return null;
  const known = (field) => raced.some((one) => isNumber(one[field]));
  const columns = [
    ["Loss", column(raced, (one) => one.validation_loss)],
    known("epochs") && ["Epochs", (one) => ({ text: whole(one.epochs), n: true })],
    known("seconds") && ["Seconds", column(raced, (one) => one.seconds, 3)],
  ].filter(Boolean);
  const name = (one) => (one.is_taken ? `${one.name} (taken)` : one.name);
  return card(
    12,
    null,
    null,
    table(
      "Raced on the validation rows",
      ["Model", ...columns.map(([text]) => ({ text, n: true }))],
      raced.map((one) => [name(one), ...columns.map(([, cell]) => cell(one))]),
      { mark: (_, i) => raced[i].is_taken, tall: raced.length > 14 },
    ),
  );
}

// The scores beside the baselines and what else was raced.
function scoresSection(end, part, intervals) {
  const own = metricsOf(end[part]).map(([name]) => name);
  const first = ["accuracy", "r2", "auc", "rmse", "f1", "mae"].filter((name) => own.includes(name));
  // As many as stand beside the tables.
  const drawn = (first.length ? first : own).slice(0, own.length > 5 || end.raced ? 2 : 1);
  const note = `Judged on the ${partName(part)} rows; in brackets 95 % intervals, over other rows of the same kind. A dash: not defined there.`;
  const beside = (name) =>
    card(12, `${metricName(name)}, beside the baselines`, null, scoreDots(end, intervals, name));
  section(
    "scores",
    "Scores",
    null,
    grid(
      el("div", { class: "stack w5 dots" }, drawn.map(beside)),
      el(
        "div",
        { class: "stack w7" },
        card(12, null, null, scoresTable("Scores", end, part, intervals, partName, note)),
        raceCard(end.raced),
      ),
    ),
  );
}

// What is known of a run as a whole.
function runFacts(start, end) {
  const facts = [
    ["Epochs", whole(end?.epochs)],
    ...(end?.ensemble?.length ? [] : [["Best epoch", whole(end?.best_epoch)]]),
    ["Stopped by", (end?.stopped_by || "–").replaceAll("_", " ")],
    ["Seconds", num(end?.seconds, 3)],
    ["Threads", start.threads],
    ["Instructions", start.cpu],
    ...(end?.refit ? [["Refitted on", count(end.refit, "row")]] : []),
    ["Inputs", whole(start.inputs)],
    ["Outputs", whole(start.outputs)],
  ];
  const fact = ([name, value]) => el("div", {}, el("span", {}, name), el("span", {}, value));
  return card(
    4,
    "The run",
    null,
    el("div", { class: "facts", style: "grid-template-columns:1fr" }, facts.map(fact)),
  );
}

function runPage() {
  const { start, end, curves, inspection } = data;
  const part = judgedPart(end);
  const rows = inspection?.rows ?? start?.rows?.[part];
  const title = headline(part && end[part], part, rows) || (data.failure ? "Training failed" : "No model");
  const other = end?.raced?.find((one) => one.is_taken && one.name.startsWith("linear model"));
  const top = head(title, [
    start.task,
    start.data,
    `${whole(start.rows.train)} rows to train, ${whole(start.rows.validation)} to validate, ${whole(start.rows.test)} to test`,
    count(start.parameters, "parameter") + (other ? `, in whose place a ${other.name} is taken` : ""),
  ]);
  main.append(...alerts());
  if (part) {
    main.append(tiles(end[part], inspection?.intervals, end.best_constant));
    scoresSection(end, part, inspection?.intervals);
  }
  if (curves.epochs > 0)
    section(
      "training",
      "Training",
      layerText(start.network),
      trainingCards(curves, end, runFacts(start, end)),
    );
  membersSection(end?.ensemble || [], data.members);
  layersSection(data.layers, inspection);
  const importance = end?.importance || inspection?.importance;
  if (inspection) judged(inspection, start.task, importance);
  else importanceSection(importance);
  columnsRead(inspection);
  choicesSection(data.reasons, data.config);
  return top;
}
