// The page's state, and what keys and controls do to it.

const state = {
  number: 0, // of the step
  short: null, // which of its results: "dX", …, or "out"
  index: null, // which entry of that
  deltaIndex: null, // which δ is scattered
  leads: new Map(), // number of an array → which of its maps was chosen last, "0,3"
  view: "gather",
  part: "total",
  allTerms: false,
  fan: null,
  direction: "backward",
};
const choices = new Map(); // number of a step → what was chosen there: {short, index}

// ------------------------------------------------------------------ going and choosing

function go(number, choice = null) {
  number = Math.min(Math.max(number, 0), STEPS.length - 1);
  const step = STEPS[number];
  const before = state.number;
  const targets = targetsOf(step);
  const kept = choice ?? choices.get(number);
  const short = kept?.short ?? targets[0] ?? null;
  Object.assign(state, {
    number,
    short,
    fan: null,
    deltaIndex: null,
    allTerms: false,
    part: "total",
  });
  state.index = kept?.index ?? firstPlace(step, short);
  if (step.pair !== null || step.phase === "forward")
    reveal(step.phase === "forward" ? step : STEPS[step.pair]);
  render();
  rememberInAddress();
  announce(
    `${t("step of", { n: number, last: STEPS.length - 1 })}: ${phaseName(step.phase)}, ${stepTitle(step)}`,
  );
  if (before !== number) showTop();
}

// Another step is read from its top.
function showTop() {
  const main = document.getElementById("step");
  if (main.getBoundingClientRect().top < 0) main.scrollIntoView();
}

function firstPlace(step, short) {
  if (short !== null) return startPlace(targetValue(step, short));
  return step.phase === "update" || step.phase === "accumulate"
    ? largestPlace(valueOf(step.results[0].contribution))
    : null;
}

function chooseTarget(short) {
  update({
    short,
    index: startPlace(targetValue(STEPS[state.number], short)),
    deltaIndex: null,
    part: "total",
    allTerms: false,
  });
}

// Change the state and show it.
function update(changes) {
  const { leads, ...rest } = changes;
  for (const [number, lead] of leads ?? []) state.leads.set(number, lead);
  // A cell outside of the array.
  if (rest.index === null && !("short" in rest)) delete rest.index;
  Object.assign(state, rest);
  choices.set(state.number, { short: state.short, index: state.index });
  renderStep();
  if ("direction" in rest) renderOverview();
}

// Look at another map of a source; the other sources follow, as far as one term reads both.
function chooseLead(number, lead, layoutOfDelta = null) {
  for (const other of [...state.leads.keys()]) if (other !== number) state.leads.delete(other);
  const changes = { leads: [[number, lead]] };
  if (layoutOfDelta) {
    const delta = valueOf(number);
    const at = layoutOfDelta.locate(
      deltaPlace(termsOf(STEPS[state.number], state.short, state.index)),
    );
    changes.deltaIndex = layoutOf(delta).index(leadList(lead), at.r, at.c);
  }
  update(changes);
}

// Scatter another δ.
function chooseDelta(value, at) {
  update({ deltaIndex: at, leads: [[value.number, layoutOf(value).locate(at).lead.join(",")]] });
}

// The window goes one cell on, from row to row over the edges; in the scatter view, the δ does.
function moveWindow(down, across) {
  const step = STEPS[state.number];
  const scatter = isScatter(step, state.short);
  const value = scatter ? valueOf(step.deltas[0]) : movedValue(step);
  if (!value?.present || !state.index) return;
  const from = scatter ? deltaPlace(termsOf(step, state.short, state.index)) : state.index;
  const layout = layoutOf(value);
  const { lead, r, c } = layout.locate(from);
  const within = (k, size) => Math.min(Math.max(k, 0), size - 1);
  const to = layout.index(lead, within(r + down, layout.rows), within(c + across, layout.columns));
  if (to === null) return;
  if (scatter) chooseDelta(value, to);
  else update({ index: to });
}

// The array in which the window's entry is chosen.
function movedValue(step) {
  return state.short ? targetValue(step, state.short) : valueOf(step.results[0]?.contribution);
}

// ------------------------------------------------------------------ rendering

function render() {
  renderStep();
  renderOverview();
}

// Replace what is inside an element, and leave the focus and what was opened as they were.
function keepingFocus(root, change) {
  const active = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = new Map(
    [...root.querySelectorAll("details[data-key]")].map((d) => [d.dataset.key, d.open]),
  );
  change(root);
  for (const details of root.querySelectorAll("details[data-key]")) {
    if (open.has(details.dataset.key)) details.open = open.get(details.dataset.key);
  }
  if (!active) return;
  const again = root.querySelector(`[data-key="${CSS.escape(active)}"]`);
  // A button that has gone or cannot be pressed any more: stay near it.
  if (again && !again.disabled) again.focus({ preventScroll: true });
  else document.getElementById("step-title")?.focus({ preventScroll: true });
}

function announce(text) {
  document.getElementById("live").textContent = text;
}

