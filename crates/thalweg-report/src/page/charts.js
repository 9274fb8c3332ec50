// Charts: SVG of data and marks.

// Lines over a common x. A series: { name, values, colour, faint, dash, of, low, high }.
// With `dots` their points alone, of values in no order.
// Whoever reads can switch series off by the legend, or by one above several charts that share `hidden`.
function lines({
  label,
  x,
  series,
  xTitle,
  yTitle,
  labels = null,
  places = null,
  log = null,
  xLog = false,
  yDomain = null,
  xDomain = null,
  level = null,
  mark = null,
  describe = null,
  hidden = null,
  dots = false,
  ratio,
  most,
}) {
  const shared = hidden !== null;
  hidden ||= new Set();
  const draw = (svg, width, height) => {
    const shown = series.filter((s) => !hidden.has(s.name));
    const all = shown.flatMap((s) => [...s.values, ...(s.low || []), ...(s.high || [])]).filter(isNumber);
    const bounds = extent(level ? [...all, level.value] : all);
    const isLog = log ?? (bounds[0] > 0 && bounds[1] / bounds[0] > 20);
    const pad = isLog ? 0 : (bounds[1] - bounds[0]) * 0.04;
    const domain =
      yDomain ||
      (isLog ? bounds : [bounds[0] >= 0 ? Math.max(bounds[0] - pad, 0) : bounds[0] - pad, bounds[1] + pad]);
    const { sx, sy, area } = axes(svg, width, height, {
      x: {
        domain: xDomain || extent(x),
        title: xTitle,
        log: xLog,
        whole: !xDomain || (!labels && x.every(Number.isInteger)),
        labels: labels && labelled(labels, width),
        places,
      },
      y: { domain, log: isLog, title: yTitle },
    });
    if (level) {
      svg.append(
        svgEl("line", {
          x1: area.left,
          x2: area.right,
          y1: sy.at(level.value),
          y2: sy.at(level.value),
          stroke: "var(--f)",
          "stroke-dasharray": "5 4",
        }),
      );
      svg.append(
        svgEl("text", { x: area.right, y: sy.at(level.value) - 5, "text-anchor": "end" }, level.name),
      );
    }
    if (mark && isNumber(sx.at(mark.x))) {
      svg.append(
        svgEl("line", {
          x1: sx.at(mark.x),
          x2: sx.at(mark.x),
          y1: area.top,
          y2: area.bottom,
          stroke: "var(--soft)",
          "stroke-dasharray": "2 3",
        }),
      );
      const left = sx.at(mark.x) > (area.left + area.right) / 2;
      svg.append(
        svgEl(
          "text",
          { x: sx.at(mark.x) + (left ? 3 : -3), y: area.top - 5, "text-anchor": left ? "end" : "start" },
          mark.name,
        ),
      );
    }
    for (const s of shown.filter((s) => s.low)) {
      const edge = (values) => values.map((y, i) => [x[i], y]).filter(([, y]) => isNumber(y));
      svg.append(
        svgEl("path", {
          d: path([...edge(s.high), ...edge(s.low).reverse()], sx, sy),
          fill: s.colour,
          opacity: 0.14,
        }),
      );
    }
    for (const s of shown) {
      const points = s.values.map((y, i) => [(s.x || x)[i], isLog && !(y > 0) ? null : y]);
      const known = points.filter((p) => isNumber(p[1]));
      if (dots || known.length === 1)
        for (const [px, py] of known)
          svg.append(svgEl("circle", { cx: sx.at(px), cy: sy.at(py), r: 4.5, fill: s.colour }));
      if (dots) continue;
      svg.append(
        svgEl("path", {
          d: path(points, sx, sy),
          fill: "none",
          stroke: s.colour,
          "stroke-width": s.faint ? 1 : 2,
          opacity: s.faint ? 0.35 : 1,
          "stroke-dasharray": s.dash || null,
          "stroke-linejoin": "round",
        }),
      );
    }
    hovering(svg, width, height, (px, py) => {
      if (px < area.left - 8 || px > area.right + 8 || !shown.length) return null;
      if (describe) return describe(px, py, sx, sy, shown);
      const i = nearest(
        x.map((v) => sx.at(v)),
        px,
      );
      const named = shown.filter((s) => isNumber(s.values[i]));
      return {
        cross: sx.at(x[i]),
        marks: named.filter((s) => !s.faint).map((s) => [sx.at(x[i]), sy.at(s.values[i]), s.colour]),
        text: [
          labels ? labels[i] : `${xTitle} ${num(x[i], 6)}`,
          ...named.map((s) => `${s.name}: ${num(s.values[i], 5)}`),
        ].join("\n"),
      };
    });
  };
  const figure = responsive(draw, label, ratio, most);
  const legend = !shared && legendOf(series, hidden, () => figure.redraw());
  return el("div", {}, legend, figure);
}

