// The network from input to loss, one row an operation, its branches drawn beside the rows, and for
// each the size of the δ that arrived there. Large networks are folded into their blocks.

const MOST_ROWS_UNFOLDED = 40;
const ROW = 34; // pixels; css/overview.css has the same
const LANE = 12;
const MOST_LANES = 6;

const openGroups = new Set(); // by the reader
const shownGroups = new Set(); // to show where the current step is; closed again after it
const FORWARD_STEPS = STEPS.filter((step) => step.phase === "forward");

// Consecutive steps of the same part of the model, `depth` levels down, as one item.
function itemsOf(steps, depth) {
  const runs = [];
  for (const step of steps) {
    const parts = step.layer.split(".");
    const key = step.layer && parts.length > depth ? parts.slice(0, depth + 1).join(".") : null;
    const last = runs.at(-1);
    if (last && key !== null && last.key === key) last.steps.push(step);
    else runs.push({ key, steps: [step] });
  }
  if (runs.length === 1 && runs[0].key !== null && steps.length > 1)
    return itemsOf(steps, depth + 1);
  return runs.map(({ key, steps: own }) => ({
    key,
    steps: own,
    depth,
    id: `${key} ${own[0].number}`,
  }));
}

function isGroup(item) {
  return item.steps.length > 1;
}

function isOpen(item) {
  return openGroups.has(item.id) || shownGroups.has(item.id);
}

// The rows that are shown: {item, level, header}; a header is an opened group's own line.
function rowsOf(items, level = 0) {
  return items.flatMap((item) => {
    if (!isGroup(item)) return [{ item, level, header: false }];
    if (!isOpen(item)) return [{ item, level, header: false }];
    return [
      { item, level, header: true },
      ...rowsOf(itemsOf(item.steps, item.depth + 1), level + 1),
    ];
  });
}

function overviewRows() {
  if (FORWARD_STEPS.length <= MOST_ROWS_UNFOLDED) {
    const alone = (step) => ({ key: null, steps: [step], id: `${step.number}` });
    return FORWARD_STEPS.map((step) => ({ item: alone(step), level: 0, header: false }));
  }
  return rowsOf(itemsOf(FORWARD_STEPS, 0));
}

// Open every group that hides a step.
function reveal(step) {
  if (FORWARD_STEPS.length <= MOST_ROWS_UNFOLDED) return;
  shownGroups.clear();
  for (;;) {
    const row = overviewRows().find(({ item, header }) => !header && item.steps.includes(step));
    if (!row || !isGroup(row.item)) return;
    shownGroups.add(row.item.id);
  }
}

// Edges between rows: [from, to] in row numbers; −1 is the input.
function edgesOf(rows) {
  const maker = new Map();
  const edges = new Set();
  rows.forEach(({ item, header }, k) => {
    if (header) return;
    for (const step of item.steps) {
      for (const number of step.inputs) {
        const value = VALUES[number];
        const from = maker.has(number)
          ? maker.get(number)
          : value.batched && !value.parameter
            ? -1
            : null;
        if (from !== null && from !== k) edges.add(`${from} ${k}`);
      }
      for (const number of step.outputs) maker.set(number, k);
    }
  });
  return [...edges].map((edge) => edge.split(" ").map(Number));
}

// A lane for every tensor that is read by another than the next row; each lane is free again after
// its last reader.
function lanesOf(edges, nextNode) {
  const until = new Map();
  for (const [from, to] of edges) {
    if (nextNode(from) !== to) until.set(from, Math.max(until.get(from) ?? 0, to));
  }
  const busy = [];
  const lanes = new Map();
  for (const [from, to] of [...until].sort((a, b) => a[0] - b[0])) {
    let lane = busy.findIndex((end) => end <= from);
    if (lane < 0) lane = Math.min(busy.length, MOST_LANES - 1);
    busy[lane] = to;
    lanes.set(from, lane + 1);
  }
  return lanes;
}

function drawBranches(rows) {
  const edges = edgesOf(rows);
  const nextNode = (k) => rows.findIndex((row, at) => at > k && !row.header);
  const lanes = lanesOf(edges, nextNode);
  const width = LANE * (Math.max(0, ...lanes.values()) + 1) + 6;
  const x = width - 8;
  const y = (k) => (k + 1.5) * ROW;
  const lines = edges.map(([from, to]) => {
    if (nextNode(from) === to) return `M${x} ${y(from)}V${y(to)}`;
    const side = x - LANE * lanes.get(from);
    return (
      `M${x} ${y(from)}C${side} ${y(from) + 4} ${side} ${y(from) + 6} ${side} ${y(from) + ROW / 2}` +
      `V${y(to) - ROW / 2}C${side} ${y(to) - 6} ${side} ${y(to) - 4} ${x} ${y(to)}`
    );
  });
  const nodes = rows.flatMap((row, k) =>
    row.header ? [] : [svg("circle", { cx: x, cy: y(k), r: isGroup(row.item) ? 6 : 4 })],
  );
  const start = svg("circle", { cx: x, cy: y(-1), r: 4, class: "start" });
  const height = (rows.length + 1) * ROW;
  const picture = svg("svg", { width, height, class: "branches", "aria-hidden": "true" });
  picture.append(...lines.map((d) => svg("path", { d })), start, ...nodes);
  return { picture, width };
}

