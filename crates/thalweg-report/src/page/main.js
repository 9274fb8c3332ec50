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
// Charts are drawn as wide as paper is while it is printed.
for (const [event, isPaper] of [
  ["beforeprint", true],
  ["afterprint", false],
])
  addEventListener(event, () => {
    document.documentElement.classList.toggle("paper", isPaper);
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
