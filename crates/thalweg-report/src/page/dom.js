"use strict";
// Elements, numbers as people read them, the tip that follows the pointer, tables that copy.
// Text reaches the page by textContent alone.

const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svgEl = (name, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return node;
}

// A text whose marks of direction do not turn what stands around it.
const plain = (text) => String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

const isNumber = (x) => typeof x === "number" && Number.isFinite(x);

// About `digits` significant digits, thousands grouped.
function num(x, digits = 4) {
  if (!isNumber(x)) return "–";
  if (x === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size < -4 || size >= 12)
    return x
      .toExponential(Math.max(digits - 2, 0))
      .replace(/\.?0*e\+?/, "e")
      .replace(/-/g, "−");
  const decimals = Math.min(Math.max(digits - 1 - size, 0), 8);
  return x.toLocaleString("en-US", { maximumFractionDigits: decimals }).replace("-", "−");
}
const fixed = (x, decimals) =>
  isNumber(x)
    ? // What is rounded to 0 has no sign.
      (Math.abs(x) < 0.5 * 10 ** -decimals ? 0 : x)
        .toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
        .replace("-", "−")
    : "–";
// The power of ten of a number; a share of 1 is written as the shares below it.
const magnitude = (x) => (Math.abs(x) === 1 ? -1 : Math.floor(Math.log10(Math.abs(x))));
// How numbers that stand beneath or beside one another are written: with the decimals of the largest. A
// number that would have no digits left is written by itself, but for what rounding made of a 0.
function alike(values, digits = 4) {
  const own = values.filter((x) => isNumber(x) && x !== 0);
  const most = Math.max(...own.map(magnitude));
  if (!own.length || most < -3 || most >= 9 || values.every(Number.isInteger)) return (x) => num(x, digits);
  const decimals = Math.max(digits - 1 - most, 0);
  return (x) => {
    const isLost = Math.abs(x) < 5 * 10 ** -decimals && Math.abs(x) > 10 ** (most - 9);
    return isLost ? num(x, 2) : fixed(x, decimals);
  };
}
// Written beside a number, with no more decimals than it has.
const beside = (number) => (x) => {
  if (!isNumber(x) || Math.abs(x) >= 10 * Math.abs(number)) return num(x);
  return num(+x.toFixed(Math.min(Math.max(3 - magnitude(number), 0), 8)));
};
// The cells of a column of numbers, each of an item.
const column = (items, of, digits) => {
  const written = alike(items.map(of), digits);
  return (item) => ({ text: written(of(item)), n: true });
};
// Numbers that come as text have the sign of the others.
const minus = (text) =>
  /^-?[\d.,e-]+( to -?[\d.,e-]+)?$/.test(text) ? text.replace(/(^|\s|e)-/g, "$1−") : text;
const whole = (n) => (isNumber(n) ? Math.round(n).toLocaleString("en-US") : "–");
const count = (n, noun, plural = `${noun}s`) => `${whole(n)} ${n === 1 ? noun : plural}`;
const percent = (x) => (isNumber(x) ? `${num(100 * x, 3)} %` : "–");
// The same beneath one another.
const percents = (values) => {
  const written = alike(
    values.map((x) => 100 * x),
    3,
  );
  return (x) => (isNumber(x) ? `${written(100 * x)} %` : "–");
};
const amount = (x) => (isNumber(x) && Number.isInteger(x) ? whole(x) : num(x));

const tip = el("div", { id: "tip", role: "status" });
function showTip(left, top, text) {
  tip.textContent = plain(text);
  tip.classList.add("on");
  const { width, height } = tip.getBoundingClientRect();
  const x = left + 14 + width > innerWidth ? left - width - 14 : left + 14;
  const y = Math.min(Math.max(top - height - 10, 4), innerHeight - height - 4);
  tip.style.left = `${Math.max(x, 4)}px`;
  tip.style.top = `${y}px`;
}
const hideTip = () => tip.classList.remove("on");

function copyText(text, button) {
  const area = el("textarea", { style: "position:fixed;opacity:0", "aria-label": "copied text" });
  area.value = text;
  document.body.append(area);
  area.select();
  if (!document.execCommand("copy")) navigator.clipboard?.writeText(text).catch(() => {});
  area.remove();
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1200);
}

// A table of cells: text, or { text, n (a number), class, sub (a second, soft text) }.
function table(title, head, rows, { tall = false, mark = () => false, note = null } = {}) {
  const cell = (tag) => (value) => {
    const { text, n, sub, node, ...rest } =
      typeof value === "object" && value !== null ? value : { text: value };
    const name = [n && "n", rest.class].filter(Boolean).join(" ");
    return el(
      tag,
      { class: name || null, scope: tag === "th" ? "col" : null },
      node || text,
      sub && [" ", el("span", { class: "interval" }, sub)],
    );
  };
  const copied = (value) => {
    const { text, sub } = typeof value === "object" && value !== null ? value : { text: value };
    return [text ?? "", sub ?? ""].join(" ").trim().replace(/\s+/g, " ");
  };
  const body = rows.map((row, i) => el("tr", { class: mark(row, i) ? "judged" : null }, row.map(cell("td"))));
  const copy = el("button", { class: "copy", type: "button" }, "Copy");
  copy.addEventListener("click", () =>
    copyText([head, ...rows].map((row) => row.map(copied).join("\t")).join("\n"), copy),
  );
  return el(
    "div",
    { class: "table" },
    el("div", { class: "bar-head" }, el("h3", {}, title), copy),
    note && el("p", { class: "soft small" }, note),
    el(
      "div",
      { class: tall ? "scroll tall" : "scroll", tabindex: "0", role: "region", "aria-label": title },
      el("table", {}, el("thead", {}, el("tr", {}, head.map(cell("th")))), el("tbody", {}, body)),
    ),
  );
}

// Bytes in hexadecimal as a picture.
function picture(image, label) {
  const [channels, height, width] = image.shape;
  const canvas = el("canvas", { width, height, role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const byte = (i) => parseInt(image.pixels.substr(2 * i, 2), 16);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = byte(channels === 3 ? c * width * height + i : i);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
