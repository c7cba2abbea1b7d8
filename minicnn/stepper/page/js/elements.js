// Making elements. Text is only ever set as text, so no name in a run can become markup.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, text);
}

// A link to another step.
function stepLink(number, text = null) {
  return button(text ?? t("step n", { n: number }), () => go(number), {
    class: "link",
    "data-step": number,
  });
}

function symbolText(symbol, role) {
  return h("span", { class: `symbol ${role}` }, symbol);
}

// A row of a table, a cell for each argument.
function row(...cells) {
  return h(
    "tr",
    {},
    cells.map((cell) => h("td", {}, cell)),
  );
}

function rowOf(kind, ...cells) {
  const made = row(...cells);
  if (kind) made.className = kind;
  return made;
}

// A table that scrolls where it is too wide or too long.
function scrollingTable(label, rows) {
  const table = h("table", { class: "terms" }, h("tbody", {}, rows));
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, table);
}

// ∂L/∂X[0,1,2,3], in the colour of what it is.
function placed(symbol, role, index) {
  return h("span", { class: `factor ${role}` }, symbol, h("sub", {}, place(index)));
}

function caption(text) {
  return h("p", { class: "caption" }, text);
}

// A few buttons of which one is chosen: options are pairs [name, content].
function choice(label, key, options, chosen, choose) {
  const buttons = options.map(([name, content]) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(name === chosen),
        "data-key": `${key} ${name}`,
        onclick: () => choose(name),
      },
      content,
    ),
  );
  return h(
    "div",
    { class: `choice ${key}`, role: "group", "aria-label": label },
    h("span", {}, label),
    buttons,
  );
}
