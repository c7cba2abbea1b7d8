// The window seen close: what lies under the kernel, the kernel, their products. And the two views
// of ∂L/∂X: gathering (a wide window over the prepared δ) and scattering (each δ adds δ · W).

const LENS_CELLS = 121;

function miniature(grid, largest, label, key) {
  const most = grid.columns > 7 ? 24 : 40;
  const room = Math.min(300, pageWidth() - 70);
  const cell = Math.max(4, Math.min(most, Math.floor(room / grid.columns)));
  const picture = { ...grid, largest, cell };
  const say = (r, c) => {
    const { value, kind } = grid.at(r, c);
    return kind ? t(`kind ${kind}`) : exact(value);
  };
  return h(
    "div",
    { class: "mini" },
    h("h4", {}, label),
    gridCanvas(picture, { label, say, pick: () => false, key }),
  );
}

function largestIn(grid) {
  let most = 0;
  for (let r = 0; r < grid.rows; r++) {
    for (let c = 0; c < grid.columns; c++) {
      const size = Math.abs(grid.at(r, c).value);
      if (size > most && size < Infinity) most = size;
    }
  }
  return most;
}

function sumOfGrid(grid) {
  let sum = 0;
  for (let r = 0; r < grid.rows; r++)
    for (let c = 0; c < grid.columns; c++) sum += grid.at(r, c).value;
  return sum;
}

// The maps that the picture is of: (p, d) of the term in focus.
function lensMaps(step, short, index, term) {
  const about = windowKind(step, short);
  const f = term?.find((one) => one.from === about?.source?.number && one.symbol === about?.name);
  if (!f) return null;
  return about.kind === "wide" ? { p: f.index[1], d: index[1] } : { p: index[1], d: f.index[1] };
}

function lensPanel(step, short, index, term) {
  const maps = lensMaps(step, short, index, term);
  const grids = maps && lensGrids(step, short, index, maps.p, maps.d);
  if (!grids || grids.kernel.rows * grids.kernel.columns > LENS_CELLS) return null;
  const { about, under, kernel, products } = grids;
  const wide = about.kind === "wide";
  const turned = wide && kernel.rows * kernel.columns > 1;
  const [source, result] = [about.name, targetSymbol(step, short)];
  const names = [
    t(wide ? "under wide" : "under narrow", { source }),
    wide ? "rot180(W)" : "W",
    t("products"),
  ];
  return h(
    "section",
    { class: "panel lens" },
    h("h3", {}, t("window close")),
    h(
      "p",
      {},
      t(wide ? "lens wide" : "lens narrow", { source, result, ...maps }),
      turned ? t("why rotated") : "",
    ),
    h(
      "div",
      { class: "minis" },
      miniature(under, about.source.largest, names[0], "lens under"),
      h("span", { class: "between", "aria-hidden": "true" }, "⊙"),
      miniature(kernel, about.weight.largest, names[1], "lens kernel"),
      h("span", { class: "between", "aria-hidden": "true" }, "="),
      miniature(products, largestIn(products), names[2], "lens products"),
    ),
    h("p", {}, t("products add", { sum: show(sumOfGrid(products)) })),
    !wide && step.attributes.padding.some((p) => p) ? kindsLegend([AROUND]) : null,
  );
}

function kindsLegend(kinds) {
  return h(
    "ul",
    { class: "kinds" },
    kinds.map((kind) => h("li", {}, h("i", { class: `kind kind-${kind}` }), t(`kind ${kind}`))),
  );
}

// δ as the wide window reads it, with the window, and where its corner may go.
function preparedFigure(step, short, index, p) {
  const about = windowKind(step, short);
  const gained = targetValue(step, short);
  const grids = wideGrids(step, about, gained, index[0], p, index[1]);
  const { rowAxis, columnAxis, prepared, rotated } = grids;
  const [top, left] = [index[2] + rowAxis.p, index[3] + columnAxis.p];
  const marked = new Set();
  for (const r of [top, top + rotated.rows - 1]) {
    for (const c of [left, left + rotated.columns - 1]) marked.add(r * prepared.columns + c);
  }
  const cell = cellSize(prepared.rows, prepared.columns);
  const frame = {
    top: rowAxis.p,
    left: columnAxis.p,
    rows: rowAxis.size,
    columns: columnAxis.size,
  };
  const role = roleOfSymbol(step, about.name);
  const picture = {
    ...prepared,
    largest: about.source.largest,
    cell,
    marked,
    frame,
    colour: roleColour(role),
  };
  const say = (r, c) => {
    const found = prepared.at(r, c);
    return found.kind
      ? t(`kind ${found.kind}`)
      : `${about.name}${place(found.index)} = ${exact(found.value)}`;
  };
  const o = step.attributes;
  const kinds = [];
  const said = [];
  const add = (key, numbers, kind = null) => {
    if (numbers.every((n) => n === 0)) return;
    said.push(t(key, { n: numbers.join("×") }));
    if (kind) kinds.push(kind);
  };
  add(
    "prepared stride",
    o.stride.map((s) => s - 1),
    INSERTED,
  );
  add("prepared r", [rowAxis.r, columnAxis.r], APPENDED);
  add("prepared around", [rowAxis.reach - 1, columnAxis.reach - 1], AROUND);
  said.push(t("prepared frame"));
  add("prepared crop", o.padding);
  return {
    grid: gridCanvas(picture, {
      label: t("prepared", { symbol: about.name }),
      say,
      pick: () => false,
      key: "prepared",
    }),
    caption: [t("prepared how", { symbol: about.name }), ...said].join(" "),
    kinds,
  };
}

// Where one δ goes, and that adding up all of them gives the same map.
function scatterPanel(step, index, deltaIndex) {
  const pieces = scattered(step, deltaIndex, index[1]);
  const inGroup = index[1] % valueOf(step.inputs[1]).kept[1];
  const rows = pieces.map((one) => {
    const target = placed("∂L/∂X", "role-x gradient", [index[0], index[1], one.y, one.x]);
    if (!one.inside) return rowOf("others", target, t("cropped"));
    const weight = placed("W", "role-w", [deltaIndex[1], inGroup, one.u, one.v]);
    const numbers = `= ${asFactor(one.delta)} · ${asFactor(one.weight)} = `;
    const product = h("b", {}, show(one.delta * one.weight));
    return row([target, " += ", placed("δ", "role-d", []), " · ", weight], [numbers, product]);
  });
  return h(
    "section",
    { class: "panel scatter" },
    h("h3", {}, t("scatter of"), " ", placed("δ", "role-d", deltaIndex)),
    h("p", {}, t("scatter how")),
    scrollingTable(t("scatter of"), rows),
    scatterEquality(step, index),
  );
}

function scatterEquality(step, index) {
  const recorded = targetValue(step, "dX");
  if (!recorded.present) return null;
  const sums = scatterMap(step, index[0], index[1]);
  const from = recorded.flat([index[0], index[1], 0, 0]);
  let [off, most] = [0, 0];
  sums.forEach((sum, k) => {
    const gathered = recorded.array[from + k];
    if (!Number.isFinite(sum) || !Number.isFinite(gathered)) return;
    off = Math.max(off, Math.abs(sum - gathered));
    most = Math.max(most, Math.abs(gathered));
  });
  const same = off <= 1e-4 * most + 1e-30;
  const numbers = { d: index[1], off: show(off, 2), most: show(most, 3) };
  return h(
    "p",
    { class: same ? "equal" : "unequal" },
    t(same ? "views equal" : "views differ", numbers),
  );
}
