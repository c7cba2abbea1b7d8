// Numbers as text.

const SUPERSCRIPTS = {
  "-": "⁻",
  0: "⁰",
  1: "¹",
  2: "²",
  3: "³",
  4: "⁴",
  5: "⁵",
  6: "⁶",
  7: "⁷",
  8: "⁸",
  9: "⁹",
};

function notFinite(value) {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "∞" : "−∞";
}

// Four digits that count; very large and very small ones as 1.234·10⁻⁵.
function show(value, digits = 4) {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [front, exponent] = value.toExponential(digits - 1).split("e");
    const power = [...String(Number(exponent))].map((c) => SUPERSCRIPTS[c]).join("");
    return `${minus(trim(front))}·10${power}`;
  }
  return minus(trim(value.toPrecision(digits)));
}

// As few digits as name this float32 and no other.
function exact(value) {
  if (!Number.isFinite(value)) return notFinite(value);
  for (let digits = 1; digits < 10; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === Math.fround(value)) return minus(String(Number(text)));
  }
  return minus(String(value));
}

// Into a cell: as short as can be.
function inCell(value) {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000 || size < 0.001) return minus(value.toExponential(0).replace("e+", "e"));
  return minus(trim(value.toPrecision(2)).replace(/^(-?)0\./, "$1."));
}

function trim(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function minus(text) {
  return text.replace(/-/g, "−");
}

// A factor in a product: negative ones in brackets.
function asFactor(value) {
  return value < 0 ? `(${show(value)})` : show(value);
}

function place(index) {
  return index === null || index.length === 0 ? "" : `[${index.join(",")}]`;
}

function shapeText(shape) {
  return shape.length ? shape.join(" × ") : t("a number");
}
