"use strict";
// Computes any number of a network's maps, in double precision, from the page's data: for each
// call of a layer its stages with their weights, and the maps that windows and sums read.
const network = (() => {
  const calls = JSON.parse(document.getElementById("cell-data").textContent);
  const decoded = new Map();

  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  function once(text, decode) {
    if (!decoded.has(text)) decoded.set(text, decode(text));
    return decoded.get(text);
  }

  const floats = (text) => once(text, (given) => new Float32Array(bytes(given).buffer));

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const flat = (place, shape) => place.reduce((index, k, axis) => index * shape[axis] + k, 0);

  function unravel(index, shape) {
    const place = [];
    for (const length of [...shape].reverse()) {
      place.unshift(index % length);
      index = Math.floor(index / length);
    }
    return place;
  }

  // A source has a shape and gives its number at a place.
  function sourceOf(call) {
    const { shape, data, pixels } = calls[call];
    if (data === undefined && pixels === undefined) return { shape, at: (at) => compute(call, at).value };
    const numbers = data === undefined ? once(pixels, bytes) : floats(data);
    return { shape, at: (place) => numbers[flat(place, shape)] };
  }

  // The number of a call at a place, with every stage that leads to it.
  function compute(call, place) {
    const links = [];
    let sources = calls[call].reads.map(sourceOf);
    for (const stage of calls[call].stages) {
      const read = sources;
      links.unshift({ stage, read });
      sources = [{ shape: stage.shape, at: (at) => apply(stage, read, at).value }];
    }
    const steps = [];
    let at = place;
    for (const { stage, read } of links) {
      if (stage.op === "reshape") at = unravel(flat(at, stage.shape), read[0].shape);
      else steps.unshift({ op: stage.op, stage, ...apply(stage, read, at) });
    }
    return { value: sources[0].at(place), steps };
  }

  // What one stage makes for a place.
  function apply(stage, sources, place) {
    const channel = place.at(-1);
    switch (stage.op) {
      case "convolution":
      case "transposed":
        return convolve(stage, sources[0], place);
      case "maximum":
      case "average":
        return pool(stage, sources[0], place);
      case "dense":
        return dense(stage, sources[0], channel);
      case "reshape":
        return { value: sources[0].at(unravel(flat(place, stage.shape), sources[0].shape)) };
      case "concatenation":
        return { value: concatenated(sources, place) };
      case "sum": {
        const terms = sources.map((source) => source.at(place));
        return { terms, value: sum(terms) };
      }
      case "softmax":
        return softmax(sources[0], place);
      default:
        return pointwise(stage, sources[0].at(place), channel);
    }
  }

  function concatenated(sources, place) {
    let channel = place.at(-1);
    for (const source of sources) {
      const length = source.shape.at(-1);
      if (channel < length) return source.at([...place.slice(0, -1), channel]);
      channel -= length;
    }
    return NaN;
  }

  function softmax(source, place) {
    const row = Array.from({ length: source.shape.at(-1) }, (_, k) => [...place.slice(0, -1), k]);
    const scores = row.map(source.at);
    const largest = Math.max(...scores);
    const total = sum(scores.map((score) => Math.exp(score - largest)));
    const x = scores[place.at(-1)];
    return { x, largest, total, value: Math.exp(x - largest) / total };
  }

  function pointwise(stage, x, channel) {
    if (stage.op === "bias") {
      const bias = floats(stage.values)[channel];
      return { x, bias, value: x + bias };
    }
    if (stage.op === "rescaling") {
      const [scale, offset] = [stage.scale, stage.offset].map((list) => list[channel % list.length]);
      return { x, scale, offset, value: x * scale + offset };
    }
    if (stage.op === "normalization") {
      const of = (text, otherwise) => (text ? floats(text)[channel] : otherwise);
      const { epsilon } = stage;
      const [mean, variance] = [of(stage.mean), of(stage.variance)];
      const [gamma, beta] = [of(stage.gamma, 1), of(stage.beta, 0)];
      const value = ((x - mean) / Math.sqrt(variance + epsilon)) * gamma + beta;
      return { x, mean, variance, epsilon, gamma, beta, value };
    }
    return { x, value: activations[stage.kind](x, stage.slope) };
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const activations = {
    relu: (x) => Math.max(x, 0),
    leaky_relu: (x, slope) => (x < 0 ? slope * x : x),
    sigmoid,
    tanh: Math.tanh,
    gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    silu: (x) => x * sigmoid(x),
  };

  // 2/√π · exp(−x²) · Σ 2^k x^(2k+1) / (1·3·…·(2k+1)): no term is negative, so nothing cancels.
  function erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x;
    let total = x;
    for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(total); k += 1) {
      term *= (2 * x * x) / (2 * k + 1);
      total += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
  }

  // The input cell under each cell of the window along an axis, -1 where there is none.
  function under(stage, axis, index, length) {
    return Array.from({ length: stage.kernel[axis] }, (_, k) => {
      const shift = k * stage.dilation[axis] - stage.before[axis];
      const at = stage.op === "transposed"
        ? (index - shift) / stage.stride[axis]
        : index * stage.stride[axis] + shift;
      return Number.isInteger(at) && at >= 0 && at < length ? at : -1;
    });
  }

  function windowOf(stage, source, place) {
    const [rows, columns] = [0, 1].map((axis) => under(stage, axis, place[axis], source.shape[axis]));
    const cells = rows.flatMap((row) =>
      columns.map((column) => (row < 0 || column < 0 ? null : [row, column])));
    return { cells, rows: rows.length, columns: columns.length };
  }

  function convolve(stage, source, place) {
    const window = windowOf(stage, source, place);
    const weights = floats(stage.weights);
    const forward = stage.op === "convolution";
    const out = place[2];
    const inner = stage.channels / stage.groups; // length of the filters' third axis
    const seen = forward ? inner : stage.filters / stage.groups;
    const group = Math.floor(out / (forward ? stage.filters / stage.groups : inner));
    const weight = (k, channel) => (forward
      ? weights[(k * inner + channel) * stage.filters + out]
      : weights[(k * inner + (out % inner)) * stage.filters + group * seen + channel]);
    const channels = Array.from({ length: seen }, (_, channel) => {
      const number = group * seen + channel;
      const terms = window.cells.map((cell, k) => {
        const value = cell ? source.at([...cell, number]) : 0;
        return { value, weight: weight(k, channel), product: value * weight(k, channel), cell };
      });
      return { number, terms, value: sum(terms.map((term) => term.product)) };
    });
    return { window, channels, value: sum(channels.map((one) => one.value)) };
  }

  function pool(stage, source, place) {
    const window = windowOf(stage, source, place);
    const values = window.cells.map((cell) => (cell ? source.at([...cell, place[2]]) : null));
    const inside = values.filter((value) => value !== null);
    if (stage.op === "average") {
      const total = sum(inside);
      return { window, values, total, count: inside.length, value: total / inside.length };
    }
    const value = inside.reduce((one, other) => Math.max(one, other));
    return { window, values, winner: values.indexOf(value), value };
  }

  function dense(stage, source, unit) {
    const weights = floats(stage.weights);
    const units = stage.shape[0];
    const terms = Array.from({ length: source.shape[0] }, (_, number) => {
      const value = source.at([number]);
      const weight = weights[number * units + unit];
      return { number, value, weight, product: value * weight };
    });
    return { terms, value: sum(terms.map((term) => term.product)) };
  }

  return { calls, compute };
})();
