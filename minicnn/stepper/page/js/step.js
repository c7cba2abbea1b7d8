// One step, whole: what happens, its equation, its source line, its arrays, and the sum behind one
// entry.

const OUT_OF_REACH = 4e6; // products: more are not added up for a picture

function renderStep() {
  const step = STEPS[state.number];
  const main = document.getElementById("step");
  keepingFocus(main, () => {
    const parts = [stepBar(step), stepHead(step), targetTabs(step)];
    if (step.phase === "forward" || step.phase === "backward") parts.push(...operationParts(step));
    else parts.push(...plainParts(step));
    parts.push(fanPanel(step), otherArrays(step));
    main.replaceChildren(...parts.flat().filter(Boolean));
  });
  document.title = `${step.number} · ${stepTitle(step)} · ${RUN.title || t("title")}`;
}

// ------------------------------------------------------------------ the head

function stepBar(step) {
  const phases = [...new Set(STEPS.map((s) => s.phase))].filter((p) => p !== "accumulate");
  const jump = (phase) => {
    const first = STEPS.find((s) => s.phase === phase);
    const here = step.phase === phase || (phase === "backward" && step.phase === "accumulate");
    return button(phaseName(phase), () => go(first.number), { class: `phase phase-${phase}`, "aria-current": here ? "true" : null, "data-key": `phase ${phase}` });
  };
  const last = STEPS.length - 1;
  return h(
    "nav",
    { class: "bar-nav", "aria-label": t("steps") },
    button(`← ${t("previous")}`, () => go(step.number - 1), { disabled: step.number === 0, "data-key": "previous", id: "previous" }),
    h("span", { class: "count" }, t("step of", { n: step.number, last })),
    button(`${t("next")} →`, () => go(step.number + 1), { disabled: step.number === last, "data-key": "next", id: "next" }),
    h("span", { class: "phases", role: "group", "aria-label": t("phases") }, phases.map(jump)),
  );
}

function stepHead(step) {
  const other = step.pair === null ? null : stepLink(step.pair, t(step.phase === "forward" ? "its backward" : "its forward", { n: step.pair }));
  return h(
    "header",
    { class: "head" },
    h("p", { class: "over-title" }, h("span", { class: `chip phase-${step.phase}` }, phaseName(step.phase)), step.breakpoint ? ` ● ${t("breakpoint")}` : null, other && " ", other),
    h("h2", { id: "step-title", tabindex: "-1" }, stepTitle(step)),
    h("p", { class: "what" }, whatHappens(step)),
    sourceLine(step),
    optionsLine(step),
    step.note ? h("p", { class: "note" }, t("not recorded")) : null,
  );
}

// A sentence on what the step does; the target's own if there is one.
function whatHappens(step) {
  const names = { name: step.results[0] ? destinationName(step.results[0].destination) : "", n: RUN.batch ?? 1, optimizer: step.operation };
  if (step.phase !== "forward" && step.phase !== "backward") return t(`what ${step.phase}`, names);
  const operation = step.operation.replace(/^Adaptive/, "");
  const kind = ACTIVATIONS.includes(operation) ? "activation" : "other";
  const own = state.short && state.short !== "out" ? `what backward ${operation} ${state.short}` : "";
  return firstText(own, `what ${step.phase} ${operation}`, `what ${step.phase} ${kind}`);
}

function sourceLine(step) {
  if (!step.source) return null;
  const [file, line, text] = step.source;
  return h("p", { class: "source" }, h("span", {}, `${file}:${line}`), h("code", {}, text || t("no source")));
}

const HIDDEN_OPTIONS = ["view", "axes", "parameters", "statistics", "shape", "w", "foreach", "fused", "differentiable", "out", "weight"];

function optionsLine(step) {
  const shown = Object.entries(step.attributes).filter(([name, value]) => !HIDDEN_OPTIONS.includes(name) && value !== null);
  if (!shown.length) return null;
  const text = (value) => (Array.isArray(value) ? value.map(text).join("×") : typeof value === "number" ? show(value) : String(unplain(value)));
  return h("ul", { class: "options", "aria-label": t("options") }, shown.map(([name, value]) => h("li", {}, `${name} = ${text(value)}`)));
}

// Which gradient is looked at.
function targetTabs(step) {
  const targets = targetsOf(step);
  if (targets.length < 2) return null;
  const tab = (short) => {
    const symbol = targetSymbol(step, short);
    const result = resultOf(step, short);
    const label = [symbolText(symbol, roleOfSymbol(step, symbol)), h("small", {}, ` → ${destinationName(result.destination)}`)];
    return h("button", { type: "button", "aria-pressed": String(short === state.short), onclick: () => chooseTarget(short), "data-key": `target ${short}` }, label);
  };
  return h("div", { class: "choice targets", role: "group", "aria-label": t("targets") }, h("span", {}, t("targets")), targets.map(tab));
}

