// The pictures behind the sums of a convolution. A sum over a *narrow* window reads the source under
// the kernel as it lies. A sum at an input place is *wide*: the source is prepared (zeros between
// its entries for the stride, r rows and columns after them, zeros around), and the kernel, spread by
// its dilation and rotated by 180°, slides over that; of the result the padding is cropped.

const REAL = 0,
  INSERTED = 1,
  APPENDED = 2,
  AROUND = 3;

// Which picture belongs to an array of a step: {kind, source, weight, sourceName}, or null.
function windowKind(step, short) {
  const forward = short === "out";
  const about = (kind, source, name) => ({
    kind,
    source: valueOf(source),
    weight: valueOf(step.inputs[1]),
    name,
  });
  if (step.operation === "Conv2d") {
    if (forward) return about("narrow", step.inputs[0], "X");
    if (short === "dX") return about("wide", step.deltas[0], "δ");
  }
  if (step.operation === "ConvTranspose2d") {
    if (forward) return about("wide", step.inputs[0], "X");
    if (short === "dX") return about("narrow", step.deltas[0], "δ");
  }
  return null;
}

// Sizes along one axis of a wide window: `size` of what is gained, `count` of the source.
function wideAxis(step, axis, size, count, kernel) {
  const [s, p, d] = ["stride", "padding", "dilation"].map((name) => step.attributes[name][axis]);
  const reach = (kernel - 1) * d + 1; // of the dilated kernel
  const spread = (count - 1) * s + 1; // of the source with zeros inserted
  const r = size + 2 * p - reach - (spread - 1); // rows that no window reached
  return { s, p, d, reach, spread, r, size, count, prepared: spread + r + 2 * (reach - 1) };
}

// What prepared row t is: [kind, row of the source].
function preparedRow(axis, at) {
  const k = at - (axis.reach - 1);
  if (k < 0 || k >= axis.spread + axis.r) return [AROUND, -1];
  if (k >= axis.spread) return [APPENDED, -1];
  return k % axis.s === 0 ? [REAL, k / axis.s] : [INSERTED, -1];
}

// The grids of a wide window for maps p (of the source) and d (of what is gained).
function wideGrids(step, about, gained, n, p, d) {
  const { source, weight } = about;
  const rows = wideAxis(step, 0, gained.kept[2], source.kept[2], weight.kept[2]);
  const columns = wideAxis(step, 1, gained.kept[3], source.kept[3], weight.kept[3]);
  const inGroup = d % weight.kept[1];
  const prepared = {
    rows: rows.prepared,
    columns: columns.prepared,
    at(y, x) {
      const [[a, i], [b, j]] = [preparedRow(rows, y), preparedRow(columns, x)];
      const kind = Math.max(a, b);
      return {
        kind,
        value: kind === REAL ? source.at([n, p, i, j]) : 0,
        index: kind === REAL ? [n, p, i, j] : null,
      };
    },
  };
  const rotated = {
    rows: rows.reach,
    columns: columns.reach,
    at(y, x) {
      const [u, v] = [rows.reach - 1 - y, columns.reach - 1 - x];
      const real = u % rows.d === 0 && v % columns.d === 0;
      const index = [p, inGroup, u / rows.d, v / columns.d];
      return {
        kind: real ? REAL : INSERTED,
        value: real ? weight.at(index) : 0,
        index: real ? index : null,
      };
    },
  };
  return { rowAxis: rows, columnAxis: columns, prepared, rotated };
}

