// Scales and axes; charts that are drawn as wide as their place is; what lies under the pointer; legends.

const COLOURS = ["var(--a)", "var(--b)", "var(--c)", "var(--d)", "var(--e)", "var(--f)"];

// Steps of 1, 2 or 5, and of `least`, that cut [low, high] into about `wanted` parts, and at least two of them.
function ticks(low, high, wanted, least = 0) {
  const raw = (high - low) / Math.max(wanted, 2);
  const power = 10 ** Math.floor(Math.log10(raw));
  const [, factor] = [
    [7.07, 10],
    [3.16, 5],
    [1.41, 2],
    [0, 1],
  ].find(([from]) => raw / power >= from);
  const step = Math.max(factor * power, least);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  const decimals = Math.min(Math.max(-Math.floor(Math.log10(step) + 1e-9), 0), 8);
  return found.map((x) => ({ x, text: tickText(x, decimals, low, high) }));
}

// With as many decimals as its neighbours; thousands as K, M, …; years without a comma.
function tickText(x, decimals, low, high) {
  const most = Math.max(Math.abs(high), Math.abs(x));
  if (x === 0) return decimals > 0 && decimals < 4 ? (0).toFixed(decimals) : "0";
  if (most >= 1e12 || (decimals > 4 && most < 1e-3)) return num(x);
  if (most >= 1e5) return x.toLocaleString("en-US", { notation: "compact" }).replace("-", "−");
  const isYear = decimals === 0 && low >= 1000 && high < 3000;
  return isYear ? `${x}` : fixed(x, decimals);
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
function powerOfTen(k) {
  return `10${k < 0 ? "⁻" : ""}${[...String(Math.abs(k))].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
}

// Powers of ten; between few of them also some multiples.
function logTicks(low, high, wanted) {
  const [a, b] = [Math.log10(low), Math.log10(high)];
  const decades = [];
  for (let k = Math.ceil(a - 1e-9); k <= b + 1e-9; k++) decades.push(k);
  const every = Math.max(1, Math.ceil(decades.length / wanted));
  const shown = decades.filter((_, i) => i % every === 0);
  // As powers all of them, or none.
  const isPlain = shown.every((k) => k >= -3 && k <= 4);
  if (decades.length > 1)
    return shown.map((k) => ({ x: 10 ** k, text: isPlain ? num(10 ** k) : powerOfTen(k) }));
  const between = [];
  for (let k = Math.floor(a); k <= b; k++) for (const m of [1, 2, 3, 5, 7]) between.push(m * 10 ** k);
  const inside = between.filter((x) => x >= low * 0.999 && x <= high * 1.001);
  return (inside.length > 1 ? inside : [low, high]).map((x) => ({ x, text: num(x, 3) }));
}

// A scale from values to places: { at, ticks }.
function scale({ domain, log = false, whole: isWhole = false, labels = null, places = null }, range, wanted) {
  let [low, high] = domain;
  if (!(isNumber(low) && isNumber(high))) [low, high] = [0, 1];
  if (low === high && log) [low, high] = [low / 2, high * 2];
  else if (low === high)
    [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
  const f = log ? Math.log10 : (x) => x;
  const [a, b] = [f(low), f(high)];
  const at = (x) => range[0] + ((f(x) - a) / (b - a)) * (range[1] - range[0]);
  let marks;
  if (labels) marks = labels.map((text, x) => ({ x, text }));
  else if (places)
    marks = apart(
      places.map((x) => ({ x, text: num(x) })),
      at,
    );
  else if (log) marks = logTicks(low, high, wanted);
  else marks = ticks(low, high, wanted, isWhole ? 1 : 0);
  return { at, ticks: marks, domain: [low, high] };
}

// Ticks that do not run into the last one before them.
function apart(marks, at) {
  let end = -Infinity;
  return marks.filter(({ x, text }) => {
    const half = (text.length * 6.6) / 2;
    const fits = at(x) - half > end + 8;
    if (fits) end = at(x) + half;
    return fits;
  });
}

// Whether the page is being printed: charts are then as wide as paper, and lower.
const onPaper = () => document.documentElement.classList.contains("paper");

// Draws when its place is known, and again when that changes.
function responsive(draw, label, ratio = 0.56, most = 340) {
  const figure = el("figure", {});
  let last = 0;
  const render = (always) => {
    const width = Math.max(Math.round(figure.clientWidth), 240);
    if (always !== true && Math.abs(width - last) < 2) return;
    last = width;
    const least = onPaper() ? 150 : 190;
    const height = Math.round(Math.min(Math.max(width * ratio * (least / 190), least), most));
    const svg = svgEl("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    draw(svg, width, height);
    figure.replaceChildren(svg);
  };
  figure.redraw = () => render(true);
  new ResizeObserver(() => requestAnimationFrame(render)).observe(figure);
  return figure;
}

// A text of at most so many characters.
function cut(text, most) {
  const all = [...text];
  return all.length > most ? `${all.slice(0, Math.max(Math.floor(most) - 1, 1)).join("")}…` : text;
}

// Axes with titles and grid; gives the scales and the area inside.
function axes(svg, width, height, { x, y, left = null }) {
  const [top, bottom, right] = [y.title ? 28 : 12, height - (x.title ? 42 : 26), width - 14];
  let wanted = (bottom - top) / 34;
  // Axes of one unit have the same ticks.
  const across = (right - 40) / 60;
  if (x.domain === y.domain) wanted = Math.min(wanted, across);
  const texts = scale(y, [0, 1], wanted).ticks.map((t) => t.text.length);
  const area = { left: left ?? Math.max(30, 12 + 6.6 * Math.max(...texts, 1)), right, top, bottom };
  const sx = scale(x, [area.left, area.right], x.domain === y.domain ? wanted : across);
  const sy = scale(y, [area.bottom, area.top], wanted);
  let last = Infinity;
  for (const t of sy.ticks) {
    // Multiples of a power of ten come closer and closer.
    if (Math.abs(last - sy.at(t.x)) < 13) continue;
    last = sy.at(t.x);
    svg.append(
      svgEl("line", { class: "grid-line", x1: area.left, x2: area.right, y1: sy.at(t.x), y2: sy.at(t.x) }),
    );
    svg.append(svgEl("text", { x: area.left - 8, y: sy.at(t.x) + 4, "text-anchor": "end" }, t.text));
  }
  for (const t of apart(sx.ticks, sx.at)) {
    if (x.grid)
      svg.append(
        svgEl("line", { class: "grid-line", x1: sx.at(t.x), x2: sx.at(t.x), y1: area.top, y2: area.bottom }),
      );
    svg.append(svgEl("text", { x: sx.at(t.x), y: area.bottom + 17, "text-anchor": "middle" }, t.text));
  }
  svg.append(
    svgEl("line", { class: "axis-line", x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom }),
  );
  if (x.title)
    svg.append(
      svgEl(
        "text",
        { class: "axis-title", x: area.right, y: area.bottom + 35, "text-anchor": "end" },
        cut(x.title, area.right / 7.6),
      ),
    );
  if (y.title) svg.append(svgEl("text", { class: "axis-title", x: 0, y: 11 }, cut(y.title, width / 7.6)));
  return { sx, sy, area };
}

const path = (points, sx, sy) => {
  let d = "",
    pen = false;
  for (const [x, y] of points) {
    const [px, py] = isNumber(x) && isNumber(y) ? [sx.at(x), sy.at(y)] : [NaN, NaN];
    if (isNumber(px) && isNumber(py)) {
      d += `${pen ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      pen = true;
    } else pen = false;
  }
  return d;
};

