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
    return [other.at(shownAt(other.shape, at)), other.number];
  },
  Dropout: (place, _, at) => {
    const [mask, p] = [place.saved("mask"), place.option("p")];
    return [mask.at(shownAt(mask.shape, at)) / (p < 1 ? 1 - p : 1), mask.number];
  },
};

// The entry of an array of a smaller shape that is broadcast to a place of a larger one.
function shownAt(ownShape, at) {
  const skipped = at.length - ownShape.length;
  return ownShape.map((size, axis) => (size === 1 ? 0 : at[axis + skipped]));
}

function slopeName(step, i) {
  if (step.operation === "Mul") return step.inputs.length === 2 ? step.symbols[1 - i] : "c";
  return step.operation === "Dropout" ? "m/(1 − p)" : "f'";
}

// All combinations of one entry of each list.
function combinations(lists) {
  return lists.reduce((all, list) => all.flatMap((at) => list.map((k) => [...at, k])), [[]]);
}

// The places of a larger array that an entry of a smaller one is broadcast to; along the first axis
// only those from samples[0] to before samples[1], if given.
function broadcastPlaces(shape, ownShape, index, samples = null) {
  const missing = shape.length - ownShape.length;
  const axes = shape.map((size, axis) => {
    const own = axis - missing;
    const along = own >= 0 && ownShape[own] === size ? [index[own]] : range(size);
    return axis === 0 && samples
      ? along.filter((k) => k >= samples[0] && k < samples[1])
      : along;
  });
  return combinations(axes);
}

function elementwise(place, i, index) {
  const { step, delta } = place;
  const precomputed = step.slopes ? needed(step.slopes[i]) : null;
  const { shape, batched } = valueOf(step.outputs[0]);
  const samples = batched ? delta.samples : null;
  return broadcastPlaces(shape, step.inputsShape(i), index, samples).map((at) => {
    const term = [factor("δ", delta, at)];
    if (SAME.includes(step.operation)) return term;
    if (precomputed) term.push(factor(slopeName(step, i), precomputed, at));
    else {
      const [value, from] = SLOPES[step.operation](place, i, at);
      // The array that f' is read off may be smaller than the output: it has a place of its own.
      const source = valueOf(from);
      const shown =
        source && source.kept.length && source.shape.length < at.length ? shownAt(source.shape, at) : at;
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
