// An array as a picture: one map at a time, with a legend, the exact value of one cell, and the
// cells that the sum in question reads.

// How an array lies in the picture: which axes choose the map, which are its rows and columns.
function layoutOf(value) {
  if (value.layout) return value.layout;
  const sizes = value.kept;
  const vector = sizes.length - (value.batched ? 1 : 0) <= 1;
  const leadAxes = Math.max(0, sizes.length - (vector ? 1 : 2));
  const count = sizes.at(-1) ?? 1;
  const columns = !vector || count <= 16 ? count : count <= 400 ? 20 : 32;
  const rows = vector ? Math.ceil(count / columns) : sizes.at(-2);
  const own = (index, axis) => index[axis] - (axis === 0 ? value.offset : 0);
  const layout = {
    leadAxes,
    rows,
    columns,
    // {lead: the map's own numbers, r, c} of a place.
    locate(index) {
      const lead = range(leadAxes).map((axis) => own(index, axis));
      if (!sizes.length) return { lead, r: 0, c: 0 };
      const last = own(index, sizes.length - 1);
      if (vector) return { lead, r: Math.floor(last / columns), c: last % columns };
      return { lead, r: own(index, sizes.length - 2), c: last };
    },
    // Where the map lies in the array: from which entry on, how many.
    slice(lead) {
      const many = vector ? count : rows * columns;
      let map = 0;
      lead.forEach((k, axis) => (map = map * sizes[axis] + k));
      return { from: map * many, count: many };
    },
    // The place of a cell, or null where a folded row ends early.
    index(lead, r, c) {
      if (r < 0 || c < 0 || r >= rows || c >= columns) return null;
      if (!sizes.length) return [];
      const index = lead.map((k, axis) => k + (axis === 0 ? value.offset : 0));
      const add = (k, axis) => k + (axis === 0 ? value.offset : 0);
      if (!vector) return [...index, add(r, sizes.length - 2), c];
      const at = r * columns + c;
      return at < count ? [...index, add(at, sizes.length - 1)] : null;
    },
  };
  value.layout = layout;
  return layout;
}

// Where the largest entry stands: a good place to begin.
function largestPlace(value) {
  if (!value?.present || !value.size) return null;
  let best = 0;
  let most = -1;
  value.array.forEach((v, at) => {
    const size = Number.isNaN(v) ? Infinity : Math.abs(v);
    if (size > most) [best, most] = [at, size];
  });
  return value.unflat(best);
}

// Where to begin in an array, also in one that is not there itself: its sums may still be.
function startPlace(value) {
  if (!value.wholeSize) return null;
  return largestPlace(value) ?? value.shape.map((_, axis) => (axis === 0 ? value.offset : 0));
}

// A figure. spec: {value, symbol, role, caption, lead, chosen (a place), marks (places), onPick(place),
// onLead(lead), read(place) and largest where other numbers than the array's own are shown, widest, extra}
function figure(spec) {
  const { value } = spec;
  const heading = figureHeading(spec);
  if (!value.present)
    return h("figure", { class: `array ${spec.role} missing` }, heading, digestOf(value));
  if (!value.size)
    return h("figure", { class: `array ${spec.role}` }, heading, h("p", {}, t("empty")));
  const layout = layoutOf(value);
  const lead = spec.lead ?? Array(layout.leadAxes).fill(0);
  const read = spec.read ?? ((index) => value.at(index));
  const largest = spec.largest ?? value.largest;
  const picture = {
    rows: layout.rows,
    columns: layout.columns,
    largest,
    cell: cellSize(layout.rows, layout.columns, spec.widest),
    at(r, c) {
      const index = layout.index(lead, r, c);
      return index === null ? { absent: true } : { value: read(index), kind: 0 };
    },
    slice: spec.read ? null : { array: value.array, ...layout.slice(lead) },
    ...marksOf(spec, layout, lead),
  };
  const grid = gridCanvas(picture, {
    label: `${spec.symbol}: ${nameOf(value)}, ${shapeText(value.shape)}`,
    say: (r, c) => {
      const index = layout.index(lead, r, c);
      return index === null ? "" : `${spec.symbol}${place(index)} = ${exact(read(index))}`;
    },
    pick: (r, c) => {
      const index = layout.index(lead, r, c);
      if (index && spec.onPick) spec.onPick(index);
      return Boolean(spec.onPick);
    },
    result: spec.result,
    key: spec.key,
  });
  return h(
    "figure",
    { class: `array ${spec.role}`, "data-symbol": spec.symbol },
    heading,
    leadControls(spec, layout, lead),
    grid,
    legend(largest),
    spec.caption && h("p", { class: "caption" }, spec.caption),
    spec.extra,
  );
}

