// Which role an array has in a step, and formulas whose symbols are coloured by role.

// What stands where: the roles of the inputs, in their order, then of the others.
const INPUT_ROLES = ["role-x", "role-w", "role-b"];

function roleOfInput(step, i) {
  return INPUT_ROLES[i] ?? "role-other";
}

function roleOfSymbol(step, symbol) {
  if (symbol.startsWith("∂L/∂") || symbol.startsWith("∂f/∂")) {
    return `${roleOfSymbol(step, symbol.slice(4))} gradient`;
  }
  if (symbol === "δ" || symbol.startsWith("δ_")) return "role-d";
  const same = (a, b) => a === b || a.toLowerCase() === b.toLowerCase();
  const inputs = step.symbols.slice(0, step.inputs.length);
  const at = inputs.findIndex((s) => same(s, symbol));
  if (at >= 0) return roleOfInput(step, at);
  const output = step.symbols[step.inputs.length];
  return output !== undefined && same(output, symbol) ? "role-z" : "role-other";
}

// The role of a letter in an equation, which may write the arrays otherwise than the step does.
function roleOfLetter(step, letter) {
  const role = roleOfSymbol(step, letter);
  if (role !== "role-other") return role;
  const two = step.symbols[0] === "x₁";
  if (letter === "x" || letter === "X")
    return two || step.inputs.length === 1 ? "role-x" : "role-other";
  if (two && letter === "y") return "role-w";
  return "yzYZ".includes(letter) && step.inputs.length ? "role-z" : "role-other";
}

function colourFormula(root, step) {
  for (const element of root.querySelectorAll("[data-s]")) {
    element.setAttribute("class", `symbol ${roleOfLetter(step, element.getAttribute("data-s"))}`);
  }
  for (const element of root.querySelectorAll("[data-g]")) {
    // ∂L of what the layer gives is δ; ∂L of what it reads is its result.
    const role = roleOfLetter(step, element.getAttribute("data-g"));
    element.setAttribute("class", role === "role-z" ? "symbol role-d" : `symbol ${role} gradient`);
  }
}

// The MathML comes from the catalogue of equations and from the page's own texts, never from names.
function formula(mathml, step, plain) {
  const holder = h("div", { class: "formula", tabindex: "0", role: "math", "aria-label": plain });
  holder.innerHTML = mathml;
  colourFormula(holder, step);
  return holder;
}

function noteOf(equation) {
  return h("p", { lang: "en" }, equation.note, " ", h("cite", {}, equation.source));
}

function equationBlock(key, step) {
  const equation = RUN.equations[key];
  if (!equation) return h("p", { class: "equation" }, h("code", {}, key)); // a user's own
  return h(
    "div",
    { class: "equation" },
    h(
      "p",
      { class: "equation-title" },
      h("b", {}, t("equation n", { key })),
      ` · ${equationTitle(equation)}`,
    ),
    formula(equation.mathml, step, equation.plain),
    hasText(`about ${key}`) ? h("p", { class: "caption" }, t(`about ${key}`)) : null,
    equation.note && h("details", {}, h("summary", {}, t("note")), noteOf(equation)),
  );
}
