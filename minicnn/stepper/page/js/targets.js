// The arrays of an operation's step: what the sum reads, and the result that the entry is chosen in.

const OUT_OF_REACH = 4e6; // products: more are not added up for a picture

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
  const figures = sources.map((source) =>
    sourceFigure(step, short, index, source, focus, scatter, terms),
  );
  if (short !== "out" && index && isMaxPool(step)) figures.push(pooledFigure(step, index, terms));
  else if (!sources.length) figures.push(...unsummed(step, short));
  const delta = scatter && deltaPlace(terms);
  figures.push(resultFigure(step, short, index, answer, delta && scattered(step, delta, index[1])));
  const symbols = sources.map((s) => s.symbol).join(", ");
  return h(
    "div",
    {
      class: "arrays",
      "aria-label": `${symbols} → ${targetSymbol(step, short)}`,
      "data-target": target.number,
    },
    figures,
  );
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
  const lead = leadList(
    own ? leadOf(own) : (state.leads.get(source.number) ?? [...source.leads][0]),
  );
  const bySymbol = roleOfSymbol(step, source.symbol);
  const role = bySymbol === "role-other" ? roleOfArray(step, source.number) : bySymbol;
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
    onPick: scatter && isDelta ? (at) => chooseDelta(value, at) : null,
    onLead: (to) =>
      chooseLead(value.number, to.join(","), scatter && isDelta ? layoutOf(value) : null),
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
  const spec = {
    value,
    symbol: source.symbol,
    role,
    key: `source ${source.symbol}`,
    onLead: (to) => chooseLead(value.number, to.join(",")),
  };
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
  const marks = pieces
    ? pieces.filter((one) => one.inside).map((one) => [index[0], index[1], one.y, one.x])
    : [];
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
    caption:
      short === "out"
        ? null
        : [t("unit gradient"), destinationText(resultOf(step, short))].join(" "),
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
  const option = (which) =>
    h(
      "option",
      { value: which, selected: which === state.part },
      t(`part ${which}`, { n: RUN.sample, others: RUN.batch - 1 }),
    );
  const select = h(
    "select",
    { onchange: (event) => update({ part: event.target.value }), "data-key": "part" },
    choices.map(option),
  );
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