function figureHeading({ value, symbol, role }) {
  const s = value.stats;
  const parts = [shapeText(value.shape)];
  if (s.zeros) parts.push(t("share of zeros", { share: percent(s.zeros) }));
  if (s.nan) parts.push(t("count nan", { n: s.nan }));
  if (s.infinite) parts.push(t("count infinite", { n: s.infinite }));
  return h(
    "figcaption",
    {},
    symbolText(symbol, role),
    h("span", { class: "name" }, nameOf(value)),
    h("span", { class: "facts" }, parts.join(" · ")),
  );
}

function percent(share) {
  return share > 0 && share < 0.005 ? "<1 %" : `${Math.round(100 * share)} %`;
}

function marksOf(spec, layout, lead) {
  const marked = new Set();
  const here = (at) => at.lead.every((k, axis) => k === lead[axis]);
  for (const index of spec.marks ?? []) {
    const at = layout.locate(index);
    if (here(at)) marked.add(at.r * layout.columns + at.c);
  }
  const at = spec.chosen ? layout.locate(spec.chosen) : null;
  const chosen = at && here(at) ? [at.r, at.c] : null;
  return { marked, chosen, colour: roleColour(spec.role) };
}

// Asking for a style or a width makes the browser lay the page out, so both are asked for once.
const measured = new Map();

function measure(key, ask) {
  if (!measured.has(key)) measured.set(key, ask());
  return measured.get(key);
}

function roleColour(role) {
  const name = `--${role.split(" ")[0].replace("role-", "")}`;
  return (
    measure(name, () => getComputedStyle(document.documentElement).getPropertyValue(name).trim()) ||
    "#333"
  );
}

function pageWidth() {
  return measure("width", () => document.documentElement.clientWidth);
}

// As large as fits, so large that numbers can be read where there are few.
const LARGEST_CELL = 44;
const WIDEST = 296; // three beside each other

function cellSize(rows, columns, widest = WIDEST) {
  const room = Math.min(widest, pageWidth() - 54);
  const size = Math.min(LARGEST_CELL, room / columns, (1.4 * widest) / Math.min(rows, columns * 3));
  return size >= 1 ? Math.floor(size) : size;
}

// A canvas that says the exact value under the pointer, or of the cell that arrows move to.
function gridCanvas(picture, { label, say, pick, result, key }) {
  const readout = h("output", { class: "readout" }, "");
  const canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": label, "data-key": key });
  let cursor = picture.chosen ?? [0, 0];
  const tell = (r, c) => {
    readout.textContent = say(r, c) || "\u00a0";
    canvas.setAttribute("aria-label", `${label}. ${readout.textContent}`);
  };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const r = Math.floor(((event.clientY - box.top) / box.height) * picture.rows);
    const c = Math.floor(((event.clientX - box.left) / box.width) * picture.columns);
    return [
      Math.min(Math.max(r, 0), picture.rows - 1),
      Math.min(Math.max(c, 0), picture.columns - 1),
    ];
  };
  const redraw = () => drawGrid(canvas, { ...picture, chosen: picture.chosen ?? cursorOf() });
  const cursorOf = () => (document.activeElement === canvas ? cursor : null);
  canvas.addEventListener("pointermove", (event) => tell(...under(event)));
  canvas.addEventListener("pointerleave", () => tell(...cursor));
  canvas.addEventListener("click", (event) => {
    cursor = under(event);
    tell(...cursor);
    if (!pick(...cursor)) redraw();
  });
  canvas.addEventListener("focus", () => {
    tell(...cursor);
    if (!picture.chosen) redraw();
  });
  canvas.addEventListener("blur", () => !picture.chosen && redraw());
  // Shift+arrows on a picture that is not the result move this cell, not the window.
  canvas.moveCell = (down, across) => {
    const r = Math.min(Math.max(cursor[0] + down, 0), picture.rows - 1);
    const c = Math.min(Math.max(cursor[1] + across, 0), picture.columns - 1);
    cursor = [r, c];
    tell(r, c);
    if (!pick(r, c)) drawGrid(canvas, { ...picture, chosen: cursor });
  };
  if (result) canvas.dataset.result = "true";
  drawGrid(canvas, picture);
  if (picture.chosen) tell(...cursor);
  else readout.textContent = "\u00a0";
  return h("div", { class: "grid" }, h("div", { class: "sheet" }, canvas), readout);
}

