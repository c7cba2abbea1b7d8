// Operations in which an entry of the output depends on one entry of each input, and operations that
// only move entries. The chain rule is δ · f'(x) at the same place; where an input was broadcast,
// its gradient is the sum over all places that it went to.

const SAME = ["Add", "Clone", "Cast"]; // f' is 1 everywhere

// f' with respect to input i at an output place, as [value, number of the array it is read off].
const SLOPES = {
  ReLU: (place, _, at) => [place.input(0).at(at) > 0 ? 1 : 0, place.input(0).number],
  Tanh: (place, _, at) => [1 - place.saved("y").at(at) ** 2, place.saved("y").number],
  Sigmoid: (place, _, at) => {
    const y = place.saved("y").at(at);
    return [y * (1 - y), place.saved("y").number];
  },
  Neg: () => [-1, null],
  Sub: (_, i) => [i === 0 ? 1 : -1, null],
  Mul: (place, i, at) => {
    const other = place.input(1 - i);
    return [other.at(shownAt(other, at)), other.number];
  },
  Dropout: (place, _, at) => {
    const [mask, p] = [place.saved("mask"), place.option("p")];
    return [mask.at(shownAt(mask, at)) / (p < 1 ? 1 - p : 1), mask.number];
  },
};

// The place in a broadcast array that output place `at` shows.
function shownAt(value, at) {
  const skipped = at.length - value.shape.length;
  return value.shape.map((size, axis) => (size === 1 && !value.batched ? 0 : at[axis + skipped]));
}

function slopeName(step, i) {
  if (step.operation === "Mul") return step.inputs.length === 2 ? step.symbols[1 - i] : "c";
  return step.operation === "Dropout" ? "m/(1 − p)" : "f'";
}

// All places of the output that entry `index` of input i is broadcast to; kept samples only.
function broadcastTo(place, i, index) {
  const output = valueOf(place.step.outputs[0]);
  const shape = place.step.inputsShape(i);
  const own = [...Array(output.shape.length - index.length).fill(0), ...index];
  const sizes = [...Array(output.shape.length - shape.length).fill(1), ...shape];
  let places = [[]];
  output.shape.forEach((size, axis) => {
    const [from, to] = axis === 0 && output.batched ? place.delta.samples : [0, size];
    const along =
      sizes[axis] === size ? [own[axis]] : Array.from({ length: to - from }, (_, k) => from + k);
    places = places.flatMap((start) => along.map((k) => [...start, k]));
  });
  return places;
}

function elementwise(place, i, index) {
  const { step, delta } = place;
  const precomputed = step.slopes ? needed(step.slopes[i]) : null;
  return broadcastTo(place, i, index).map((at) => {
    const term = [factor("δ", delta, at)];
    if (SAME.includes(step.operation)) return term;
    if (precomputed) term.push(factor(slopeName(step, i), precomputed, at));
    else {
      const [value, from] = SLOPES[step.operation](place, i, at);
      // The array that f' is read off may be smaller than the output: it has a place of its own.
      const source = valueOf(from);
      const shown =
        source && source.kept.length && source.shape.length < at.length ? shownAt(source, at) : at;
      term.push({ symbol: slopeName(step, i), index: at, value, from, shown });
    }
    return term;
  });
}

// Reshaping: entries keep their order, so also their place in the flat array.
function reshaped(place, _, index) {
  const input = valueOf(place.step.inputs[0]);
  const { delta } = place;
  let at = 0;
  index.forEach((k, axis) => (at = at * input.shape[axis] + k));
  const found = [];
  for (let axis = delta.shape.length - 1; axis >= 0; axis--) {
    found[axis] = at % delta.shape[axis];
    at = Math.floor(at / delta.shape[axis]);
  }
  return delta.holds(found) ? [[factor("δ", delta, found)]] : [];
}

// Everything else that moves: the page has, for each output place, the number of what it shows.
function moved(place, i, index) {
  const { step, delta } = place;
  const shown = needed(step.moved).array;
  let wanted = 0;
  index.forEach((k, axis) => (wanted = wanted * step.inputsShape(i)[axis] + k));
  wanted += step.starts[i];
  const terms = [];
  shown.forEach((number, at) => {
    if (number === wanted) terms.push([factor("δ", delta, delta.unflat(at))]);
  });
  return terms;
}

function generalRule(step) {
  if (step.operation === "View" || step.operation === "Reshape") return reshaped;
  if (step.moved !== undefined) return moved;
  if (step.slopes || SAME.includes(step.operation) || SLOPES[step.operation]) return elementwise;
  return null;
}
