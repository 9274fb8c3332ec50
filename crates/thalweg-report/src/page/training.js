// Curves of a training run: losses, updates, layers, members.

// Series of a log, faint, with their averages above. `named`: [key, name] in the order of colours.
function averagedLines(curves, place, named, { label, colours = COLOURS, ...options }) {
  const { series, averages } = curves;
  const list = [];
  named.forEach(([key, name], i) => {
    if (!(series[key] || []).some(isNumber)) return;
    const [smooth, colour] = [averages[key], colours[i]];
    if (smooth) list.push({ name: `${name}, as it is`, of: name, values: series[key], colour, faint: true });
    list.push({ name, values: smooth || series[key], colour });
  });
  if (!list.length) return null;
  const last = named
    .map(([key, name]) => [name, (series[key] || []).filter(isNumber).at(-1)])
    .filter(([, value]) => isNumber(value));
  return lines({
    label: `${label}; at the end ${last.map(([name, value]) => `${name} ${num(value)}`).join(", ")}`,
    x: series[place] || [],
    series: list,
    xTitle: place === "step" ? "update" : place,
    ...options,
  });
}

function lossCurves(curves, end) {
  // The curves of an ensemble are those of its first member.
  const epoch = end?.ensemble?.length ? end.ensemble[0].best_epoch : end?.best_epoch;
  const best =
    // That of a continued run may be an epoch before it.
    (curves.series.epoch || []).includes(epoch) && (curves.series.validation_loss || []).some(isNumber)
      ? { x: epoch, name: `best: epoch ${whole(epoch)}` }
      : null;
  return averagedLines(
    curves,
    "epoch",
    [
      ["train_loss", "train"],
      ["validation_loss", "validation"],
    ],
    {
      label: `Loss over ${count(curves.epochs, "epoch")}`,
      yTitle: "loss",
      mark: best,
      ratio: 0.5,
      most: 380,
    },
  );
}

const small = (curves, place, key, name, colour, log) =>
  averagedLines(curves, place, [[key, name]], {
    label: `${name} over the ${place === "step" ? "updates" : "epochs"}`,
    colours: [colour],
    yTitle: name,
    log,
    ratio: 0.5,
    most: 190,
  });

// The name of a layer with its kind: `layers.0 dense`.
function layerName(path, network) {
  const own = path.replace(/^members\.\d+\./, "");
  const kind = own.split(".").reduce((at, part) => at?.[part], network)?.name;
  return [path, kind].filter(Boolean).join(" ");
}
// The same in the model, which may be another than the network that was trained.
function finalName(path) {
  const member = Number(path.match(/^members\.(\d+)\./)?.[1] ?? 0);
  return layerName(path, data.networks?.[member] ?? data.start.network);
}

// What the layers were from epoch to epoch: a chart for each quantity, a line for each layer that has it.
function layerCharts(layers) {
  const { epoch } = layers;
  const names = layers.names.map((name) => layerName(name, data.start.network));
  const hasWeights = layers.weight_norm.map((norms) => norms.some((norm) => norm > 0));
  const over = (key) =>
    layers[key]?.map((values, layer) =>
      values.map((value, i) =>
        layers.weight_norm[layer][i] > 0 && isNumber(value) ? value / layers.weight_norm[layer][i] : null,
      ),
    );
  const charts = [
    ["Activation mean", "mean of the outputs", layers.mean, false],
    ["Activation deviation", "deviation of the outputs", layers.deviation, null],
    ["Dead units", "share that puts out 0 alone", layers.dead, false],
    ["Weights", "‖weights‖", layers.weight_norm?.map((norms, i) => (hasWeights[i] ? norms : [])), null],
    ["Gradient to weights", "‖gradient‖ / ‖weights‖", over("gradient_norm"), null],
    ["Update to weights", "‖last update‖ / ‖weights‖", over("update_norm"), null],
  ];
  const hidden = new Set();
  const series = (values) =>
    names.map((name, i) => ({
      name,
      values: values[i],
      colour: COLOURS[i % COLOURS.length],
      dash: i >= COLOURS.length ? "5 3" : null,
    }));
  const shown = charts.filter(([, , values]) => values?.flat().some(isNumber));
  const drawn = shown.map(([title, what, values, log]) => {
    const own = series(values).filter((one) => one.values.some(isNumber));
    const ends = own.map((one) => `${one.name} ${num(one.values.filter(isNumber).at(-1), 3)}`).join(", ");
    const chart = lines({
      label: `${title} over the epochs; at the end ${ends}`,
      x: epoch,
      series: own,
      xTitle: "epoch",
      yTitle: what,
      log,
      hidden,
      ratio: 0.62,
      most: 220,
    });
    return card(4, title, null, chart);
  });
  const legend = legendOf(series(layers.mean), hidden, () =>
    drawn.forEach((one) => one.querySelector("figure").redraw()),
  );
  return [legend, grid(drawn)];
}

function layersSection(layers, inspection) {
  const names =
    layers && layers.count > layers.names.length
      ? `${whole(layers.names.length)} of ${whole(layers.count)} layers. `
      : "";
  section(
    "layers",
    "Layers",
    layers &&
      `${names}On the same training rows after each epoch; of long runs after fewer and fewer. Dead units put out 0 for every one of these rows.`,
    layers && layerCharts(layers),
    inspection?.layers?.length > 0 &&
      table(
        "The final weights",
        ["Layer", "Output mean", "Deviation", "Dead units", "‖weights‖", "‖gradient‖"].map((text, i) => ({
          text,
          n: i > 0,
        })),
        finalLayers(inspection.layers),
        { tall: inspection.layers.length > 14, note: "On a batch of training rows." },
      ),
  );
}

