// One step, whole: what happens, its equation, its source line, its arrays, and the sum behind one
// entry.

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
    return button(phaseName(phase), () => go(first.number), {
      class: `phase phase-${phase}`,
      "aria-current": here ? "true" : null,
      "data-key": `phase ${phase}`,
    });
  };
  const last = STEPS.length - 1;
  return h(
    "nav",
    { class: "bar-nav", "aria-label": t("steps") },
    button(`← ${t("previous")}`, () => go(step.number - 1), {
      disabled: step.number === 0,
      "data-key": "previous",
      id: "previous",
    }),
    h("span", { class: "count" }, t("step of", { n: step.number, last })),
    button(`${t("next")} →`, () => go(step.number + 1), {
      disabled: step.number === last,
      "data-key": "next",
      id: "next",
    }),
    h("span", { class: "phases", role: "group", "aria-label": t("phases") }, phases.map(jump)),
  );
}

function stepHead(step) {
  const kind = step.phase === "forward" ? "its backward" : "its forward";
  const other = step.pair === null ? null : stepLink(step.pair, t(kind, { n: step.pair }));
  const came = step.phase === "accumulate" ? arrivalsAt(step) : [];
  const links = came.map(({ step: { number: n } }) => [" ", stepLink(n, t("computed in", { n }))]);
  const stop = step.breakpoint ? ` ● ${t("breakpoint")} ` : null;
  return h(
    "header",
    { class: "head" },
    h("p", { class: "over-title" }, phaseChip(step), stop, other, links.flat()),
    h("h2", { id: "step-title", tabindex: "-1" }, stepTitle(step)),
    h("p", { class: "what" }, whatHappens(step)),
    sourceLine(step),
    optionsLine(step),
    step.note ? h("p", { class: "note" }, noteText(step.note)) : null,
  );
}

function phaseChip(step) {
  return h("span", { class: `chip phase-${step.phase}` }, phaseName(step.phase));
}

// A sentence on what the step does; the target's own if there is one.
function whatHappens(step) {
  if (step.phase !== "forward" && step.phase !== "backward") {
    const name = step.results[0] ? destinationName(step.results[0].destination) : "";
    return t(`what ${step.phase}`, { name, optimizer: step.operation });
  }
  const operation = step.operation.replace(/^Adaptive/, "");
  const kind = ACTIVATIONS.includes(operation) ? "activation" : "other";
  const own =
    state.short && state.short !== "out" ? `what backward ${operation} ${state.short}` : "";
  return firstText(own, `what ${step.phase} ${operation}`, `what ${step.phase} ${kind}`);
}

function sourceLine(step) {
  if (!step.source) return null;
  const [file, line, text] = step.source;
  return h(
    "p",
    { class: "source" },
    h("span", {}, `${file}:${line}`),
    h("code", {}, text || t("no source")),
  );
}

const HIDDEN_OPTIONS = [
  "view",
  "axes",
  "parameters",
  "statistics",
  "shape",
  "w",
  "foreach",
  "fused",
  "differentiable",
  "out",
  "weight",
  "count",
  "running",
];

function optionsLine(step) {
  const shown = Object.entries(step.attributes).filter(
    ([name, value]) => !HIDDEN_OPTIONS.includes(name) && value !== null,
  );
  if (!shown.length) return null;
  const items = shown.map(([name, value]) => h("li", {}, `${name} = ${optionText(value)}`));
  return h("ul", { class: "options", "aria-label": t("options") }, items);
}

function optionText(value) {
  if (Array.isArray(value)) return value.map(optionText).join("×");
  return typeof value === "number" ? show(value) : String(unplain(value));
}

// Which gradient is looked at.
function targetTabs(step) {
  const targets = targetsOf(step);
  if (targets.length < 2) return null;
  const options = targets.map((short) => {
    const symbol = targetSymbol(step, short);
    const to = h("small", {}, ` → ${destinationName(resultOf(step, short).destination)}`);
    return [short, [symbolText(symbol, roleOfSymbol(step, symbol)), to]];
  });
  return choice(t("targets"), "target", options, state.short, chooseTarget);
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
  if (isScatter(step, short) && answer.sum)
    parts.push(scatterPanel(step, index, deltaPlace(terms)));
  else parts.push(lensPanel(step, short, index, focus));
  parts.push(sumPanel(step, short, index, answer));
  if (short !== "out" && answer.sum?.recorded === 0) parts.push(zeroPanel(step, short, index));
  return parts;
}

function equationsOf(step, short) {
  const result = short && short !== "out" ? resultOf(step, short) : null;
  return result?.equation ? [result.equation] : step.equations.slice(0, 1);
}

// Eq. 1.16 or 1.17, which two neighbouring steps make up together.
function compositionBlock(step) {
  const c = step.composition;
  const {
    lower: l,
    upper,
    lowerName,
    upperName,
    activation: f,
    maps: d,
    upperMaps: p,
    first: n,
  } = c;
  const names = { l, upper, lower: lowerName, above: upperName, f, d, p, n };
  const key = t("equation n", { key: c.equation });
  return h(
    "div",
    { class: "equation composition" },
    h(
      "p",
      { class: "equation-title" },
      h("b", {}, key),
      ` · ${t("two steps")} `,
      stepLink(c.first),
      ` + ${t("this step")}`,
    ),
    formula(c.mathml, { ...step, symbols: [], inputs: [] }, c.text),
    h("p", { class: "caption" }, t(`composition ${c.equation}`, names)),
  );
}

function isScatter(step, short) {
  return (
    state.view === "scatter" &&
    step.operation === "Conv2d" &&
    step.phase === "backward" &&
    short === "dX"
  );
}

function viewChoice(step, short) {
  if (step.operation !== "Conv2d" || step.phase !== "backward" || short !== "dX") return null;
  const options = ["gather", "scatter"].map((which) => [which, t(`view ${which}`)]);
  const buttons = choice(t("views"), "view", options, state.view, (view) => update({ view }));
  buttons.append(caption(t(`view ${state.view} how`)));
  return buttons;
}

// ------------------------------------------------------------------ the rest

// Everything else that the step read, gave or kept.
function otherArrays(step) {
  if (step.phase !== "forward" && step.phase !== "backward") return null;
  const saved = Object.entries(step.saved).map(([symbol, number]) => ({
    value: valueOf(number),
    symbol,
  }));
  const list = [...arraysOf(step), ...saved];
  const seen = new Set();
  const others = list.filter(({ value }) => !seen.has(value.number) && seen.add(value.number));
  if (!others.length) return null;
  const summary = h("summary", {}, t("all arrays", { n: others.length }));
  const details = h("details", { class: "others-list", "data-key": "others" }, summary);
  // Only drawn once it is opened: a step with many arrays stays quick.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1)
      details.append(figuresOf(others, { ...step, phase: "forward" }));
  });
  return details;
}