// The largest |δ| that arrived at what a row gives; null without a backward.
function sizeOfDelta(item) {
  const sizes = item.steps
    .map((step) => (step.pair === null ? null : valueOf(STEPS[step.pair].deltas[0])))
    .filter((value) => value !== null && value !== undefined)
    .map((value) => value.absMax);
  if (!sizes.length) return null;
  return sizes.some(Number.isNaN) ? NaN : Math.max(...sizes);
}

function deltaBar(size, scale) {
  if (size === null) return h("span", { class: "delta none" }, "–");
  const fill = h("i", {});
  // A length for everything above 0, and the whole one for what is infinite.
  const part = (Math.log10(size) - scale.low) / (scale.high - scale.low);
  fill.style.width = size > 0 ? `${Math.round(100 * Math.min(Math.max(part, 0.04), 1))}%` : "0";
  return h(
    "span",
    { class: "delta" },
    h("span", { class: "track" }, fill),
    h("span", { class: "number" }, show(size, 2)),
  );
}

function scaleOf(rows) {
  const logs = rows
    .map(({ item }) => sizeOfDelta(item))
    .filter((s) => s > 0 && Number.isFinite(s))
    .map(Math.log10);
  const low = Math.floor(Math.min(...logs, 0) - 0.2);
  return { low, high: Math.max(Math.ceil(Math.max(...logs, low)), low + 1), any: logs.length > 0 };
}

function rowName(item) {
  const [step] = item.steps;
  if (isGroup(item)) return `${item.key} (${t("n steps", { n: item.steps.length })})`;
  return step.layer ? `${step.layer} · ${step.operation}` : step.operation;
}

// Where a click on a row leads.
function targetOfRow(item) {
  const step =
    state.direction === "backward"
      ? [...item.steps].reverse().find((s) => s.pair !== null)
      : item.steps[0];
  return (
    (step && state.direction === "backward" ? step.pair : step?.number) ?? item.steps[0].number
  );
}

function overviewRow({ item, level, header }, current, scale) {
  const step = item.steps.at(-1);
  const isHere = !header && item.steps.includes(current);
  const shape = header || !step.outputs.length ? "" : shapeText(VALUES[step.outputs[0]].shape);
  const fold = isGroup(item)
    ? button(header ? "▾" : "▸", () => toggleGroup(item), {
        class: "fold",
        "aria-expanded": String(header),
        "aria-label": t(header ? "fold" : "unfold", { name: item.key }),
        "data-key": `fold ${item.id}`,
      })
    : null;
  const name = h(
    "button",
    {
      type: "button",
      class: "row-name",
      "aria-current": isHere ? "step" : null,
      onclick: () => go(targetOfRow(item)),
      "data-key": `row ${item.id}`,
    },
    h("span", {}, rowName(item)),
    h("small", {}, shape),
  );
  const bar = header || !scale.any ? null : deltaBar(sizeOfDelta(item), scale);
  const kind = header ? "row header" : isHere ? "row here" : "row";
  const line = h("li", { class: kind }, fold, name, bar);
  line.style.setProperty("--level", level);
  return line;
}

function toggleGroup(item) {
  const open = isOpen(item);
  openGroups.delete(item.id);
  shownGroups.delete(item.id);
  if (!open) openGroups.add(item.id);
  renderOverview();
}

function renderOverview() {
  keepingFocus(document.getElementById("overview-body"), (body) => {
    const here = STEPS[state.number];
    const current = here.phase === "forward" ? here : here.pair !== null ? STEPS[here.pair] : null;
    const rows = overviewRows();
    const scale = scaleOf(rows);
    const { picture, width } = drawBranches(rows);
    const first = h("li", { class: "row plain" }, t("row input"));
    const list = h(
      "ol",
      { class: "rows" },
      first,
      rows.map((one) => overviewRow(one, current, scale)),
    );
    list.style.paddingLeft = `${width}px`;
    body.replaceChildren(
      directionChoice(scale),
      h("div", { class: "graph" }, picture, list),
      lastRows(),
      overviewLegend(scale),
    );
  });
}

function directionChoice(scale) {
  if (!scale.any) return h("p", { class: "caption" }, t("forward only"));
  const options = ["forward", "backward"].map((which) => [which, t(`to ${which}`)]);
  return choice(t("rows lead"), "direction", options, state.direction, (direction) =>
    update({ direction }),
  );
}

// The steps that belong to no operation: where the loss begins, and the updates.
function lastRows() {
  const jumps = ["loss", "update"]
    .map((phase) => STEPS.find((step) => step.phase === phase))
    .filter(Boolean);
  if (!jumps.length) return null;
  return h(
    "div",
    { class: "choice" },
    jumps.map((step) =>
      button(t(`jump ${step.phase}`), () => go(step.number), { "data-key": `jump ${step.phase}` }),
    ),
  );
}

function overviewLegend(scale) {
  if (!scale.any) return null;
  return h(
    "p",
    { class: "caption" },
    t("delta legend", { low: show(10 ** scale.low), high: show(10 ** scale.high) }),
  );
}