// Choosing the map: one list for each axis that has a choice.
function leadControls(spec, layout, lead) {
  const { value } = spec;
  const controls = [];
  for (let axis = 0; axis < layout.leadAxes; axis++) {
    if (value.kept[axis] < 2) continue;
    controls.push(leadControl(spec, layout, lead, axis));
  }
  return controls.length ? h("div", { class: "maps" }, controls) : null;
}

function leadControl(spec, layout, lead, axis) {
  const { value } = spec;
  const name = t(axisName(value, axis));
  const pick = (k) => spec.onLead(lead.map((old, other) => (other === axis ? k : old)));
  const count = value.kept[axis];
  const offset = axis === 0 ? value.offset : 0;
  const select = h(
    "select",
    {
      "aria-label": `${spec.symbol}: ${name}`,
      onchange: (event) => pick(Number(event.target.value)),
    },
    range(count).map((k) =>
      h("option", { value: k, selected: k === lead[axis] }, String(k + offset)),
    ),
  );
  select.dataset.key = `lead ${spec.key} ${axis}`;
  const turn = (by) =>
    button(by < 0 ? "‹" : "›", () => pick((lead[axis] + by + count) % count), {
      "aria-label": t(by < 0 ? "previous map" : "next map", { of: spec.symbol }),
      "data-key": `turn ${by} ${spec.key} ${axis}`,
    });
  const of = h("span", { class: "of" }, t("of n", { n: count }));
  return h("span", { class: "map" }, h("label", {}, name, " ", select), turn(-1), turn(1), of);
}

function axisName(value, axis) {
  if (value.batched && axis === 0) return "axis sample";
  if (value.batched && axis === 1) return "axis map";
  if (value.shape.length === 4) return axis === 0 ? "axis p" : "axis d";
  return "axis";
}

function legend(largest) {
  const stops = [-1, -0.5, -0.2, -0.05, 0, 0.05, 0.2, 0.5, 1];
  const colours = stops.map((v) => `${cssColour(colourOf(v, 1))} ${50 + 50 * v}%`);
  const bar = h("span", { class: "bar" });
  bar.style.background = `linear-gradient(to right, ${colours.join(",")})`;
  const ends = largest ? [show(-largest, 3), "0", show(largest, 3)] : ["", "0", ""];
  return h(
    "div",
    { class: "legend", title: t("legend") },
    h("span", {}, ends[0]),
    bar,
    h("span", {}, ends[2]),
  );
}

// What is said of an array that is not on the page.
function digestOf(value) {
  const parts = [h("p", { class: "left-out" }, t("left out"), " ", whyLeftOut(value))];
  const s = value.stats;
  if (s.min !== null) {
    const [min, max, mean, norm] = [s.min, s.max, s.mean, s.norm].map((v) => show(unplain(v)));
    parts.push(h("p", {}, t("statistics", { min, max, mean, norm })));
  }
  if (!value.digest) return parts;
  const { digest } = value;
  const sizes = { n: digest.shape[0], k: digest.stride.join(" × ") };
  parts.push(thumbnails(digest), caption(t("thumbnails", sizes)), histogram(digest));
  const rows = digest.top.map(([index, v]) => h("li", {}, `${place(index)} = ${show(unplain(v))}`));
  parts.push(h("details", {}, h("summary", {}, t("largest entries")), h("ul", {}, rows)));
  return parts;
}

function thumbnails(digest) {
  const levels = new Int8Array(decode(STORED[digest.at], "u").buffer);
  const [maps, rows, columns] = digest.shape;
  return h(
    "div",
    { class: "thumbnails" },
    range(maps).map((m) => {
      const at = (r, c) => {
        const level = levels[(m * rows + r) * columns + c];
        return { value: level === -128 ? NaN : level, kind: 0 };
      };
      const canvas = h("canvas", { role: "img", "aria-label": t("thumbnail n", { n: m }) });
      drawGrid(canvas, {
        rows,
        columns,
        at,
        largest: 127,
        cell: Math.max(1, Math.floor(64 / Math.max(rows, columns))),
      });
      return canvas;
    }),
  );
}

function histogram(digest) {
  const most = Math.max(...digest.counts, 1);
  const width = 160 / digest.counts.length;
  const bars = digest.counts.map((n, k) =>
    svg("rect", {
      x: k * width,
      y: 40 - (38 * n) / most,
      width: Math.max(width - 1, 0.5),
      height: (38 * n) / most,
    }),
  );
  const ends = [digest.edges[0], digest.edges.at(-1)].map((e) => show(unplain(e), 3));
  const label = t("histogram", { from: ends[0], to: ends[1] });
  const picture = svg("svg", { viewBox: "0 0 160 40", role: "img", "aria-label": label }, ...bars);
  return h("div", { class: "histogram" }, picture, caption(label));
}
