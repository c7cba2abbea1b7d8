// "Why is it zero?", and where several paths meet: what each of them brought.

function zeroPanel(step, short, index) {
  const { causes, complete } = whyZero(step, resultOf(step, short), index);
  const rows = causes.slice(0, 6).map((cause) => {
    const where = cause.step.layer || cause.step.operation;
    const text = t(`cause ${cause.kind}`, {
      symbol: cause.factor?.symbol ?? "",
      operation: cause.step.operation,
      where,
    });
    return h(
      "li",
      {},
      h("b", {}, `${cause.count} × `),
      text,
      " ",
      t("in step"),
      " ",
      stepLink(cause.step.number),
      wayText(cause),
    );
  });
  const more = causes.length > 6 ? h("p", {}, t("more causes", { n: causes.length - 6 })) : null;
  const sample = !targetValue(step, short).batched && (RUN.batch ?? 1) > 1 && RUN.sample !== null;
  return h(
    "section",
    { class: "panel zero" },
    h("h3", {}, t("why zero")),
    h("p", {}, t(sample ? "zero because sample" : "zero because", { n: RUN.sample })),
    h("ol", {}, rows),
    more,
    complete ? null : h("p", {}, t("not all followed")),
  );
}

// The way from the entry to the cause, each station a link.
function wayText(cause) {
  if (cause.way.length < 2) return null;
  const stations = cause.way.map((one) => {
    const name = `${one.name}${place(one.index)}`;
    return button(`${name} (${one.step.number})`, () => go(one.step.number, resultIn(one)), {
      class: "link",
    });
  });
  return h("p", { class: "way" }, t("the way"), " ", joined(stations, " ← "));
}

function resultIn(one) {
  const result = one.step.results.find((r) => r.symbol === one.name);
  return result && { short: result.short, index: one.index };
}

// A sum of several paths: at a residual add, a tensor that two layers read, a shared parameter.
function fanPanel(step) {
  const came = arrivalsAt(step);
  if (came.length < 2) return null;
  const whole = valueOf(step.deltas[0] ?? step.results[0].contribution);
  const index = fanPlace(step, whole);
  const value = (number) => valueOf(number);
  const rows = came.map(({ step: from, result }) => {
    const part = value(result.contribution);
    const number = index && part.present ? show(part.at(index), 6) : "?";
    return row(
      stepLink(from.number, `${t("step n", { n: from.number })} · ${stepTitle(from)}`),
      number,
    );
  });
  const total = index && whole.present ? show(whole.at(index), 6) : "?";
  rows.push(rowOf("sum-row", t("together", { at: index ? place(index) : "" }), h("b", {}, total)));
  const lead = index && whole.present ? layoutOf(whole).locate(index).lead : undefined;
  const figures = came.map(({ step: from, result }) => {
    return { value: value(result.contribution), symbol: t("from step", { n: from.number }) };
  });
  figures.push({ value: whole, symbol: step.phase === "backward" ? "δ" : step.results[0].symbol });
  return h(
    "section",
    { class: "panel fan" },
    h("h3", {}, t("paths meet", { n: came.length })),
    h("p", {}, t("paths why", { name: destinationName(came[0].result.destination) })),
    h("table", { class: "totals" }, h("tbody", {}, rows)),
    h(
      "div",
      { class: "arrays" },
      figures.map((one, k) => fanFigure(one, k, lead, index)),
    ),
  );
}

function fanFigure({ value, symbol }, k, lead, index) {
  return figure({
    value,
    symbol,
    role: "role-d",
    widest: 260,
    key: `fan ${k}`,
    lead,
    chosen: index,
    onPick: (at) => update({ fan: at }),
    onLead: (to) => update({ fan: layoutOf(value).index(to, ...cellOf(value, index)) }),
  });
}

function cellOf(value, index) {
  const { r, c } = layoutOf(value).locate(index);
  return [r, c];
}

function fanPlace(step, whole) {
  if (state.fan && whole.holds(state.fan)) return state.fan;
  return largestPlace(whole);
}