// ------------------------------------------------------------------ operations

function operationParts(step) {
  const { short, index } = state;
  const parts = equationsOf(step, short).map((key) => equationBlock(key, step));
  if (step.composition) parts.push(compositionBlock(step));
  if (!short) return [...parts, figuresOf(arraysOf(step), step)];
  const answer = index === null ? null : ask(step, short, index);
  const terms = answer?.sum?.terms ?? [];
  const focus = focusTerm(terms);
  for (const f of focus ?? []) if (f.from !== null) state.leads.set(f.from, leadOf(f));
  parts.push(viewChoice(step, short));
  parts.push(h("p", { class: "hint" }, t("hint")));
  parts.push(arrayRow(step, short, index, answer, terms, focus));
  if (!answer) return parts;
  if (isScatter(step, short) && answer.sum) parts.push(scatterPanel(step, index, deltaPlace(terms)));
  else parts.push(lensPanel(step, short, index, focus));
  parts.push(sumPanel(step, short, index, answer));
  if (short !== "out" && targetValue(step, short).present && targetValue(step, short).at(index) === 0) parts.push(zeroPanel(step, short, index));
  return parts;
}

function equationsOf(step, short) {
  const result = short && short !== "out" ? resultOf(step, short) : null;
  return result?.equation ? [result.equation] : step.equations.slice(0, 1);
}

// Eq. 1.16 or 1.17, which two neighbouring steps make up together.
function compositionBlock(step) {
  const c = step.composition;
  const names = { l: c.lower, upper: c.upper, lower: c.lowerName, above: c.upperName, f: c.activation, d: c.maps, p: c.upperMaps, n: c.first };
  return h(
    "div",
    { class: "equation composition" },
    h("p", { class: "equation-title" }, h("b", {}, t("equation n", { key: c.equation })), " · ", t("two steps"), " ", stepLink(c.first), " + ", t("this step")),
    formula(c.mathml, { ...step, symbols: [], inputs: [] }, c.text),
    h("p", { class: "caption" }, t(`composition ${c.equation}`, names)),
  );
}

function isScatter(step, short) {
  return state.view === "scatter" && step.operation === "Conv2d" && step.phase === "backward" && short === "dX";
}

function viewChoice(step, short) {
  if (step.operation !== "Conv2d" || step.phase !== "backward" || short !== "dX") return null;
  const choice = (which) => button(t(`view ${which}`), () => update({ view: which }), { "aria-pressed": String(state.view === which), "data-key": `view ${which}` });
  return h("div", { class: "choice", role: "group", "aria-label": t("views") }, h("span", {}, t("views")), choice("gather"), choice("scatter"), h("p", { class: "caption" }, t(`view ${state.view} how`)));
}

// The δ that is scattered: the chosen one, else that of the term in focus.
function deltaPlace(terms) {
  const delta = valueOf(STEPS[state.number].deltas[0]);
  if (state.deltaIndex && delta.holds(state.deltaIndex)) return state.deltaIndex;
  return focusTerm(terms)?.find((f) => f.symbol === "δ")?.index ?? largestPlace(delta);
}

function arrayRow(step, short, index, answer, terms, focus) {
  const sources = sourcesOf(terms);
  const target = targetValue(step, short);
  const scatter = isScatter(step, short) && answer?.sum;
  const figures = sources.map((source) => sourceFigure(step, short, index, source, focus, scatter, terms));
  if (short !== "out" && index && isMaxPool(step)) figures.push(pooledFigure(step, index, terms));
  else if (!sources.length) figures.push(...unsummed(step, short));
  const delta = scatter && deltaPlace(terms);
  figures.push(resultFigure(step, short, index, answer, delta && scattered(step, delta, index[1])));
  const symbols = sources.map((s) => s.symbol).join(", ");
  return h("div", { class: "arrays", "aria-label": `${symbols} → ${targetSymbol(step, short)}`, "data-target": target.number }, figures);
}

// The arrays of a step whose sums are not written out, beside its result.
function unsummed(step, short) {
  const target = targetValue(step, short).number;
  const shown = arraysOf(step).filter(({ value }) => value.number !== target && value.size > 0);
  return figureList(shown, step, false);
}