// Horizontal bars: { name, value, low, high, text }; with `dot`, points with intervals.
function bars({
  label,
  items,
  colour = "var(--a)",
  domain = null,
  dot = false,
  xTitle = null,
  tipText = null,
  most = 100000,
}) {
  const written = alike(
    items.map((i) => i.value),
    3,
  );
  const draw = (svg, width) => {
    const lineHeight = (dot ? 34 : 28) * (onPaper() ? 0.65 : 1);
    const longest = Math.max(...items.map((i) => i.name.length), 4);
    const left = Math.min(Math.max(longest * 7 + 12, 54), width * 0.42);
    const room = Math.floor((left - 10) / 6.7);
    const height = items.length * lineHeight + (xTitle ? 44 : 26);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const values = items.flatMap((i) => [i.value, i.low, i.high]).filter(isNumber);
    const bounds = domain || (dot ? extent(values) : [Math.min(0, ...values), Math.max(0, ...values)]);
    const pad = dot && !domain ? (bounds[1] - bounds[0]) * 0.06 : 0;
    const right = width - (dot ? 14 : 54);
    const sx = scale({ domain: [bounds[0] - pad, bounds[1] + pad] }, [left, right], (right - left) / 80);
    const bottom = items.length * lineHeight + 4;
    for (const t of apart(sx.ticks, sx.at)) {
      svg.append(svgEl("line", { class: "grid-line", x1: sx.at(t.x), x2: sx.at(t.x), y1: 0, y2: bottom }));
      svg.append(svgEl("text", { x: sx.at(t.x), y: bottom + 15, "text-anchor": "middle" }, t.text));
    }
    if (xTitle)
      svg.append(
        svgEl("text", { class: "axis-title", x: right, y: bottom + 33, "text-anchor": "end" }, xTitle),
      );
    items.forEach((item, i) => {
      const y = i * lineHeight + lineHeight / 2 + 2;
      const name = cut(item.name, room);
      svg.append(svgEl("text", { class: "strong", x: left - 8, y: y + 4, "text-anchor": "end" }, name));
      if (!isNumber(item.value)) return;
      const own = item.colour || colour;
      if (dot) {
        if (isNumber(item.low)) {
          svg.append(
            svgEl("line", {
              x1: sx.at(item.low),
              x2: sx.at(item.high),
              y1: y,
              y2: y,
              stroke: own,
              "stroke-width": 7,
              opacity: 0.25,
              "stroke-linecap": "round",
            }),
          );
        }
        svg.append(svgEl("circle", { cx: sx.at(item.value), cy: y, r: 5, fill: own }));
      } else {
        const [from, to] = [sx.at(0), sx.at(item.value)].sort((a, b) => a - b);
        svg.append(
          svgEl("rect", {
            x: from,
            width: Math.max(to - from, 1),
            y: y - lineHeight / 4,
            height: lineHeight / 2,
            rx: 3,
            fill: own,
          }),
        );
        svg.append(svgEl("text", { x: to + 6, y: y + 4 }, item.text || written(item.value)));
      }
    });
    hovering(svg, width, height, (_, py) => {
      const item = items[Math.floor((py - 2) / lineHeight)];
      return item && { text: tipText ? tipText(item) : `${item.name}: ${num(item.value, 5)}` };
    });
  };
  return responsive(draw, label, 0.5, most);
}

