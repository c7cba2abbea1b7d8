// Convolution and transposed convolution. With s, p, d for stride, padding and dilation, the window
// of output place i begins at i·s − p, and its entry u looks at i·s − p + u·d. The three sums of a
// convolution run over this one relation: by output place, by input place, by kernel entry. A
// transposed convolution is the same with input and output swapped.

function windowOptions(place) {
  const [s, p, d] = ["stride", "padding", "dilation"].map((name) => place.option(name));
  return { s, p, d, groups: place.option("groups") };
}

// Pairs [output place, kernel entry] along one axis whose windows look at input place `at`.
function windowsAt(size, kernel, at, stride, padding, dilation) {
  const found = [];
  for (let u = 0; u < kernel; u++) {
    const start = at + padding - u * dilation;
    if (start >= 0 && start % stride === 0 && start / stride < size)
      found.push([start / stride, u]);
  }
  return found;
}

// Σ over all windows that saw the place: source · W.
function sumAtInput(place, source, weight, [n, d, y, x], names) {
  const o = windowOptions(place);
  const maps = source.kept[1];
  const [, perGroup, height, width] = weight.kept;
  const group = Math.floor(d / perGroup);
  const mapsPerGroup = maps / o.groups;
  const rows = windowsAt(source.kept[2], height, y, o.s[0], o.p[0], o.d[0]);
  const columns = windowsAt(source.kept[3], width, x, o.s[1], o.p[1], o.d[1]);
  const terms = [];
  for (let p = group * mapsPerGroup; p < (group + 1) * mapsPerGroup; p++) {
    for (const [i, u] of rows) {
      for (const [j, v] of columns) {
        terms.push([
          factor(names[0], source, [n, p, i, j]),
          factor(names[1], weight, [p, d % perGroup, u, v]),
        ]);
      }
    }
  }
  return terms;
}

// Σ over the window of an output place: W · source.
function sumAtOutput(place, source, weight, [n, p, i, j], names) {
  const o = windowOptions(place);
  const [maps, perGroup, height, width] = weight.kept;
  const first = Math.floor(p / (maps / o.groups)) * perGroup;
  const terms = [];
  for (let d = 0; d < perGroup; d++) {
    for (let u = 0; u < height; u++) {
      for (let v = 0; v < width; v++) {
        const at = [
          n,
          first + d,
          i * o.s[0] - o.p[0] + u * o.d[0],
          j * o.s[1] - o.p[1] + v * o.d[1],
        ];
        if (source.holds(at))
          terms.push([factor(names[1], weight, [p, d, u, v]), factor(names[0], source, at)]);
      }
    }
  }
  return terms;
}

// Σ over samples and places of the small array `narrow`: narrow · wide.
function sumAtWeight(place, narrow, wide, [p, d, u, v], names) {
  const o = windowOptions(place);
  const perGroup = wide.kept[1] / o.groups;
  const first = Math.floor(p / (narrow.kept[1] / o.groups)) * perGroup;
  const [from, to] = narrow.samples;
  const terms = [];
  for (let n = from; n < to; n++) {
    for (let i = 0; i < narrow.kept[2]; i++) {
      for (let j = 0; j < narrow.kept[3]; j++) {
        const at = [
          n,
          first + d,
          i * o.s[0] - o.p[0] + u * o.d[0],
          j * o.s[1] - o.p[1] + v * o.d[1],
        ];
        if (wide.holds(at))
          terms.push([factor(names[0], narrow, [n, p, i, j]), factor(names[1], wide, at)]);
      }
    }
  }
  return terms;
}

// ∂L/∂b: δ added up over samples and places.
function sumOfDelta(place, [p]) {
  const delta = place.delta;
  const [from, to] = delta.samples;
  const terms = [];
  for (let n = from; n < to; n++) {
    for (let i = 0; i < delta.kept[2]; i++) {
      for (let j = 0; j < delta.kept[3]; j++) terms.push([factor("δ", delta, [n, p, i, j])]);
    }
  }
  return terms;
}

function withBias(place, terms, p) {
  if (place.step.inputs.length > 2) terms.push([factor("b", place.input(2), [p])]);
  return terms;
}

FORWARD.Conv2d = (place, index) =>
  withBias(place, sumAtOutput(place, place.input(0), place.input(1), index, ["X", "W"]), index[1]);

BACKWARD.Conv2d = (place, input, index) => {
  if (input === 0) return sumAtInput(place, place.delta, place.input(1), index, ["δ", "W"]);
  if (input === 1) return sumAtWeight(place, place.delta, place.input(0), index, ["δ", "X"]);
  return sumOfDelta(place, index);
};

FORWARD.ConvTranspose2d = (place, index) =>
  withBias(place, sumAtInput(place, place.input(0), place.input(1), index, ["X", "W"]), index[1]);

BACKWARD.ConvTranspose2d = (place, input, index) => {
  if (input === 0) return sumAtOutput(place, place.delta, place.input(1), index, ["δ", "W"]);
  if (input === 1) return sumAtWeight(place, place.input(0), place.delta, index, ["X", "δ"]);
  return sumOfDelta(place, index);
};