function finalLayers(all) {
  const dead = percents(all.map((l) => l.dead));
  const ofWeights = (of) => column(all, (l) => (l.weight_norm > 0 ? of(l) : null));
  const cells = [
    column(all, (l) => l.mean),
    column(all, (l) => l.deviation),
    (l) => ({ text: dead(l.dead), n: true }),
    ofWeights((l) => l.weight_norm),
    ofWeights((l) => l.gradient_norm),
  ];
  return all.map((l) => [finalName(l.name), ...cells.map((cell) => cell(l))]);
}

function stepCards(steps) {
  const note = steps.averages.loss
    ? `Faint: the updates that are recorded. Strong: a bias-corrected average over about ${count(Math.round(steps.window), "update")}.`
    : null;
  return [
    card(6, "Loss of the updates", note, small(steps, "step", "loss", "loss of the batch", COLOURS[0])),
    card(
      6,
      "Gradient norm of the updates",
      note,
      small(steps, "step", "gradient_norm", "‖gradient‖", COLOURS[2]),
    ),
    card(
      12,
      "Learning rate of the updates",
      null,
      averagedLines(steps, "step", [["lr", "rate"]], {
        label: "Learning rate over the updates",
        colours: [COLOURS[3]],
        yTitle: "rate",
        log: false,
        ratio: 0.3,
        most: 170,
      }),
    ),
  ];
}

// A loss of several runs or members over their epochs.
function manyCurves(runs, key, title) {
  const epochs = (run) => run.curves.series.epoch || [];
  const x = [...new Set(runs.flatMap(epochs))].sort((a, b) => a - b);
  const of = (run, i) => {
    const values = run.curves.averages[key] || run.curves.series[key] || [];
    // Each line goes through its own epochs.
    const own = epochs(run)
      .map((epoch, k) => [epoch, values[k]])
      .filter(([, value]) => isNumber(value));
    return {
      name: run.name,
      colour: COLOURS[i % COLOURS.length],
      dash: i >= COLOURS.length ? "5 3" : null,
      values: x.map((epoch) => between(own, epoch)),
    };
  };
  const series = runs.map(of).filter((s) => s.values.some(isNumber));
  return (
    series.length > 0 &&
    card(
      6,
      title,
      null,
      lines({
        label: `${title} of ${series.map((s) => s.name).join(", ")}`,
        x,
        series,
        xTitle: "epoch",
        yTitle: "loss",
        most: 340,
      }),
    )
  );
}

// The value of a line through points at x; none outside.
function between(points, x) {
  if (!points.length || x < points[0][0] || x > points.at(-1)[0]) return null;
  const after = points.findIndex(([p]) => p >= x);
  const [x1, y1] = points[after];
  if (x1 === x || after === 0) return y1;
  const [x0, y0] = points[after - 1];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

// The curves of a run, and beside the first what is known of it as a whole.
function trainingCards(curves, end, facts) {
  const is = (key) => (curves.series[key] || []).some(isNumber);
  const over = count(Math.round(curves.window), "epoch");
  return grid(
    card(
      8,
      data.members?.length > 1 ? "Loss of member 1" : "Loss",
      curves.averages.train_loss && `Faint: each epoch. Strong: a bias-corrected average over about ${over}.`,
      lossCurves(curves, end),
    ),
    facts,
    is("validation_score") &&
      card(
        12,
        `${metricName(data.metric)} of the validation rows`,
        "It chooses the best epoch.",
        averagedLines(curves, "epoch", [["validation_score", inText(data.metric)]], {
          label: `${metricName(data.metric)} over the epochs`,
          colours: [COLOURS[1]],
          yTitle: inText(data.metric),
          log: false,
          ratio: 0.25,
          most: 220,
        }),
      ),
    is("lr") &&
      card(
        4,
        "Learning rate",
        "Of the last update of each epoch.",
        small(curves, "epoch", "lr", "rate", COLOURS[3], false),
      ),
    is("gradient_norm") &&
      card(
        4,
        "Gradient norm",
        "Mean over the updates of an epoch.",
        small(curves, "epoch", "gradient_norm", "‖gradient‖", COLOURS[2]),
      ),
    is("rows_per_second") &&
      card(
        4,
        "Speed",
        "Of training alone, without evaluation.",
        small(curves, "epoch", "rows_per_second", "rows a second", COLOURS[3], false),
      ),
    data.steps && stepCards(data.steps),
  );
}

// The members of an ensemble: how each ended, and their losses.
function membersSection(members, curves) {
  const titles = ["Member", "Seed", "Epochs", "Best epoch", "Stopped by", "Validation loss", "Test loss"];
  const isNumeric = (text, i) => ({ text, n: titles[i] !== "Stopped by" });
  const text = (of) => (m, i) => ({ text: of(m), n: i !== 4 });
  const cells = [
    text((m) => whole(m.member + 1)),
    text((m) => m.seed ?? "–"),
    text((m) => whole(m.epochs)),
    text((m) => whole(m.best_epoch)),
    text((m) => m.stopped_by.replaceAll("_", " ")),
    column(members, (m) => m.validation_loss),
    column(members, (m) => m.test_loss),
  ];
  const line = (m) => cells.map((cell, i) => cell(m, i));
  section(
    "members",
    "Members",
    "The networks whose predictions are averaged, each by itself.",
    curves?.length > 1 &&
      grid(
        manyCurves(curves, "validation_loss", "Validation loss"),
        manyCurves(curves, "train_loss", "Training loss"),
      ),
    members.length > 0 &&
      table(count(members.length, "member"), titles.map(isNumeric), members.map(line), {
        tall: members.length > 14,
      }),
  );
}