function renderTexts() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]"))
    element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]"))
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  if (RUN.title) document.getElementById("title").textContent = RUN.title;
  const about = [RUN.note, runFacts()].filter(Boolean).join(" ");
  document.getElementById("about-run").textContent = about;
  renderOmissions();
  renderHelp();
}

function runFacts() {
  const facts = { steps: STEPS.length, n: RUN.batch ?? 1, sample: RUN.sample };
  return t(RUN.sample === null || (RUN.batch ?? 1) === 1 ? "run facts" : "run facts sample", facts);
}

// Everything that is missing on the page, by its reason.
function renderOmissions() {
  const missing = VALUES.filter((value) => !value.present);
  const box = document.getElementById("omissions");
  box.hidden = missing.length === 0;
  if (!missing.length) return;
  const reasons = [...new Set(missing.map((v) => v.leftOut.why))];
  const parts = reasons.map((why) => {
    const n = missing.filter((v) => v.leftOut.why === why).length;
    return h("p", {}, t(`omitted ${why}`, { n, watch: RUN.watch.join(", ") }));
  });
  const items = missing.map((v) =>
    h("li", {}, `${nameOf(v)} (${shapeText(v.shape)}): ${whyLeftOut(v)}`),
  );
  const list = h("div", { class: "scroll tall", tabindex: "0" }, h("ul", {}, items));
  const summary = h("summary", {}, t("omissions", { n: missing.length, all: VALUES.length }));
  box.replaceChildren(h("details", {}, summary, parts, list));
}

// ------------------------------------------------------------------ address, language, theme

let addressTimer = null;

// A little later, and once for many steps: browsers allow only so many changes a second.
function rememberInAddress() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => {
    const address = new URLSearchParams({ step: state.number, lang: language });
    try {
      history.replaceState(null, "", `#${address}`);
    } catch {
      // Some viewers forbid it; the page works without.
    }
  }, 200);
}

function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}

function setLanguage(code) {
  language = LANGUAGES.includes(code) ? code : "en";
  document.getElementById("language").value = language;
  renderTexts();
  render();
  rememberInAddress();
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  measured.clear();
  renderStep();
}

function toggleOverview() {
  const overview = document.getElementById("overview");
  overview.open = !overview.open;
  if (!overview.open) return;
  const row = overview.querySelector("[aria-current]") ?? overview.querySelector(".row-name");
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

// ------------------------------------------------------------------ keys

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
    return;
  const { target } = event;
  const typing = target.matches?.("input, select, textarea");
  if (typing) return;
  const move = event.shiftKey ? ARROWS[event.key] : null;
  const action = move ? () => shiftArrow(target, move) : ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

// On a picture that is no result, the arrows move the cell that is read there.
function shiftArrow(target, [down, across]) {
  if (target.moveCell && !target.dataset.result) target.moveCell(down, across);
  else moveWindow(down, across);
}

const ACTIONS = {
  ArrowLeft: () => go(state.number - 1),
  ArrowRight: () => go(state.number + 1),
  Home: () => go(0),
  End: () => go(STEPS.length - 1),
  "/": openSearch,
  "?": () => openDialog("help"),
  g: () => update({ view: state.view === "gather" ? "scatter" : "gather" }),
  o: toggleOverview,
};

// ------------------------------------------------------------------ start

function start() {
  const address = readAddress();
  language = RUN.language ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  if (LANGUAGES.includes(address.get("lang"))) language = address.get("lang");
  document.getElementById("language").value = language;
  state.direction = STEPS.some((step) => step.phase === "backward") ? "backward" : "forward";
  connectDialogs();
  document
    .getElementById("language")
    .addEventListener("change", (event) => setLanguage(event.target.value));
  document.getElementById("theme").addEventListener("click", toggleTheme);
  document.getElementById("open-search").addEventListener("click", openSearch);
  document.getElementById("open-help").addEventListener("click", () => openDialog("help"));
  document.addEventListener("keydown", onKey);
  // On a phone, whoever comes for one step sees that first.
  if (document.documentElement.clientWidth < 900 && address.has("step")) {
    for (const id of ["guide", "overview"]) document.getElementById(id).open = false;
  }
  renderTexts();
  go(Number.parseInt(address.get("step") ?? "0", 10) || 0);
  window.addEventListener("hashchange", () => {
    const wanted = Number.parseInt(readAddress().get("step"), 10);
    if (Number.isInteger(wanted) && wanted !== state.number) go(wanted);
  });
  window.addEventListener("resize", () => {
    if (pageWidth() === document.documentElement.clientWidth) return;
    measured.clear();
    renderStep();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    measured.clear();
    renderStep();
  });
}

start();

// For whoever wants to ask the page from a console, and for the tests.
window.stepper = {
  state,
  go,
  update,
  steps: STEPS,
  values: VALUES,
  writtenOut,
  whyZero,
  scatterMap,
  targetsOf,
  setLanguage,
  missingTexts,
  ask,
  resultOf,
  lensGrids,
  nameOf,
  layoutOf,
  texts: TEXTS,
  startPlace,
};