// The three grids of the sum at one place: what lies under the window, the kernel, the products.
// Narrow: p is the map of the result, d that of the source. Wide: the other way round.
function lensGrids(step, short, index, p, d) {
  const about = windowKind(step, short);
  if (!about || !about.source?.present || !about.weight.present) return null;
  const [n, , y, x] = index;
  let under, kernel;
  if (about.kind === "wide") {
    const gained = valueOf(short === "out" ? step.outputs[0] : resultOf(step, short).contribution);
    const grids = wideGrids(step, about, gained, n, p, d);
    const [top, left] = [y + grids.rowAxis.p, x + grids.columnAxis.p];
    kernel = grids.rotated;
    under = {
      rows: kernel.rows,
      columns: kernel.columns,
      at: (a, b) => grids.prepared.at(top + a, left + b),
    };
  } else {
    const o = step.attributes;
    const { source, weight } = about;
    const [, , rows, columns] = weight.kept;
    kernel = {
      rows,
      columns,
      at: (u, v) => ({ kind: REAL, value: weight.at([p, d % weight.kept[1], u, v]) }),
    };
    under = {
      rows,
      columns,
      at(u, v) {
        const row = y * o.stride[0] - o.padding[0] + u * o.dilation[0];
        const column = x * o.stride[1] - o.padding[1] + v * o.dilation[1];
        const at = [n, d, row, column];
        return source.holds(at) ? { kind: REAL, value: source.at(at) } : { kind: AROUND, value: 0 };
      },
    };
  }
  const products = {
    rows: kernel.rows,
    columns: kernel.columns,
    at(a, b) {
      const [one, other] = [under.at(a, b), kernel.at(a, b)];
      return {
        kind: Math.max(one.kind, other.kind),
        value: one.kind || other.kind ? 0 : one.value * other.value,
      };
    },
  };
  return { about, under, kernel, products };
}

// Where one δ goes: what it adds to which places of ∂L/∂X, map d.
function scattered(step, [n, p, i, j], d) {
  const o = step.attributes;
  const [weight, delta] = [valueOf(step.inputs[1]), valueOf(step.deltas[0])];
  const [, perGroup, height, width] = weight.kept;
  const [, , rows, columns] = valueOf(step.inputs[0]).shape;
  const found = [];
  for (let u = 0; u < height; u++) {
    for (let v = 0; v < width; v++) {
      const y = i * o.stride[0] - o.padding[0] + u * o.dilation[0];
      const x = j * o.stride[1] - o.padding[1] + v * o.dilation[1];
      const [a, b] = [delta.at([n, p, i, j]), weight.at([p, d % perGroup, u, v])];
      found.push({
        u,
        v,
        y,
        x,
        delta: a,
        weight: b,
        inside: y >= 0 && y < rows && x >= 0 && x < columns,
      });
    }
  }
  return found;
}

// The maps of δ that reach map d of the input: those of its group.
function mapsReaching(step, d) {
  const weight = valueOf(step.inputs[1]);
  const perGroup = weight.kept[0] / step.attributes.groups;
  const first = Math.floor(d / weight.kept[1]) * perGroup;
  return range(perGroup).map((k) => first + k);
}

// Map d of ∂L/∂X built the other way: every δ adds δ · W to the places its window saw.
function scatterMap(step, n, d) {
  const o = step.attributes;
  const [weight, delta] = [valueOf(step.inputs[1]), valueOf(step.deltas[0])];
  const [, perGroup, height, width] = weight.kept;
  const [, , rows, columns] = valueOf(step.inputs[0]).shape;
  const sums = new Float64Array(rows * columns);
  for (const p of mapsReaching(step, d)) {
    const from = delta.flat([n, p, 0, 0]);
    const kernel = weight.flat([p, d % perGroup, 0, 0]);
    for (let k = 0; k < delta.kept[2] * delta.kept[3]; k++) {
      const i = Math.floor(k / delta.kept[3]);
      const j = k % delta.kept[3];
      for (let u = 0; u < height; u++) {
        const y = i * o.stride[0] - o.padding[0] + u * o.dilation[0];
        if (y < 0 || y >= rows) continue;
        for (let v = 0; v < width; v++) {
          const x = j * o.stride[1] - o.padding[1] + v * o.dilation[1];
          if (x < 0 || x >= columns) continue;
          sums[y * columns + x] += delta.array[from + k] * weight.array[kernel + u * width + v];
        }
      }
    }
  }
  return sums;
}