// What lies under the pointer: `find(x, y)` gives { text, marks: [[x, y]], cross: x } in places of the chart.
// Arrow keys go from one to the next.
function hovering(svg, width, height, find) {
  const layer = svgEl("g", { "pointer-events": "none" });
  const hit = svgEl("rect", { class: "hit", x: 0, y: 0, width, height });
  const show = (found, x, y) => {
    layer.replaceChildren();
    if (!found) return hideTip();
    if (found.cross !== undefined)
      layer.append(
        svgEl("line", { class: "cross", x1: found.cross, x2: found.cross, y1: 10, y2: height - 26 }),
      );
    for (const [cx, cy, colour] of found.marks || [])
      layer.append(
        svgEl("circle", {
          cx,
          cy,
          r: 4,
          fill: colour || "var(--ink)",
          stroke: "var(--paper)",
          "stroke-width": 1.5,
        }),
      );
    const box = svg.getBoundingClientRect();
    const k = box.width / width;
    showTip(box.left + x * k, box.top + y * k, found.text);
  };
  const leave = () => show(null);
  hit.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const k = width / box.width;
    const [x, y] = [(event.clientX - box.left) * k, (event.clientY - box.top) * k];
    show(find(x, y), x, y);
  });
  hit.addEventListener("pointerleave", leave);
  let at = null;
  svg.setAttribute("tabindex", 0);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const next = ahead(find, width, height, at, way);
    if (!next) return;
    at = next.found.marks?.[0] || next.at;
    show(next.found, at[0], at[1]);
  });
  svg.append(layer, hit);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The first that `find` has from a place (at first an edge) into a direction: straight on, else beside.
function ahead(find, width, height, at, [dx, dy]) {
  const before = at && find(at[0], at[1])?.text;
  const begin = (d, most) => (d ? (d > 0 ? 0 : most) : most / 2);
  const [x, y] = at || [begin(dx, width), begin(dy, height)];
  const most = Math.max(width, height);
  for (let aside = 0; aside < most; aside += 10)
    for (let far = 0; far < most; far += 3)
      for (const off of aside ? [aside, -aside] : [0]) {
        const place = [x + dx * far + Math.abs(dy) * off, y + dy * far + Math.abs(dx) * off];
        if (place[0] < 0 || place[0] > width || place[1] < 0 || place[1] > height) continue;
        const found = find(place[0], place[1]);
        if (found && found.text !== before) return { found, at: place };
      }
  return null;
}

function nearest(sorted, x) {
  let best = 0;
  for (let i = 1; i < sorted.length; i++) if (Math.abs(sorted[i] - x) < Math.abs(sorted[best] - x)) best = i;
  return best;
}

const extent = (values) => {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values)
    if (isNumber(v)) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
  return low <= high ? [low, high] : [0, 1];
};

// Labels that fit beside each other: the others are told by the pointer.
function labelled(labels, width) {
  const room = Math.max(Math.floor(((width - 60) / labels.length - 8) / 6.6), 0);
  return labels.map((text) => (text.length <= room || room > 3 ? cut(text, room) : ""));
}

// Names of series that switch them on and off; a series goes with the one it is `of`.
function legendOf(series, hidden, redraw) {
  const named = series.filter((s) => s.name && !s.faint);
  return (
    named.length > 1 &&
    el(
      "div",
      { class: "legend" },
      named.map((s) => {
        const line = `border-top: 3px ${s.dash ? "dashed" : "solid"} ${s.colour}`;
        const button = el(
          "button",
          { type: "button", "aria-pressed": "true" },
          el("i", { style: line }),
          s.name,
        );
        button.addEventListener("click", () => {
          const off = !hidden.has(s.name);
          for (const other of series)
            if (other.name === s.name || other.of === s.name) hidden[off ? "add" : "delete"](other.name);
          button.setAttribute("aria-pressed", String(!off));
          redraw();
        });
        return button;
      }),
    )
  );
}
