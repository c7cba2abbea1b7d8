// The steps that are no operation's: loss, accumulate and update, whose arrays are all of one shape
// and are read at one place. And arrays side by side, as every step shows them that has no sum.

function plainParts(step) {
  const arrays = arraysOf(step);
  const parts = step.equations.slice(0, 1).map((key) => equationBlock(key, step));
  parts.push(figuresOf(arrays, step));
  if (state.index) {
    const table = readings(step, state.index);
    const heading = h("h3", {}, t("at place", { at: place(state.index) }));
    if (table) parts.push(h("section", { class: "panel sum" }, heading, table, updateSum(step)));
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
  const { lr, momentum, nesterov, maximize, weight_decay } = step.attributes;
  const plain = step.operation === "SGD" && !nesterov && !maximize && (momentum || !weight_decay);
  const v = plain ? valueOf(momentum ? step.saved.momentum_buffer : step.inputs[1]) : null;
  if (v?.present && typeof lr === "number") {
    const names = { lr: show(lr), v: asFactor(v.at(state.index)), change, of: nameOf(v) };
    lines.unshift(h("p", {}, t("sgd change", names)));
  }
  return lines;
}

function figuresOf(arrays, step) {
  return h("div", { class: "arrays" }, figureList(arrays, step));
}

function figureList(arrays, step, lastIsResult = true) {
  return arrays.map(({ value, symbol }, k) => {
    const fits =
      state.index &&
      value.present &&
      value.holds(state.index) &&
      value.shape.length === state.index.length;
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
  if (step.phase === "accumulate") return "role-w gradient";
  if (step.phase !== "update") return roleOfSymbol(step, symbol);
  if (symbol.startsWith("∂")) return "role-w gradient";
  return symbol.startsWith("θ") ? "role-w" : "role-other";
}
