// The parts of a page: sections, cards, the head, what was chosen.

const data = JSON.parse(document.getElementById("data").textContent);
const main = el("main", {});
const links = [];

function section(id, title, lead, ...children) {
  const inside = children.flat(Infinity).filter(Boolean);
  if (!inside.length) return;
  links.push([id, title]);
  main.append(el("section", { id }, el("h2", {}, title), lead && el("p", { class: "lead" }, lead), inside));
}
const card = (width, title, note, ...children) =>
  el(
    "div",
    { class: `card w${width}` },
    title && el("h3", {}, title),
    note && el("p", { class: "soft" }, note),
    children,
  );
// The width of cards of which there are so many.
const even = (cards) => (cards % 3 === 0 ? 4 : 6);
const grid = (...cards) => {
  const shown = cards.flat(Infinity).filter(Boolean);
  return shown.length ? el("div", { class: "grid" }, shown) : null;
};

function head(title, facts) {
  document.title = `${title} · Thalweg`;
  const mark = svgEl(
    "svg",
    { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" },
    svgEl("path", {
      d: "M1 2 C6 2 7 12 11 12 S16 6 21 6",
      fill: "none",
      stroke: "var(--a)",
      "stroke-width": 2.4,
      "stroke-linecap": "round",
    }),
  );
  return el(
    "header",
    {},
    el(
      "div",
      { class: "inner" },
      el("div", { class: "brand" }, mark, [`Thalweg ${data.version}`, data.name].filter(Boolean).join(" · ")),
      el("h1", {}, title),
      el("p", { class: "soft" }, facts.filter(Boolean).join(" · ")),
    ),
  );
}

function alerts() {
  const items = [];
  if (data.failure) items.push(el("div", { class: "alert bad", role: "note" }, data.failure));
  for (const note of data.notes || [])
    if (note.warning) items.push(el("div", { class: "alert", role: "note" }, note.text));
  if (data.left_out)
    items.push(
      el(
        "div",
        { class: "alert", role: "note" },
        "Parts of this page were left out to keep the file under 1 MB.",
      ),
    );
  return items;
}

function choicesSection(reasons, config) {
  const notes = (data.notes || []).filter((note) => !note.warning);
  section(
    "choices",
    "Choices",
    "What was not set and how it was chosen, then everything that determines this model.",
    reasons?.length > 0 &&
      table(
        "Chosen",
        ["Option", "Choice", "Why"],
        reasons.map((r) => [
          {
            node: el("code", {}, r.flag ? `--${r.flag}` : r.field),
            text: r.flag ? `--${r.flag}` : r.field,
            class: "nowrap",
          },
          { text: r.choice, class: "any" },
          { text: r.why, class: "prose" },
        ]),
      ),
    notes.length > 0 &&
      el(
        "div",
        { style: "margin-top:18px" },
        el("h3", {}, "Notes"),
        el(
          "ul",
          {},
          notes.map((note) => el("li", {}, note.text)),
        ),
      ),
    config && configBlock(config),
  );
}

function configBlock(text) {
  const copy = el("button", { class: "copy", type: "button" }, "Copy");
  copy.addEventListener("click", () => copyText(text, copy));
  return el(
    "details",
    { class: "config", style: "margin-top:14px" },
    el("summary", {}, "config.toml"),
    copy,
    el("pre", { tabindex: "0" }, text),
  );
}
