// The page of several runs.

// So many settings of layers stand beside the others; so many characters of a value are shown.
const FEW = 4;
const LONG = 160;

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
  const drawn = names.slice(0, 6);
  const dots = (name) =>
    card(
      even(drawn.length),
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
    grid(drawn.map(dots)),
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
            sub: interval && `[${written.get(n)(interval.low)}, ${written.get(n)(interval.high)}]`,
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
  differencesSection(runs, data.differences);
  return top;
}

// The settings that differ: the layers as one, each of their settings behind a fold.
function differencesSection(runs, all) {
  const ofLayer = ({ name }) => name.startsWith("network.layers.");
  const layers = all.filter(ofLayer);
  const folded = all.filter((d) => !ofLayer(d));
  if (layers.length > FEW)
    folded.unshift({ name: "network.layers", values: runs.map((run) => layerText(run.start?.network)) });
  else folded.unshift(...layers);
  const rows = (differences) =>
    differences.map((d) => [
      { node: el("code", {}, d.name), text: d.name },
      ...d.values.map((v) => ({
        text: v ?? "–",
        node: v?.length > LONG ? `${v.slice(0, LONG)}…` : null,
        class: "any",
      })),
    ]);
  const head = ["Name", ...runs.map((run) => run.name)];
  section(
    "differences",
    "Differences",
    null,
    all.length
      ? table("What differs in settings and data", head, rows(folded))
      : el("p", { class: "soft" }, "Settings and data are the same."),
    layers.length > FEW &&
      el(
        "details",
        {},
        el("summary", {}, `${count(layers.length, "setting")} of layers that differ`),
        table("Settings of layers", head, rows(layers)),
      ),
  );
}