function sourceFigure(step, short, index, source, focus, scatter, terms) {
  const value = valueOf(source.number);
  const own = focus?.find((f) => f.from === source.number);
  const lead = leadList(own ? leadOf(own) : state.leads.get(source.number) ?? [...source.leads][0]);
  const role = roleOfSymbol(step, source.symbol) === "role-other" ? roleOfArray(step, source.number) : roleOfSymbol(step, source.symbol);
  const isDelta = source.symbol === "δ";
  const wide = windowKind(step, short)?.kind === "wide" && value === windowKind(step, short).source;
  if (wide && !scatter) return preparedAsFigure(step, short, index, value, source, role, lead);
  // Of a window in max pooling one pixel is read, but all of it decided which.
  const window = short === "out" ? poolCells(step, [index]) : null;
  const winner = window && source.places.length === 1 ? source.places[0] : null;
  return figure({
    value,
    symbol: source.symbol === "f'" ? symbolOfArray(step, source.number) : source.symbol,
    role,
    key: `source ${source.symbol}`,
    lead,
    marks: scatter && isDelta ? [] : (window ?? source.places),
    chosen: scatter && isDelta ? deltaPlace(terms) : winner,
    onPick: scatter && isDelta ? (at) => update({ deltaIndex: at, leads: [[value.number, layoutOf(value).locate(at).lead.join(",")]] }) : null,
    onLead: (to) => chooseLead(value.number, to.join(","), scatter && isDelta ? layoutOf(value) : null),
    caption: isDelta ? t("unit delta") : source.symbol === "f'" ? t("slope from") : null,
  });
}

// The map before the pooling, with the windows of the δ that arrive at the chosen pixel; if none
// does, with those that it lost.
function pooledFigure(step, index, terms) {
  const value = valueOf(step.inputs[0]);
  const won = terms.map((term) => term[0].index);
  const windows = won.length ? won : windowsWith(step, index);
  return figure({
    value,
    symbol: step.symbols[0],
    role: "role-x",
    key: "pooled",
    lead: value.present ? layoutOf(value).locate(index).lead : undefined,
    marks: poolCells(step, windows) ?? [],
    chosen: index,
    onLead: (to) => update({ index: layoutOf(value).index(to, ...cellOf(value, index)) }),
    caption: t(won.length ? "pixel won" : "pixel lost"),
  });
}

function preparedAsFigure(step, short, index, value, source, role, lead) {
  const prepared = preparedFigure(step, short, index, lead[1]);
  const spec = { value, symbol: source.symbol, role, key: `source ${source.symbol}`, onLead: (to) => chooseLead(value.number, to.join(",")) };
  return h(
    "figure",
    { class: `array ${role}`, "data-symbol": source.symbol },
    figureHeading(spec),
    leadControls(spec, layoutOf(value), lead),
    prepared.grid,
    legend(value.largest),
    kindsLegend(prepared.kinds),
    h("p", { class: "caption" }, prepared.caption),
  );
}

function leadList(text) {
  return text ? text.split(",").map(Number) : [];
}

function roleOfArray(step, number) {
  const symbol = symbolOfArray(step, number);
  return roleOfSymbol(step, symbol);
}

function symbolOfArray(step, number) {
  const at = [...step.inputs, ...step.outputs].indexOf(number);
  if (at >= 0) return step.symbols[at];
  return Object.entries(step.saved).find(([, n]) => n === number)?.[0] ?? "f'";
}

function resultFigure(step, short, index, answer, pieces) {
  const value = targetValue(step, short);
  const symbol = targetSymbol(step, short);
  const lead = index && value.present ? layoutOf(value).locate(index).lead : undefined;
  const marks = pieces ? pieces.filter((one) => one.inside).map((one) => [index[0], index[1], one.y, one.x]) : [];
  const part = samplePart(step, short, value, answer, lead);
  return figure({
    value,
    symbol,
    role: roleOfSymbol(step, symbol),
    key: "result",
    result: true,
    lead,
    marks,
    chosen: index,
    onPick: (at) => update({ index: at }),
    onLead: (to) => update({ index: layoutOf(value).index(to, ...cellOf(value, index)) }),
    caption: short === "out" ? null : [t("unit gradient"), destinationText(resultOf(step, short))].join(" "),
    ...part,
  });
}

function destinationText(result) {
  return result.destination ? t("goes to", { to: destinationName(result.destination) }) : "";
}

