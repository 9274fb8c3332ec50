// The page of a table.

function tablePage() {
  const { columns: all, rows } = data;
  const top = head(`${count(rows, "row")}, ${count(all.length, "column")}`, []);
  main.append(...alerts());
  const date = (seconds) =>
    isNumber(seconds) && Math.abs(seconds) < 8e12 ? new Date(1000 * seconds).toISOString().slice(0, 10) : "–";
  const isYears = ({ numbers }) =>
    numbers && [numbers.min, numbers.max].every((x) => Number.isInteger(x) && x >= 1500 && x < 2200);
  const year = (x) => num(x, 5).replace(",", "");
  const value = (column) => (column.is_time ? date : isYears(column) ? year : (x) => num(x, 5));
  const drawn = all.filter((c) => c.histogram || c.top.length);
  const picture = (c) => {
    const missing = c.missing > 0 ? `${count(c.missing, "row")} missing. ` : "";
    const show = value(c);
    if (!c.histogram) {
      const items = c.top.map(([name, value]) => ({ name: name || "(empty)", value, text: whole(value) }));
      return card(
        4,
        c.name,
        `${missing}${count(c.distinct, "category", "categories")}.`,
        bars({
          label: `${c.name}: ${items.map((i) => `${i.name} ${i.text}`).join(", ")}`,
          items,
          colour: "var(--d)",
          tipText: (i) => `${i.name}: ${count(i.value, "row")}`,
        }),
      );
    }
    const { min, max } = c.numbers;
    // Of a few whole numbers each has a bar.
    const [left, right] = c.whole ? [min - 0.5, max + 0.5] : [min, max];
    const width = (right - left) / c.histogram.length;
    const items = c.histogram.map((value, i) => ({
      value,
      from: left + i * width,
      to: left + (i + 1) * width,
    }));
    const span = (i) => (c.whole ? show(i.from + 0.5) : `${show(i.from)} to ${show(i.to)}`);
    const labels = c.is_time ? { labels: [] } : {};
    return card(
      4,
      c.name,
      `${missing}${show(min)} to ${show(max)}${c.is_time ? "" : `, mean ${isYears(c) ? show(c.numbers.mean) : num(c.numbers.mean)}`}.`,
      columns({
        label: `${c.name}: from ${show(min)} to ${show(max)}`,
        items,
        x: { domain: [left, right], ...labels },
        yTitle: "rows",
        most: 190,
        ratio: 0.55,
        tipText: (i) => `${span(i)}\n${count(i.value, "row")}`,
      }),
    );
  };
  section(
    "drawn",
    "Values",
    drawn.length < all.length ? `${whole(drawn.length)} of the columns.` : null,
    grid(drawn.slice(0, 60).map(picture)),
  );
  section(
    "columns",
    "Columns",
    null,
    table(
      count(all.length, "column"),
      [
        "Column",
        "As",
        { text: "Missing", n: true },
        { text: "Distinct", n: true },
        { text: "Least", n: true },
        { text: "Greatest", n: true },
        { text: "Mean", n: true },
        { text: "Deviation", n: true },
        "Most frequent",
      ],
      all.map((c) => [
        c.name,
        c.kind,
        { text: whole(c.missing), n: true },
        { text: c.shape ? c.shape.join("×") : whole(c.distinct), n: true },
        ...["min", "max", "mean", "deviation"].map((part) => ({
          text: c.numbers ? (part === "deviation" && c.is_time ? "–" : value(c)(c.numbers[part])) : "",
          n: true,
        })),
        { text: c.top.map(([text, n]) => `${text} (${whole(n)})`).join(", "), class: "list" },
      ]),
      { tall: all.length > 30 },
    ),
  );
  const notes = (data.notes || []).filter((note) => !note.warning);
  section(
    "notes",
    "Notes",
    null,
    notes.length > 0 &&
      el(
        "ul",
        {},
        notes.map((note) => el("li", {}, note.text)),
      ),
  );
  return top;
}
