// The sum behind one entry: which terms, which of them is in focus, and how it is written out.

const SHOWN_TERMS = 10;
const MOST_ROWS = 1500;

// What can be asked of a step: its gradients, or its output.
function targetsOf(step) {
  if (step.phase === "backward") return step.results.map((r) => r.short);
  return step.phase === "forward" && step.outputs.length ? ["out"] : [];
}

function targetValue(step, short) {
  return valueOf(short === "out" ? step.outputs[0] : resultOf(step, short).contribution);
}

function targetSymbol(step, short) {
  return short === "out" ? step.symbols[step.inputs.length] || "y" : resultOf(step, short).symbol;
}

// {sum} of `writtenOut`, or {problem} where it cannot be said.
function ask(step, short, index) {
  try {
    return { sum: writtenOut(step, short, index) };
  } catch (error) {
    if (!(error instanceof CannotSay)) throw error;
    return { problem: error };
  }
}

// In which map of its array a factor stands, as text: "0,3".
function leadOf(f) {
  const value = valueOf(f.from);
  if (!value || !value.kept.length || (f.shown ?? f.index) === null) return "";
  return layoutOf(value)
    .locate(f.shown ?? f.index)
    .lead.join(",");
}

// The term whose maps are shown: the one that agrees best with the maps that were chosen before.
function focusTerm(terms) {
  let best = null;
  let most = [-1, -1];
  for (const term of terms) {
    const agreed = term.filter(
      (f) => f.from !== null && state.leads.get(f.from) === leadOf(f),
    ).length;
    const size = Math.abs(productOf(term));
    if (agreed > most[0] || (agreed === most[0] && size > most[1]))
      [best, most] = [term, [agreed, size]];
  }
  return best;
}

// The arrays that the terms read: [{number, symbol, leads}], in the order in which they come.
function sourcesOf(terms) {
  const found = new Map();
  for (const term of terms) {
    for (const f of term) {
      if (f.from === null || valueOf(f.from).size === 1) continue;
      const key = `${f.from} ${f.symbol}`;
      if (!found.has(key))
        found.set(key, { number: f.from, symbol: f.symbol, leads: new Set(), places: [] });
      found.get(key).leads.add(leadOf(f));
      found.get(key).places.push(f.shown ?? f.index);
    }
  }
  return [...found.values()];
}

function factorText(step, f) {
  return placed(f.symbol, roleOfSymbol(step, f.symbol), f.index);
}

function joined(parts, mark) {
  return parts.flatMap((part, i) => (i ? [mark, part] : [part]));
}

// One row: names, numbers, product.
function termRow(step, term, focus) {
  const names = joined(
    term.map((f) => factorText(step, f)),
    " · ",
  );
  const numbers = joined(
    term.map((f) => asFactor(f.value)),
    " · ",
  );
  const result = term.length > 1 ? ` = ${show(productOf(term))}` : "";
  return rowOf(focus ? "focus" : "", names, ["= ", ...numbers, h("b", {}, result)]);
}

function termTable(step, terms) {
  const focus = terms.length > 1 ? focusTerm(terms) : null;
  const bySize = [...terms].sort((a, b) => Math.abs(productOf(b)) - Math.abs(productOf(a)));
  const kept = state.allTerms
    ? new Set(bySize.slice(0, MOST_ROWS))
    : new Set(bySize.slice(0, SHOWN_TERMS));
  if (focus) kept.add(focus);
  const others = terms.filter((term) => !kept.has(term));
  const rows = terms
    .filter((term) => kept.has(term))
    .map((term) => termRow(step, term, term === focus));
  if (others.length) {
    const sum = others.reduce((all, term) => all + productOf(term), 0);
    rows.push(rowOf("others", t("smaller terms", { n: others.length }), `= ${show(sum)}`));
  }
  const toggle = () => update({ allTerms: !state.allTerms });
  const more =
    terms.length > SHOWN_TERMS
      ? button(t(state.allTerms ? "fewer terms" : "all terms", { n: terms.length }), toggle, {
          "data-key": "terms",
        })
      : null;
  return [scrollingTable(t("terms"), rows), more];
}

// The sums of each map by itself: for a convolution, what each p (or d) brings.
function partialSums(terms, source) {
  if (!source || source.leads.size < 2) return null;
  const sums = new Map();
  for (const term of terms) {
    const f = term.find((one) => one.from === source.number && one.symbol === source.symbol);
    if (!f) continue;
    const lead = leadOf(f);
    sums.set(lead, (sums.get(lead) ?? 0) + productOf(term));
  }
  const rows = [...sums].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 16);
  const most = Math.abs(rows[0][1]) || 1;
  const items = rows.map(([lead, sum]) => {
    const fill = h("i", {});
    fill.style.width = `${(100 * Math.abs(sum)) / most}%`;
    fill.style.background = cssColour(sum < 0 ? NEGATIVE : POSITIVE);
    const chosen = state.leads.get(source.number) === lead;
    const choose = () => chooseLead(source.number, lead);
    const name = lead.split(",").at(-1);
    const bar = h("span", { class: "track" }, fill);
    const label = [
      h("span", { class: "which" }, t("map k", { k: name })),
      bar,
      h("span", {}, show(sum, 3)),
    ];
    const pressed = { "aria-pressed": String(chosen), "data-key": `part ${lead}` };
    return h("li", {}, h("button", { type: "button", onclick: choose, ...pressed }, label));
  });
  const rest =
    sums.size > rows.length
      ? h("p", { class: "caption" }, t("more maps", { n: sums.size - rows.length }))
      : null;
  return h(
    "details",
    { class: "partial", open: rows.length <= 16 },
    h("summary", {}, t("by map", { symbol: source.symbol })),
    h("ol", {}, items),
    rest,
  );
}