// Upright bars side by side: { from, to, count } or { name, value }.
function columns({ label, items, colour = "var(--a)", xTitle, yTitle, x = null, tipText, most, ratio }) {
  return responsive(
    (svg, width, height) => {
      const top = Math.max(...items.map((i) => i.value), 1e-300);
      const domain = x ? x.domain : [-0.5, items.length - 0.5];
      const { sx, sy, area } = axes(svg, width, height, {
        x: x ? { domain, title: xTitle } : { domain, labels: [], title: xTitle },
        y: { domain: [0, top * 1.06], title: yTitle },
      });
      items.forEach((item, i) => {
        const [from, to] = x ? [sx.at(item.from), sx.at(item.to)] : [sx.at(i - 0.42), sx.at(i + 0.42)];
        svg.append(
          svgEl("rect", {
            x: from + 0.5,
            width: Math.max(to - from - 1, 0.5),
            y: sy.at(item.value),
            height: Math.max(area.bottom - sy.at(item.value), 0),
            rx: 2,
            fill: item.colour || colour,
            opacity: 0.85,
          }),
        );
      });
      if (!x) {
        const room = (area.right - area.left) / items.length;
        const fits = Math.max(...items.map((i) => i.name.length)) * 7.4 + 6 < room;
        const most = Math.floor(((area.right - area.left) / 2 - 5) / 6.6);
        items.forEach((item, i) => {
          if (!fits && i > 0 && i < items.length - 1) return;
          // Of ranges that are too long the outer ends are left.
          const end = item.name.length > most ? item.name.split(" to ").at(i === 0 ? 0 : -1) : item.name;
          const text = fits ? item.name : cut(end, most);
          const anchor = fits ? "middle" : i === 0 ? "start" : "end";
          const place = fits ? sx.at(i) : i === 0 ? area.left : area.right;
          svg.append(svgEl("text", { x: place, y: area.bottom + 17, "text-anchor": anchor }, text));
        });
      }
      hovering(svg, width, height, (px) => {
        const place = (item, i) => (x ? (sx.at(item.from) + sx.at(item.to)) / 2 : sx.at(i));
        const i = nearest(items.map(place), px);
        return (
          items[i] && {
            text: tipText(items[i]),
            marks: [[place(items[i], i), sy.at(items[i].value), "var(--ink)"]],
          }
        );
      });
    },
    label,
    ratio,
    most,
  );
}

