// After the page's own script: uses the page as a reader does, and leaves what it found in an
// attribute of the page.
(() => {
  const found = { figures: 0, tips: 0, silent: [], unreached: [], unnamed: [], faint: [], clicked: 0, copied: null };

  const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const background = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length && colour[3] !== 0) layers.push(colour);
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };

  // The shade of a chart that a text stands on, if it stands on one.
  const shade = (text, paper) => {
    const box = text.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    for (const rect of text.ownerSVGElement.querySelectorAll("rect:not(.hit)")) {
      const place = rect.getBoundingClientRect();
      if (x < place.left || x > place.right || y < place.top || y > place.bottom) continue;
      const [r, g, b, a = 1] = rgb(getComputedStyle(rect).fill);
      return over([r, g, b, a * getComputedStyle(rect).opacity], paper);
    }
    return paper;
  };

  // A browser without a head has no narrower window than 500.
  const phone = innerWidth <= 500 && 390;

  try {
    if (phone) document.body.style.width = `${phone}px`;
    for (const figure of document.querySelectorAll("figure")) figure.redraw();
    for (const details of document.querySelectorAll("details")) details.open = true;
    for (const button of document.querySelectorAll(".legend button")) {
      button.click();
      button.click();
      found.clicked++;
    }
    for (const slider of document.querySelectorAll("input[type=range]")) {
      for (const value of [slider.min, slider.max]) {
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
        found.clicked++;
      }
    }
    for (const image of document.querySelectorAll("[role=img]")) {
      if (!(image.getAttribute("aria-label") || "").trim()) found.unnamed.push(image.outerHTML.slice(0, 80));
    }
    const tip = document.getElementById("tip");
    for (const figure of document.querySelectorAll("figure")) {
      found.figures++;
      const hit = figure.querySelector(".hit");
      if (!hit) continue;
      const box = hit.getBoundingClientRect();
      let told = "";
      for (let i = 1; i < 40 && !told; i++) {
        for (let j = 1; j < 20 && !told; j++) {
          const at = { clientX: box.left + (box.width * i) / 40, clientY: box.top + (box.height * j) / 20 };
          hit.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, ...at }));
          if (tip.classList.contains("on")) told = tip.textContent;
        }
      }
      hit.dispatchEvent(new PointerEvent("pointerleave"));
      if (/\d/.test(told) && !/NaN|undefined|Infinity/.test(told)) found.tips++;
      else found.silent.push(`${figure.firstChild.getAttribute("aria-label")}: ${told}`);
      // Whoever has no pointer reaches the same by the keyboard.
      const svg = hit.ownerSVGElement;
      svg.focus();
      const reached = ["ArrowRight", "ArrowRight", "ArrowDown"].map((key) => {
        svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        return tip.classList.contains("on") && tip.textContent;
      });
      if (svg.tabIndex < 0 || document.activeElement !== svg || !/\d/.test(reached[0]) || /NaN|undefined/.test(reached.join()))
        found.unreached.push(`${svg.getAttribute("aria-label")}: ${reached}`);
      svg.blur();
      if (tip.classList.contains("on")) found.unreached.push(`${svg.getAttribute("aria-label")}: stays`);
    }
    for (const part of document.querySelectorAll("button, summary, nav a, input, .scroll, pre")) {
      if (part.tabIndex < 0) found.unreached.push(part.outerHTML.slice(0, 80));
    }
    const copy = document.querySelector(".copy");
    if (copy) {
      document.execCommand = () => {
        found.copied = document.activeElement.value;
        return true;
      };
      copy.click();
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.textContent.trim() || parent.closest("script, style, noscript, #tip, [aria-pressed=false]")) continue;
      const style = getComputedStyle(parent);
      const inSvg = parent.namespaceURI.endsWith("svg");
      const paper = inSvg ? shade(parent, background(parent)) : background(parent);
      const ink = over(rgb(inSvg ? style.fill : style.color), paper);
      const ratio = contrast(ink, paper);
      if (ratio < 4.5) found.faint.push(`${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 40)}`);
    }
    found.text = document.body.innerText;
    found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
    found.wide = phone ? document.body.scrollWidth - phone : document.documentElement.scrollWidth - innerWidth;
    found.requests = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
  } catch (error) {
    problems.push(`probe: ${error.stack}`);
  }
  found.problems = problems;
  document.documentElement.setAttribute("data-found", encodeURIComponent(JSON.stringify(found)));
})();
