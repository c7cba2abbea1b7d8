// Normalisation: x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, over whatever shares a μ and a σ². The M
// values that share them are a channel of the whole batch in BatchNorm, and lie one after the other
// in the other norms: the last axes of a sample, a group of its channels, or one channel.

// The number of a place in an array of that shape, in row-major order.
function numberIn(shape, index) {
  return index.reduce((number, k, axis) => number * shape[axis] + k, 0);
}

// Entry `at` of the flat array, or the page says that it is not here.
function entryOf(value, at) {
  const found = value.array[at];
  if (found === undefined) throw new CannotSay("sum left out", { name: nameOf(value) });
  return found;
}

// γ and β at a place of x: one for each channel, in LayerNorm for each place of a sample.
function normParameters(place, index) {
  const axes = place.step.inputsShape(1).length;
  const at = place.step.operation === "LayerNorm" ? index.slice(index.length - axes) : [index[1]];
  return [factor("γ", place.input(1), at), factor("β", place.input(2), at)];
}

// Which μ and σ² a place of x has: their number in row-major order, and how to write it.
function normSharing(place, index) {
  const { step } = place;
  const { count, running, view } = step.attributes;
  if (step.operation === "BatchNorm" || running) return [index[1], [index[1]]];
  const number = Math.floor(numberIn(step.inputsShape(0), index) / count);
  if (step.operation === "LayerNorm")
    return [number, index.slice(0, index.length - step.inputsShape(1).length)];
  return [number, [index[0], number % view[1]]];
}

function oneOverDeviation(place, index) {
  const [number] = normSharing(place, index);
  return constant("1/√(σ² + ε)", entryOf(place.saved("inverse_std"), number));
}

// Where an array with the entries of x, maybe in another shape, begins: at the sample that is kept.
function startOf(place, value) {
  return value.offset * product(place.step.inputsShape(0).slice(1));
}

function xHat(place, index) {
  const normalized = place.saved("normalized");
  const at = numberIn(place.step.inputsShape(0), index) - startOf(place, normalized);
  return constant("x̂", entryOf(normalized, at), index);
}

function normForward(place, index) {
  const [gamma, beta] = normParameters(place, index);
  const deviation = oneOverDeviation(place, index);
  const [number, at] = normSharing(place, index);
  const mean = constant("μ", entryOf(place.saved("mean"), number), at);
  return [
    [gamma, deviation, factor("x", place.input(0), index)],
    [constant("−1", -1), gamma, deviation, mean],
    [beta],
  ];
}

BACKWARD.BatchNorm = (place, input, index) => {
  if (input > 0) return normParameterGradient(place, input, index);
  const c = index[1];
  const [gamma] = normParameters(place, index);
  const deviation = oneOverDeviation(place, index);
  const first = [gamma, deviation, factor("δ", place.delta, index)];
  // With running statistics μ and σ² are constants; else every x of the channel moves them.
  if (place.option("running")) return [first];
  const [sum, withHat] = channelSums(place, c);
  const shared = [constant("−1", -1), gamma, deviation, constant("1/M", 1 / place.option("count"))];
  return [
    first,
    [...shared, constant("Σδ", sum, [c])],
    [...shared, xHat(place, index), constant("Σδx̂", withHat, [c])],
  ];
};

// Σ δ and Σ δ x̂ over a channel and the whole batch: ∂L/∂β and ∂L/∂γ, where they were wanted.
function channelSums(place, c) {
  const { step, delta } = place;
  const results = ["dbeta", "dgamma"].map((short) => resultOf(step, short));
  if (results.every((r) => r && valueOf(r.contribution).present))
    return results.map((r) => valueOf(r.contribution).array[c]);
  if (delta.size !== delta.wholeSize) throw new CannotSay("sum left out", { name: nameOf(delta) });
  let [sum, withHat] = [0, 0];
  for (const at of channelPlaces(delta, c)) {
    sum += delta.at(at);
    withHat += delta.at(at) * xHat(place, at).value;
  }
  return [sum, withHat];
}

