// The page of the data in it.

const header = {
  run: runPage,
  evaluation: evaluationPage,
  comparison: comparisonPage,
  importance: importancePage,
  cv: crossValidationPage,
  learning_curve: learningCurvePage,
  table: tablePage,
}[data.kind]();
const menu = el(
  "nav",
  { "aria-label": "Sections" },
  el(
    "div",
    { class: "inner" },
    links.map(([id, title]) => el("a", { href: `#${id}` }, title)),
  ),
);
document.body.append(
  header,
  ...(links.length > 1 ? [menu] : []),
  main,
  el(
    "footer",
    {},
    ["run", "evaluation", "comparison"].includes(data.kind) &&
      "Intervals: Wilson's for the accuracy of rows that count alike, else the bootstrap over rows. ",
    "Drawn from the data in this file; nothing is loaded from a network.",
  ),
  tip,
);

const redraw = () => document.querySelectorAll("figure").forEach((figure) => figure.redraw());
redraw();
// On paper nothing scrolls or unfolds: the config is open, its lists are cut, and of a table that is too
// wide the last columns are left out, and counted.
function fit(scroll, isPaper) {
  const rows = [...scroll.querySelectorAll("tr")].map((row) => [...row.cells]);
  rows.flat().forEach((cell) => (cell.hidden = false));
  scroll.parentElement.querySelector(".left-out")?.remove();
  const all = rows[0].length;
  let shown = all;
  while (isPaper && shown > 2 && scroll.scrollWidth > scroll.clientWidth) {
    shown -= 1;
    rows.forEach((row) => (row[shown].hidden = true));
  }
  if (shown < all)
    scroll.after(
      el("p", { class: "soft small left-out" }, `${count(all - shown, "more column")} on the screen.`),
    );
}
for (const [event, isPaper] of [
  ["beforeprint", true],
  ["afterprint", false],
])
  addEventListener(event, () => {
    document.documentElement.classList.toggle("paper", isPaper);
    document.querySelectorAll(".config").forEach((config) => {
      config.open = isPaper;
      config.querySelector("pre").textContent = isPaper
        ? data.config.replace(/^(.{90}).{150,}$/gm, "$1…")
        : data.config;
    });
    document.querySelectorAll(".scroll").forEach((scroll) => fit(scroll, isPaper));
    redraw();
  });

const watch = new IntersectionObserver(
  (entries) => {
    for (const entry of entries)
      if (entry.isIntersecting)
        for (const a of menu.querySelectorAll("a"))
          a.classList.toggle("here", a.hash === `#${entry.target.id}`);
  },
  { rootMargin: "-20% 0px -70% 0px" },
);
for (const part of main.querySelectorAll("section")) watch.observe(part);