// A gradient that is summed over samples: all of it, the shown sample's part, or that of the rest.
function samplePart(step, short, value, answer, lead) {
  if (!answer?.sum || answer.sum.samples < 2 || !value.present) return {};
  const choices = ["total", "sample", "rest"];
  const option = (which) => h("option", { value: which, selected: which === state.part }, t(`part ${which}`, { n: RUN.sample, others: RUN.batch - 1 }));
  const select = h("select", { onchange: (event) => update({ part: event.target.value }), "data-key": "part" }, choices.map(option));
  const extra = h("label", { class: "part" }, t("part of"), " ", select);
  if (state.part === "total") return { extra };
  const layout = layoutOf(value);
  if (answer.sum.terms.length * layout.rows * layout.columns > OUT_OF_REACH) {
    return { extra: h("div", {}, extra, h("p", { class: "caption" }, t("part too long"))) };
  }
  const ofSample = sampleReader(step, short);
  const read = state.part === "sample" ? ofSample : (index) => value.at(index) - ofSample(index);
  let largest = 0;
  for (let k = 0; k < layout.rows * layout.columns; k++) {
    const index = layout.index(lead, Math.floor(k / layout.columns), k % layout.columns);
    if (index) largest = Math.max(largest, Math.abs(read(index)) || 0);
  }
  return { extra, read, largest };
}

// ------------------------------------------------------------------ the other phases

// Loss, accumulate and update: arrays of one shape, read at one place.
function plainParts(step) {
  const arrays = arraysOf(step);
  const parts = step.equations.slice(0, 1).map((key) => equationBlock(key, step));
  parts.push(figuresOf(arrays, step));
  if (state.index) {
    const table = readings(step, state.index);
    if (table) parts.push(h("section", { class: "panel sum" }, h("h3", {}, t("at place", { at: place(state.index) })), table, updateSum(step)));
  }
  return parts;
}

function updateSum(step) {
  if (step.phase !== "update" && step.phase !== "accumulate") return null;
  const [r] = step.results;
  const values = [r.before, r.contribution, r.after].map(valueOf);
  if (values.some((v) => !v?.present)) return null;
  const [before, change, after] = values.map((v) => show(v.at(state.index), 6));
  const bracket = change.startsWith("−") ? `(${change})` : change;
  const lines = [h("p", {}, h("b", {}, `${before} + ${bracket} = ${after}`))];
  const { lr, momentum, nesterov } = step.attributes;
  const direction = step.operation === "SGD" && !nesterov && !step.attributes.maximize ? valueOf(momentum ? step.saved.momentum_buffer : step.inputs[1]) : null;
  if (direction?.present && typeof lr === "number" && !(step.attributes.weight_decay && !momentum)) {
    lines.unshift(h("p", {}, t("sgd change", { lr: show(lr), v: asFactor(direction.at(state.index)), change, of: nameOf(direction) })));
  }
  return lines;
}

function figuresOf(arrays, step) {
  return h("div", { class: "arrays" }, figureList(arrays, step));
}

function figureList(arrays, step, lastIsResult = true) {
  return arrays.map(({ value, symbol }, k) => {
    const fits = state.index && value.present && value.holds(state.index) && value.shape.length === state.index.length;
    const layout = value.present ? layoutOf(value) : null;
    const lead = fits ? layout.locate(state.index).lead : leadList(state.leads.get(value.number));
    return figure({
      value,
      symbol,
      role: roleInPhase(step, symbol),
      key: `array ${k}`,
      result: lastIsResult && fits && k === arrays.length - 1,
      lead: lead.length ? lead : undefined,
      chosen: fits ? state.index : null,
      onPick: fits ? (at) => update({ index: at }) : null,
      onLead: fits
        ? (to) => update({ index: layout.index(to, ...cellOf(value, state.index)) })
        : (to) => update({ leads: [[value.number, to.join(",")]] }),
      caption: symbol === "δ" ? t("unit delta") : null,
    });
  });
}

function roleInPhase(step, symbol) {
  if (step.phase === "update") return symbol.startsWith("∂") ? "role-w gradient" : symbol.startsWith("θ") ? "role-w" : "role-other";
  if (step.phase === "accumulate") return "role-w gradient";
  return roleOfSymbol(step, symbol);
}

// ------------------------------------------------------------------ the rest

// Everything else that the step read, gave or kept.
function otherArrays(step) {
  if (step.phase !== "forward" && step.phase !== "backward") return null;
  const list = [...arraysOf(step), ...Object.entries(step.saved).map(([name, number]) => ({ value: valueOf(number), symbol: name }))];
  const seen = new Set();
  const others = list.filter(({ value }) => !seen.has(value.number) && seen.add(value.number));
  if (!others.length) return null;
  const details = h("details", { class: "others-list", "data-key": "others" }, h("summary", {}, t("all arrays", { n: others.length })));
  // Only drawn once it is opened: a step with many arrays stays quick.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(figuresOf(others, { ...step, phase: "forward" }));
  });
  return details;
}