// "Σ of the terms", what is recorded, and where the sum runs over samples that are not shown, theirs.
function totals(sum) {
  const line = (name, number) => row(name, show(number, 6));
  const last = (name, number) => row(name, h("b", {}, show(number, 6)));
  const rows = [];
  if (sum.samples > 1) {
    rows.push(line(t("this sample", { n: RUN.sample }), sum.total));
    rows.push(line(t("other samples", { n: sum.samples - 1 }), sum.rest));
    rows.push(last(t("all samples", { n: sum.samples }), sum.recorded));
  } else {
    rows.push(
      line(
        sum.terms.length === 1 ? t("one term") : t("sum of terms", { n: sum.terms.length }),
        sum.total,
      ),
    );
    if (sum.recorded !== null) rows.push(last(t("recorded"), sum.recorded));
  }
  const off = sum.samples > 1 || sum.recorded === null ? 0 : Math.abs(sum.recorded - sum.total);
  const rounding =
    off > 0 && Number.isFinite(off) ? caption(t("rounding", { off: show(off, 2) })) : null;
  return [h("table", { class: "totals" }, h("tbody", {}, rows)), rounding];
}

// The panel of the sum.
function sumPanel(step, short, index, answer) {
  const symbol = targetSymbol(step, short);
  const role = roleOfSymbol(step, symbol);
  const heading = h("h3", {}, t("sum of"), " ", placed(symbol, role, index));
  if (answer.problem) {
    const numbers = readings(step, index);
    const why = h("p", {}, t(answer.problem.key, answer.problem.values));
    // Of a forward step that adds nothing up the numbers say enough.
    const said = step.phase === "forward" && numbers ? null : why;
    return h("section", { class: "panel sum", id: "sum" }, heading, said, numbers);
  }
  const { sum } = answer;
  const sources = sourcesOf(sum.terms);
  const manyMaps = sources.find((s) => s.leads.size > 1);
  const none = sum.terms.length ? null : h("p", {}, t("no terms"));
  return h(
    "section",
    { class: "panel sum", id: "sum" },
    heading,
    none,
    sum.terms.length ? termTable(step, sum.terms) : null,
    totals(sum),
    partialSums(sum.terms, manyMaps),
  );
}

// Where nothing is summed: what stands at the place in each array of that shape.
function readings(step, index) {
  const rows = arraysOf(step)
    .filter(
      ({ value }) => value.present && value.shape.length === index.length && value.holds(index),
    )
    .map(({ value, symbol }) => {
      const name = placed(symbol, roleInPhase(step, symbol), index);
      return row(name, ["= ", h("b", {}, exact(value.at(index)))], nameOf(value));
    });
  if (rows.length < 2) return null;
  return scrollingTable(t("readings"), rows);
}

// All arrays of a step with their symbols: [{value, symbol}].
function arraysOf(step) {
  const found = [];
  const add = (number, symbol) =>
    number !== null && symbol && found.push({ value: valueOf(number), symbol });
  if (step.phase === "update" || step.phase === "accumulate") {
    const [r] = step.results;
    if (step.phase === "update") add(step.inputs[0], "θ");
    if (step.phase === "update") add(step.inputs[1], "∂L/∂θ");
    for (const [name, number] of Object.entries(step.saved)) add(number, name);
    if (step.phase === "accumulate" && r.before !== null) add(r.before, t("grad before"));
    add(r.contribution, step.phase === "update" ? "θ′ − θ" : r.symbol);
    if (step.phase === "update") add(r.after, "θ′");
    else if (r.before !== null) add(r.after, t("grad after"));
    return found;
  }
  [...step.inputs, ...step.outputs].forEach((number, i) => add(number, step.symbols[i]));
  step.deltas.forEach((number, i) => i === 0 && add(number, "δ"));
  return found;
}

// Each entry of the map that is shown, of the shown sample alone: for gradients summed over samples.
function sampleReader(step, short) {
  const cache = new Map();
  return (index) => {
    const key = index.join();
    if (!cache.has(key)) {
      const terms = termsOf(step, short, index);
      cache.set(
        key,
        terms.reduce((sum, term) => sum + productOf(term), 0),
      );
    }
    return cache.get(key);
  };
}