// A cloud of points with the line on which they should lie.
function cloud({ label, points, xTitle, yTitle, tipText, diagonal = true }) {
  return responsive(
    (svg, width, height) => {
      const all = extent(points.flat());
      const pad = (all[1] - all[0]) * 0.03 || 1;
      const domain = [all[0] - pad, all[1] + pad];
      const { sx, sy, area } = axes(svg, width, height, {
        x: { domain, title: xTitle, grid: true },
        y: { domain, title: yTitle },
      });
      if (diagonal)
        svg.append(
          svgEl("line", {
            x1: sx.at(domain[0]),
            x2: sx.at(domain[1]),
            y1: sy.at(domain[0]),
            y2: sy.at(domain[1]),
            stroke: "var(--soft)",
            "stroke-dasharray": "4 4",
          }),
        );
      const places = points.map(([x, y]) => [sx.at(x), sy.at(y)]);
      const opacity = Math.min(0.75, Math.max(0.45, 180 / points.length));
      const dots = svgEl("g", { fill: "var(--a)", opacity });
      for (const [x, y] of places)
        dots.append(
          svgEl("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: points.length > 300 ? 2.6 : 3.5 }),
        );
      svg.append(dots);
      hovering(svg, width, height, (px, py) => {
        let best = -1,
          least = 22 ** 2;
        places.forEach(([x, y], i) => {
          const d = (x - px) ** 2 + (y - py) ** 2;
          if (d < least) [best, least] = [i, d];
        });
        return best < 0 ? null : { text: tipText(best), marks: [[...places[best], "var(--b)"]] };
      });
    },
    label,
    1.15,
    620,
  );
}

// A matrix in shades: `cells[i][j]` from 0 to 1 with `text(i, j)` in it and `tipText(i, j)` over it.
function heat({ label, rows, columns: across, shade, text, tipText, rowTitle, columnTitle }) {
  return responsive(
    (svg, width) => {
      const longest = Math.max(...rows.map((r) => r.length), 3);
      const left = Math.min(longest * 7.2 + 28, width * 0.4);
      const size = Math.min((width - left - 6) / across.length, Math.max(58, 300 / across.length));
      const room = Math.floor((left - 26) / 7.2);
      const steep = Math.max(...across.map((c) => c.length)) * 6.4 > size;
      const top = steep ? Math.min(Math.max(...across.map((c) => c.length)) * 5 + 30, 110) : 40;
      const high = Math.min(size, Math.max(40, 150 / rows.length));
      const height = top + high * rows.length + 8;
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.append(svgEl("text", { class: "axis-title", x: left, y: 11 }, columnTitle));
      svg.append(
        svgEl(
          "text",
          {
            class: "axis-title",
            transform: `translate(10 ${top + (high * rows.length) / 2}) rotate(-90)`,
            "text-anchor": "middle",
          },
          rowTitle,
        ),
      );
      across.forEach((name, j) => {
        const x = left + (j + 0.5) * size;
        svg.append(
          svgEl(
            "text",
            steep
              ? { transform: `translate(${x + 3} ${top - 6}) rotate(-50)` }
              : { x, y: top - 8, "text-anchor": "middle" },
            cut(name, steep ? 15 : 20),
          ),
        );
      });
      rows.forEach((name, i) => {
        const y = top + (i + 0.5) * high;
        svg.append(
          svgEl("text", { class: "strong", x: left - 7, y: y + 4, "text-anchor": "end" }, cut(name, room)),
        );
        across.forEach((_, j) => {
          const s = shade(i, j);
          svg.append(
            svgEl("rect", {
              x: left + j * size + 1,
              y: y - high / 2 + 1,
              width: size - 2,
              height: high - 2,
              rx: 3,
              fill: s > 0 ? `rgba(var(--heat), ${(0.08 + 0.72 * s).toFixed(3)})` : "var(--grid)",
              opacity: s > 0 ? 1 : 0.5,
            }),
          );
          const words = text(i, j);
          if (size >= 24 && words && words.length * 6.6 < size)
            svg.append(
              svgEl(
                "text",
                { class: "strong", x: left + (j + 0.5) * size, y: y + 4, "text-anchor": "middle" },
                words,
              ),
            );
        });
      });
      hovering(svg, width, height, (px, py) => {
        const [i, j] = [Math.floor((py - top) / high), Math.floor((px - left) / size)];
        return rows[i] !== undefined && across[j] !== undefined && px >= left && py >= top
          ? { text: tipText(i, j) }
          : null;
      });
    },
    label,
    0.8,
    100000,
  );
}

// Curves in the unit square.
function plane({ label, series, xTitle, yTitle, diagonal = false, tipText }) {
  const shown = series.map((s) => ({ ...s, values: [] }));
  const chart = responsive(
    (svg, width, height) => {
      const { sx, sy } = axes(svg, width, height, {
        x: { domain: [0, 1], title: xTitle, grid: true },
        y: { domain: [0, 1], title: yTitle },
      });
      if (diagonal)
        svg.append(
          svgEl("line", {
            x1: sx.at(0),
            x2: sx.at(1),
            y1: sy.at(0),
            y2: sy.at(1),
            stroke: "var(--soft)",
            "stroke-dasharray": "4 4",
            opacity: 0.7,
          }),
        );
      for (const s of shown)
        svg.append(
          svgEl("path", {
            d: path(s.points, sx, sy),
            fill: "none",
            stroke: s.colour,
            "stroke-width": 2,
            "stroke-dasharray": s.dash || null,
            "stroke-linejoin": "round",
          }),
        );
      hovering(svg, width, height, (px, py) => {
        let best = null,
          least = 40 ** 2;
        for (const s of shown)
          for (const p of s.points) {
            const d = (sx.at(p[0]) - px) ** 2 + (sy.at(p[1]) - py) ** 2;
            if (d < least) [best, least] = [{ s, p }, d];
          }
        return (
          best && {
            text: tipText(best.s, best.p),
            marks: [[sx.at(best.p[0]), sy.at(best.p[1]), best.s.colour]],
          }
        );
      });
    },
    label,
    0.85,
    360,
  );
  const legend = el(
    "div",
    { class: "legend" },
    series
      .filter((s) => s.name)
      .map((s) =>
        el(
          "span",
          {},
          el("i", { style: `border-top: 3px ${s.dash ? "dashed" : "solid"} ${s.colour}` }),
          s.name,
        ),
      ),
  );
  return el("div", {}, legend, chart);
}
