// Linear layers, sums and means, batch normalisation, cross-entropy.

FORWARD.Linear = (place, index) => {
  const [row, k] = [index.slice(0, -1), index.at(-1)];
  const [x, w] = [place.input(0), place.input(1)];
  const terms = range(w.kept[1]).map((i) => [factor("W", w, [k, i]), factor("x", x, [...row, i])]);
  return withBias(place, terms, k);
};

// All rows that are kept of an array (…, features): the samples, and what axes lie between.
function rowsKept(value) {
  if (value.kept.length === 1) return [[]];
  const [from, to] = value.samples;
  let rows = range(to - from).map((n) => [from + n]);
  for (const size of value.kept.slice(1, -1))
    rows = rows.flatMap((r) => range(size).map((k) => [...r, k]));
  return rows;
}

BACKWARD.Linear = (place, input, index) => {
  const { delta } = place;
  if (input === 0) {
    const [row, d] = [index.slice(0, -1), index.at(-1)];
    const w = place.input(1);
    return range(w.kept[0]).map((k) => [factor("δ", delta, [...row, k]), factor("W", w, [k, d])]);
  }
  const [k, d] = index;
  return rowsKept(delta).map((row) => {
    const term = [factor("δ", delta, [...row, k])];
    if (input === 1) term.push(factor("x", place.input(0), [...row, d]));
    return term;
  });
};

function reduction(place, _, index) {
  const { step, delta } = place;
  const { dims, keepdim } = step.attributes;
  const kept = keepdim
    ? index.map((k, axis) => (dims.includes(axis) ? 0 : k))
    : index.filter((_k, axis) => !dims.includes(axis));
  const term = [factor("δ", delta, kept)];
  if (step.operation === "Mean") {
    const count = product(dims.map((axis) => step.inputsShape(0)[axis]));
    term.push(constant("1/n", 1 / count));
  }
  return [term];
}
BACKWARD.Sum = reduction;
BACKWARD.Mean = reduction;

// x̂ at a place of x, of what may be stored as (N, C, H·W).
function normalizedAt(normalized, delta, index) {
  return normalized.array[delta.flat(index)];
}

BACKWARD.BatchNorm = (place, input, index) => {
  if (input > 0) return normParameter(place, input, index[0]);
  const { step, delta } = place;
  const normalized = place.saved("normalized");
  const c = index[1];
  const gamma = factor("γ", place.input(1), [c]);
  const deviation = constant("1/√(σ² + ε)", place.saved("inverse_std").array[c]);
  const first = [gamma, deviation, factor("δ", delta, index)];
  const [dbeta, dgamma] = [resultOf(step, "dbeta"), resultOf(step, "dgamma")];
  // With running statistics μ and σ² are constants; else every x of the channel moves them.
  if (step.attributes.running || !dbeta) return [first];
  const count = constant("1/M", 1 / step.attributes.count);
  const minusOne = constant("−1", -1);
  const hat = constant("x̂", normalizedAt(normalized, delta, index), index);
  const sum = (name, result) => constant(name, needed(result.contribution).array[c], [c]);
  return [
    first,
    [minusOne, gamma, deviation, count, sum("Σδ", dbeta)],
    [minusOne, gamma, deviation, count, hat, sum("Σδx̂", dgamma)],
  ];
};

function normParameter(place, input, c) {
  const { delta } = place;
  const normalized = place.saved("normalized");
  const [from, to] = delta.samples;
  const terms = [];
  const rest = delta.kept.slice(2);
  for (let n = from; n < to; n++) {
    for (let k = 0; k < product(rest); k++) {
      const at = delta.unflat(((n - from) * delta.kept[1] + c) * product(rest) + k);
      const term = [factor("δ", delta, at)];
      if (input === 1) term.push(constant("x̂", normalizedAt(normalized, delta, at), at));
      terms.push(term);
    }
  }
  return terms;
}

BACKWARD.CrossEntropy = (place, _, index) => {
  const { step, delta } = place;
  if (step.attributes.smoothing || !step.saved.shares) throw new CannotSay("no smoothing sum");
  const [n, k, ...rest] = index;
  const [shares, target] = [place.saved("shares"), place.saved("target")];
  let part = shares.at([n, ...rest]);
  if (step.attributes.reduction === "mean") part /= shares.stats.mean * shares.wholeSize;
  const upstream = factor("δ", delta, delta.shape.length ? [n, ...rest] : []);
  const weight = constant("1/N", part);
  const terms = [[upstream, weight, factor("softmax(z)", place.saved("probabilities"), index)]];
  if (target.at([n, ...rest]) === k && part) {
    terms.push([upstream, weight, constant("−onehot(t)", -1, index)]);
  }
  return terms;
};
