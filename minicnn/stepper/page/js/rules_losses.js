// Sums, means, softmax and the losses made of it.

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

// The places that share a softmax with `index`.
function alongSoftmax(place, index) {
  if (!index.length) return [[]];
  const axis = (place.option("dim") + index.length) % index.length;
  return range(place.step.inputsShape(0)[axis]).map((j) => index.with(axis, j));
}

// y_k δ_k − Σ_j y_k δ_j y_j
BACKWARD.Softmax = (place, _, index) => {
  const { delta, output: y } = place;
  const own = factor("y", y, index);
  const others = alongSoftmax(place, index).map((at) => [
    constant("−1", -1),
    own,
    factor("δ", delta, at),
    factor("y", y, at),
  ]);
  return [[own, factor("δ", delta, index)], ...others];
};

// δ_k − Σ_j exp(y_k) δ_j
BACKWARD.LogSoftmax = (place, _, index) => {
  const { delta } = place;
  const own = constant("exp(y)", Math.exp(factor("y", place.output, index).value), index);
  const others = alongSoftmax(place, index).map((at) => [
    constant("−1", -1),
    own,
    factor("δ", delta, at),
  ]);
  return [[factor("δ", delta, index)], ...others];
};

// δ of a sample's loss; the one δ, where the losses were added up or averaged.
function upstreamOf(place, n, rest) {
  return factor("δ", place.delta, place.delta.shape.length ? [n, ...rest] : []);
}

// share/N, N the sum of all samples' shares, the whole batch's; without N if not a mean.
function overN(place, share) {
  const shares = place.saved("shares");
  const mean = place.option("reduction") === "mean";
  return constant("1/N", mean ? share / (shares.stats.mean * shares.wholeSize) : share);
}

BACKWARD.CrossEntropy = (place, _, index) => {
  if (place.option("smoothing")) return smoothedCrossEntropy(place, index);
  const [n, k, ...rest] = index;
  const share = factor("", place.saved("shares"), [n, ...rest]).value;
  const target = factor("t", place.saved("target"), [n, ...rest]).value;
  const scale = [upstreamOf(place, n, rest), overN(place, share)];
  const terms = [[...scale, factor("softmax(z)", place.saved("probabilities"), index)]];
  if (target === k && share) terms.push([...scale, constant("−onehot(t)", -1, index)]);
  return terms;
};

// With q_k = (1 − ε) onehot(t)_k + ε/K and weights w: δ/N (softmax(z) Σ w q − w ⊙ q).
function smoothedCrossEntropy(place, index) {
  const [n, k, ...rest] = index;
  const epsilon = place.option("smoothing");
  const counted = factor("", place.saved("counted"), [n, ...rest]).value;
  const target = factor("t", place.saved("target"), [n, ...rest]).value;
  const scale = [upstreamOf(place, n, rest), overN(place, counted)];
  const spread = constant("ε/K", epsilon / place.step.inputsShape(0)[1]);
  const kept = constant("(1 − ε)", 1 - epsilon);
  const [ownWeight, sumWq] = [[], []]; // without weights each is 1
  if (place.step.saved.weight !== undefined) {
    const w = place.saved("weight");
    ownWeight.push(factor("w", w, [k]));
    const total = kept.value * w.array[target] + spread.value * w.array.reduce((a, b) => a + b, 0);
    sumWq.push(constant("Σwq", total, [n, ...rest]));
  }
  const softmax = factor("softmax(z)", place.saved("probabilities"), index);
  const terms = [[...scale, softmax, ...sumWq]];
  if (target === k && counted)
    terms.push([...scale, constant("−onehot(t)", -1, index), kept, ...ownWeight]);
  terms.push([constant("−1", -1), ...scale, spread, ...ownWeight]);
  return terms;
}

// For class probabilities q; with label smoothing (1 − ε) q + ε/K is in their place.
BACKWARD.SoftCrossEntropy = (place, input, index) => {
  const [n, k, ...rest] = index;
  const epsilon = place.option("smoothing");
  const shape = place.step.inputsShape(0);
  const share = place.option("reduction") === "mean" ? shape[1] / product(shape) : 1;
  const scale = [upstreamOf(place, n, rest), constant("1/N", share)];
  const weight = place.step.saved.weight === undefined ? null : place.saved("weight").array;
  const ownWeight = weight ? [constant("w", weight[k], [k])] : [];
  const kept = epsilon ? [constant("(1 − ε)", 1 - epsilon)] : [];
  const minusOne = constant("−1", -1);
  const logarithm = factor("ln softmax(z)", place.saved("y"), index);
  if (input === 1) return [[minusOne, ...scale, ...kept, ...ownWeight, logarithm]];
  const q = place.input(1);
  let total = 0;
  for (let j = 0; j < shape[1]; j++) {
    const smoothed = (1 - epsilon) * factor("q", q, [n, j, ...rest]).value + epsilon / shape[1];
    total += smoothed * (weight ? weight[j] : 1);
  }
  const softmax = constant("softmax(z)", Math.exp(logarithm.value), index);
  const terms = [
    [...scale, softmax, constant("Σwq", total, [n, ...rest])],
    [minusOne, ...scale, ...kept, ...ownWeight, factor("q", q, index)],
  ];
  if (epsilon) terms.push([minusOne, ...scale, constant("ε/K", epsilon / shape[1]), ...ownWeight]);
  return terms;
};
