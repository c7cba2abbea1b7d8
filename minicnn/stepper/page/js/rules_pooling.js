// Pooling. Max pooling remembers for each window which pixel won (argmax, the pixel's number in its
// map) and sends δ there; mean pooling spreads it over the window.

function maxForward(place, [n, c, i, j]) {
  const x = place.input(0);
  const won = place.saved("argmax").at([n, c, i, j]);
  const width = x.kept[3];
  return [[factor("X", x, [n, c, Math.floor(won / width), won % width])]];
}

function maxBackward(place, _, [n, c, y, x]) {
  const { delta } = place;
  const argmax = place.saved("argmax");
  const wanted = y * place.step.inputsShape(0)[3] + x;
  const [, , height, width] = delta.kept;
  const terms = [];
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      if (argmax.at([n, c, i, j]) === wanted) terms.push([factor("δ", delta, [n, c, i, j])]);
    }
  }
  return terms;
}

// The window of output place i along one axis: its first and one past its last pixel inside of the
// map, and its length with the padding that counts.
function poolWindow(step, axis, i) {
  const size = step.inputsShape(0)[2 + axis];
  const o = step.attributes;
  if (!o.kernel) {
    // Adaptive: the map is cut into as many pieces as there are output places.
    const out = o.out[axis];
    const [first, end] = [Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)];
    return { first, end, length: end - first };
  }
  const begin = i * o.stride[axis] - o.padding[axis];
  const end = Math.min(begin + o.kernel[axis], size + o.padding[axis]);
  const inside = { first: Math.max(begin, 0), end: Math.min(end, size) };
  return { ...inside, length: o.count_include_pad ? end - begin : inside.end - inside.first };
}

function share(step, rows, columns) {
  return 1 / (step.attributes.divisor ?? rows.length * columns.length);
}

function meanForward(place, [n, c, i, j]) {
  const [rows, columns] = [poolWindow(place.step, 0, i), poolWindow(place.step, 1, j)];
  const terms = [];
  for (let y = rows.first; y < rows.end; y++) {
    for (let x = columns.first; x < columns.end; x++) {
      terms.push([
        factor("X", place.input(0), [n, c, y, x]),
        constant("1/k²", share(place.step, rows, columns)),
      ]);
    }
  }
  return terms;
}

function meanBackward(place, _, [n, c, y, x]) {
  const { delta, step } = place;
  const [, , height, width] = delta.kept;
  const terms = [];
  for (let i = 0; i < height; i++) {
    const rows = poolWindow(step, 0, i);
    if (y < rows.first || y >= rows.end) continue;
    for (let j = 0; j < width; j++) {
      const columns = poolWindow(step, 1, j);
      if (x < columns.first || x >= columns.end) continue;
      terms.push([factor("δ", delta, [n, c, i, j]), constant("1/k²", share(step, rows, columns))]);
    }
  }
  return terms;
}

function isMaxPool(step) {
  return step.operation === "MaxPool2d" || step.operation === "AdaptiveMaxPool2d";
}

// The pixels under the windows of output places, as places; null where the step pools no maxima.
function poolCells(step, windows) {
  if (!isMaxPool(step)) return null;
  return windows.flatMap(([n, c, i, j]) => {
    const columns = windowPixels(step, 1, j);
    return windowPixels(step, 0, i).flatMap((y) => columns.map((x) => [n, c, y, x]));
  });
}

// The rows (axis 0) or columns (axis 1) that window i covers, with the gaps of its dilation.
function windowPixels(step, axis, i) {
  const size = step.inputsShape(0)[2 + axis];
  const o = step.attributes;
  if (!o.kernel) {
    const { first, end } = poolWindow(step, axis, i);
    return range(end - first).map((k) => first + k);
  }
  const begin = i * o.stride[axis] - o.padding[axis];
  const pixels = range(o.kernel[axis]).map((k) => begin + k * (o.dilation?.[axis] ?? 1));
  return pixels.filter((y) => y >= 0 && y < size);
}

// The output places whose windows cover a pixel.
function windowsWith(step, [n, c, y, x]) {
  const [, , height, width] = VALUES[step.outputs[0]].shape;
  const rows = range(height).filter((i) => windowPixels(step, 0, i).includes(y));
  const columns = range(width).filter((j) => windowPixels(step, 1, j).includes(x));
  return rows.flatMap((i) => columns.map((j) => [n, c, i, j]));
}

for (const step of STEPS) step.inputsShape = (i) => VALUES[step.inputs[i]].shape;
for (const name of ["MaxPool2d", "AdaptiveMaxPool2d"]) {
  FORWARD[name] = maxForward;
  BACKWARD[name] = maxBackward;
}
for (const name of ["AvgPool2d", "AdaptiveAvgPool2d"]) {
  FORWARD[name] = meanForward;
  BACKWARD[name] = meanBackward;
}