// The kept places of a channel.
function channelPlaces(delta, c) {
  const [from, to] = delta.samples;
  const rest = product(delta.kept.slice(2));
  return range(to - from).flatMap((n) =>
    range(rest).map((k) => delta.unflat((n * delta.kept[1] + c) * rest + k)),
  );
}

// g = γ ⊙ δ:  (g − mean(g) − x̂ mean(g ⊙ x̂)) / √(σ² + ε)
function normBackward(place, input, index) {
  if (input > 0) return normParameterGradient(place, input, index);
  const [gamma] = normParameters(place, index);
  const deviation = oneOverDeviation(place, index);
  const first = [gamma, deviation, factor("δ", place.delta, index)];
  if (place.option("running")) return [first];
  const [number, at] = normSharing(place, index);
  const [sum, withHat] = sumsOfG(place, number);
  const shared = [constant("−1", -1), deviation, constant("1/M", 1 / place.option("count"))];
  return [
    first,
    [...shared, constant("Σg", sum, at)],
    [...shared, xHat(place, index), constant("Σgx̂", withHat, at)],
  ];
}

// Σ g and Σ g x̂ over the M places that share the statistics with that number.
function sumsOfG(place, number) {
  const { step, delta } = place;
  step.sumsOfG ??= new Map();
  if (!step.sumsOfG.has(number)) {
    const count = place.option("count");
    let [sum, withHat] = [0, 0];
    for (let k = 0; k < count; k++) {
      const own = number * count + k - startOf(place, delta);
      entryOf(delta, own); // where one sample alone is kept, it may not hold all of them
      const at = delta.unflat(own);
      const [gamma] = normParameters(place, at);
      const g = gamma.value * delta.array[own];
      sum += g;
      withHat += g * xHat(place, at).value;
    }
    step.sumsOfG.set(number, [sum, withHat]);
  }
  return step.sumsOfG.get(number);
}

// ∂L/∂γ = Σ δ x̂ and ∂L/∂β = Σ δ, over the kept places that the parameter went to.
function normParameterGradient(place, input, index) {
  const { step, delta } = place;
  let places = [];
  if (step.operation === "LayerNorm") {
    const lead = delta.shape.slice(0, delta.shape.length - index.length);
    places = combinations(lead.map(range)).map((before) => [...before, ...index]);
    places = places.filter((at) => delta.holds(at));
  } else places = channelPlaces(delta, index[0]);
  return places.map((at) => {
    const term = [factor("δ", delta, at)];
    if (input === 1) term.push(xHat(place, at));
    return term;
  });
}

FORWARD.BatchNorm = normForward;
for (const name of ["LayerNorm", "GroupNorm", "InstanceNorm"]) {
  FORWARD[name] = normForward;
  BACKWARD[name] = normBackward;
}

// s^exponent at a place, s = k + α Σ a² over neighbouring channels.
function powerOfS(place, at, exponent, name) {
  return constant(name, factor("s", place.saved("s"), at).value ** exponent, at);
}

FORWARD.LocalResponseNorm = (place, index) => [
  [factor("a", place.input(0), index), powerOfS(place, index, -place.option("beta"), "s^(−β)")],
];

BACKWARD.LocalResponseNorm = (place, _, index) => {
  const { delta } = place;
  const { alpha, beta, before, after } = place.step.attributes;
  const a = place.input(0);
  const terms = [[factor("δ", delta, index), powerOfS(place, index, -beta, "s^(−β)")]];
  // Channel j looks at j − before … j + after.
  const last = Math.min(index[1] + before, a.shape[1] - 1);
  for (let j = Math.max(index[1] - after, 0); j <= last; j++) {
    const at = index.with(1, j);
    terms.push([
      constant("−2αβ", -2 * alpha * beta),
      factor("a", a, index),
      factor("δ", delta, at),
      factor("a", a, at),
      powerOfS(place, at, -beta - 1, "s^(−β−1)"),
    ]);
  }
  return terms;
};
