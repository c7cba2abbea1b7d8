// Products of matrices and vectors: every entry is a row times a column.

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

// The axes of a batch of matrices, without the rows and columns.
function batchAxes(shape) {
  return shape.slice(0, -2);
}

FORWARD.Matmul = (place, index) => {
  const batch = batchAxes(index);
  const [r, c] = index.slice(-2);
  const [a, b] = [place.input(0), place.input(1)];
  const [ofA, ofB] = [a, b].map((value) => shownAt(batchAxes(value.shape), batch));
  return range(a.shape.at(-1)).map((k) => [
    factor("A", a, [...ofA, r, k]),
    factor("B", b, [...ofB, k, c]),
  ]);
};

BACKWARD.Matmul = (place, input, index) => {
  const { delta } = place;
  const { shape } = delta;
  const [aShape, bShape] = [place.step.inputsShape(0), place.step.inputsShape(1)];
  const samples = delta.batched ? delta.samples : null;
  if (input === 0) {
    // δ has the rows of A, and so of a batch that lies along them, too.
    const b = place.input(1);
    const rows = [shape.slice(0, -1), aShape.slice(0, -1), index.slice(0, -1)];
    return broadcastPlaces(...rows, samples).flatMap((out) => {
      const at = shownAt(batchAxes(bShape), out.slice(0, -1));
      return range(shape.at(-1)).map((c) => [
        factor("δ", delta, [...out, c]),
        factor("B", b, [...at, index.at(-1), c]),
      ]);
    });
  }
  const a = place.input(0);
  const [k, c] = index.slice(-2);
  const alongRows = samples !== null && shape.length === 2;
  const rows = alongRows ? range(samples[1]).slice(samples[0]) : range(shape.at(-2));
  const matrices = [batchAxes(shape), batchAxes(bShape), batchAxes(index)];
  return broadcastPlaces(...matrices, alongRows ? null : samples).flatMap((out) => {
    const at = shownAt(batchAxes(aShape), out);
    return rows.map((r) => [factor("A", a, [...at, r, k]), factor("δ", delta, [...out, r, c])]);
  });
};

FORWARD.Dot = (place) => {
  const [a, b] = [place.input(0), place.input(1)];
  return range(a.shape[0]).map((k) => [factor("A", a, [k]), factor("B", b, [k])]);
};

BACKWARD.Dot = (place, input, index) => [
  [factor("δ", place.delta, []), factor("BA"[input], place.input(1 - input), index)],
];
