"use strict";
// What page.js draws with: vectors, colours, and meshes of spheres, tubes, arrows and polygons.
const shapes = (() => {
  const RAMP = [[0, 5, 48, 97], [0.25, 67, 147, 195], [0.5, 214, 216, 219], [0.75, 214, 96, 77],
    [1, 103, 0, 31]];
  const UPPER = RAMP.slice(2).map(([x, ...c]) => [2 * x - 1, ...c]); // of what has no sign
  const SPINS = [[0, 23, 72, 92], [0.5, 205, 200, 186], [1, 224, 142, 0]];
  const css = (ramp) => `linear-gradient(to right, ${
    ramp.map(([x, ...c]) => `rgb(${c}) ${100 * x}%`).join(", ")})`;

  // --- vectors ---------------------------------------------------------------------------------
  const add = (a, b, s = 1) => [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]];
  const sub = (a, b) => add(a, b, -1);
  const scale = (a, s) => [s * a[0], s * a[1], s * a[2]];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0]];
  const length = (a) => Math.hypot(...a);
  const unit = (a) => scale(a, 1 / (length(a) || 1));
  const mean = (points) => scale(points.reduce((a, b) => add(a, b), [0, 0, 0]), 1 / points.length);

  // --- meshes ----------------------------------------------------------------------------------
  class Mesh {
    constructor() { Object.assign(this, { x: [], y: [], z: [], i: [], j: [], k: [], c: [], t: [] }); }
    point(p, colour, text) {
      this.x.push(p[0]); this.y.push(p[1]); this.z.push(p[2]);
      this.c.push(colour); this.t.push(text);
      return this.x.length - 1;
    }
    face(a, b, c) { this.i.push(a); this.j.push(b); this.k.push(c); }
    sphere(centre, radius, colour, text, rings = 6) {
      const sides = 2 * rings, rows = [];
      for (let r = 0; r <= rings; r++) {
        const polar = Math.PI * r / rings, row = [];
        for (let s = 0; s < sides; s++) {
          const turn = 2 * Math.PI * s / sides;
          const way = [Math.sin(polar) * Math.cos(turn), Math.sin(polar) * Math.sin(turn),
            Math.cos(polar)];
          row.push(this.point(add(centre, way, radius), colour, text));
        }
        rows.push(row);
      }
      for (let r = 0; r < rings; r++) for (let s = 0; s < sides; s++) {
        const n = (s + 1) % sides;
        this.face(rows[r][s], rows[r + 1][n], rows[r + 1][s]);
        this.face(rows[r][s], rows[r][n], rows[r + 1][n]);
      }
    }
    // Rings of points around an axis, joined: tubes, and arrows as their profile says.
    turned(from, to, profile, colour, text, sides = 8) {
      const axis = sub(to, from), along = unit(axis);
      const side = unit(cross(along, Math.abs(along[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0]));
      const other = cross(along, side);
      const rows = profile.map(([share, radius]) => Array.from({ length: sides }, (_, s) => {
        const turn = 2 * Math.PI * s / sides;
        const out = add(scale(side, Math.cos(turn)), other, Math.sin(turn));
        return this.point(add(add(from, axis, share), out, radius), colour, text);
      }));
      for (let r = 0; r + 1 < rows.length; r++) for (let s = 0; s < sides; s++) {
        const n = (s + 1) % sides;
        this.face(rows[r][s], rows[r + 1][n], rows[r + 1][s]);
        this.face(rows[r][s], rows[r][n], rows[r + 1][n]);
      }
    }
    tube(from, to, radius, colour, text) {
      // Points along the way, so that the pointer finds the bond anywhere.
      this.turned(from, to, [[0, radius], [0.25, radius], [0.5, radius], [0.75, radius], [1, radius]],
        colour, text);
    }
    arrow(from, vector, radius, colour, text, sides = 12) {
      const head = Math.max(0.4, 1 - 6 * radius / (length(vector) || 1));
      // One after the other: edges between them stay sharp, or the light is wrong.
      for (const part of [[[0, 0], [0, radius]], [[0, radius], [head, radius]],
        [[head, radius], [head, 2.4 * radius]], [[head, 2.4 * radius], [1, 0]]]) {
        this.turned(from, add(from, vector), part, colour, text, sides);
      }
    }
    polygon(points, colour, text) {
      const centre = mean(points);
      const inner = points.map((p) => this.point(add(centre, sub(p, centre), 0.9), colour, text));
      const middle = this.point(centre, colour, text);
      inner.forEach((a, n) => this.face(middle, a, inner[(n + 1) % inner.length]));
    }
    trace(more = {}) {
      return { type: "mesh3d", x: this.x, y: this.y, z: this.z, i: this.i, j: this.j, k: this.k,
        vertexcolor: this.c, text: this.t, hoverinfo: "text", flatshading: false,
        facenormalsepsilon: 1e-12, // small faces are lit too
        lighting: { ambient: 0.6, diffuse: 0.75, specular: 0.15, roughness: 0.5, fresnel: 0.05 },
        lightposition: { x: -40000, y: -60000, z: 100000 }, ...more };
    }
  }

  function colour(value, largest, ramp = RAMP) {
    const x = Math.min(1, Math.max(0, 0.5 + 0.5 * value / (largest || 1)));
    const n = Math.max(1, ramp.findIndex(([end]) => x <= end));
    const [a, ...low] = ramp[n - 1], [b, ...high] = ramp[n], share = (x - a) / (b - a);
    return `rgb(${low.map((v, m) => Math.round(v + share * (high[m] - v)))})`;
  }

  return { add, sub, scale, length, mean, colour, css, Mesh, RAMP, UPPER, SPINS };
})();
