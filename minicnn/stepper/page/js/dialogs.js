// Search among the steps, and help.

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0; // the focus is on the button at the end, which the browser scrolls to
  return dialog;
}

// What a step is called.
function calledText(step) {
  return `${step.number} ${stepTitle(step)} ${phaseName(step.phase)} ${step.phase}`.toLowerCase();
}

// What a step can be found by.
function searchText(step) {
  const source = step.source ? `${step.source[0]}:${step.source[1]} ${step.source[2]}` : "";
  const names = step.results.map((r) => `${r.destination} ${r.symbol} ${r.short}`).join(" ");
  return `${calledText(step)} ${names} ${source}`.toLowerCase();
}

function matches(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = STEPS.filter((step) => words.every((word) => searchText(step).includes(word)));
  // Steps that are called so come before those in which the words only occur: conv2 is in conv2d.
  const called = (step) => {
    const names = calledText(step).split(/[\s·]+/);
    return words.every((word) => names.includes(word));
  };
  return [...found.filter(called), ...found.filter((step) => !called(step))];
}

const MOST_FOUND = 60;

function renderSearch() {
  const found = matches(document.getElementById("search-input").value);
  const list = document.getElementById("search-results");
  const row = (step) => {
    const where = step.source ? h("small", {}, step.source[2]) : null;
    const open = () => {
      document.getElementById("search").close();
      go(step.number);
    };
    const label = [h("b", {}, step.number), " ", phaseChip(step), ` ${stepTitle(step)} `, where];
    return h("li", {}, h("button", { type: "button", onclick: open }, label));
  };
  list.replaceChildren(...found.slice(0, MOST_FOUND).map(row));
  document.getElementById("search-count").textContent = t("found", { n: found.length });
}

function openSearch() {
  openDialog("search");
  const input = document.getElementById("search-input");
  input.select();
  input.focus();
  renderSearch();
}

function renderHelp() {
  const keys = [
    ["← →", "key steps"],
    ["Home End", "key ends"],
    ["Shift + ← → ↑ ↓", "key window"],
    ["Tab", "key tab"],
    ["Enter", "key enter"],
    ["/", "key search"],
    ["g", "key view"],
    ["o", "key overview"],
    ["?", "key help"],
    ["Esc", "key close"],
  ];
  const words = ["δ", "∂L/∂W", "⊗", "⊗~", "⊙", "rot180", "up", "∗", "↑ s", "r", "Σ", "p, d", "l"];
  document.getElementById("help-body").replaceChildren(
    h("h3", {}, t("keys")),
    h(
      "dl",
      { class: "keys" },
      keys.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(text))]),
    ),
    h("h3", {}, t("glossary")),
    h(
      "dl",
      {},
      words.flatMap((word) => [h("dt", {}, word), h("dd", {}, t(`word ${word}`))]),
    ),
    h("h3", {}, t("colours")),
    h("p", {}, t("legend")),
    h("ul", { class: "roles" }, ["x", "w", "b", "z", "d"].map(roleInHelp)),
    h("p", {}, t("role gradient")),
    h("h3", {}, t("numbers")),
    h("p", {}, t("numbers how")),
  );
}

function roleInHelp(role) {
  return h("li", {}, symbolText(t(`role ${role} sign`), `role-${role}`), " ", t(`role ${role}`));
}

function connectDialogs() {
  const input = document.getElementById("search-input");
  input.addEventListener("input", renderSearch);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") document.querySelector("#search-results button")?.click();
  });
  for (const close of document.querySelectorAll("dialog .close")) {
    close.addEventListener("click", () => close.closest("dialog").close());
  }
}
