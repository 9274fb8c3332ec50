//! The R-operator of periodic embeddings. With ż = 2π(ḟ·x + f·ẋ) + ḃ, and s and c for sin z and cos z:
//! ċ = −s·ż and ṡ = c·ż are ḣ; ė = Ẇ·h + W·ḣ + ċ₀, cut where relu cuts; and with dh = Wᵀ·de,
//! dḣ = Wᵀ·dė + Ẇᵀ·de: dż = −ṡ·dh_c + ċ·dh_s − s·dḣ_c + c·dḣ_s.

use super::{BIAS, FREQUENCY, PHASE, Periodic, TURN, WEIGHT, cut};
use crate::layers::{Site, Tangent, Tile};
use crate::shape::stride;

impl Tangent for Periodic {
    fn forward(&self, site: Site, y_dot: &mut [f64], [stash, stash_dot]: [&mut [f64]; 2]) {
        let own = self.tensors(site.weights.parameters);
        let along = self.tensors(site.direction.parameters);
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        let (k, length) = (self.waves, self.length());
        for row in 0..site.block.rows {
            let x = Self::row(site.trace.x, row, input);
            let y = Self::row(site.trace.y, row, output);
            let x_dot = Self::row(site.x_dot, row, input);
            let y_dot = &mut y_dot[row * output..][..output];
            y_dot.fill(0.0);
            if site.moves {
                y_dot[..self.inputs].copy_from_slice(&x_dot[..self.inputs]);
            }
            let stash = Self::row(stash, row, self.stash());
            let stashes = stash_dot[row * self.stash()..].chunks_exact_mut(self.kept());
            for ((number, column), stash_dot) in self.columns.iter().enumerate().zip(stashes) {
                let waves = self.waves(stash, number);
                let x_dot = if site.moves { x_dot[*column] } else { 0.0 };
                for f in 0..k {
                    let at = number * k + f;
                    let phase = along.phase.get(at).copied().unwrap_or(0.0);
                    let turned = along.frequency[at] * x[*column] + own.frequency[at] * x_dot;
                    let z_dot = TURN * turned + phase;
                    stash_dot[f] = -waves.sin[f] * z_dot;
                    stash_dot[k + f] = waves.cos[f] * z_dot;
                }
                let h_dot = &stash_dot[..length];
                let e_dot = &mut y_dot[self.place(number)];
                for (i, e_dot) in e_dot.iter_mut().enumerate() {
                    let line = number * self.width + i;
                    *e_dot = along.bias[line];
                    for (m, h_dot) in h_dot.iter().enumerate() {
                        let at = line * length + m;
                        *e_dot += along.weight[at] * waves.h[m] + own.weight[at] * h_dot;
                    }
                }
                if !self.is_pbld {
                    cut(e_dot, &y[self.place(number)]);
                }
            }
        }
    }

    fn backward(
        &self,
        site: Site,
        stashes: [&mut [f64]; 2],
        [dy, dy_dot]: [&mut [f64]; 2],
        dx_dot: &mut [f64],
    ) {
        let along = self.tensors(site.direction.parameters);
        let own = self.tensors(site.weights.parameters);
        let [stash, stash_dot] = stashes.map(|stash| &*stash);
        let (_, dz_dot) = self.products(site, [stash, stash_dot], [dy, dy_dot]);
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        for row in 0..site.block.rows {
            let dx_dot = &mut dx_dot[row * input..][..input];
            dx_dot.fill(0.0);
            dx_dot[..self.inputs].copy_from_slice(&dy_dot[row * output..][..self.inputs]);
            for (number, column) in self.columns.iter().enumerate() {
                let dz = self.waves(Self::row(stash, row, self.stash()), number).dz;
                let dz_dot = self.line(&dz_dot, row, number);
                for f in 0..self.waves {
                    let at = number * self.waves + f;
                    let term = own.frequency[at] * dz_dot[f] + along.frequency[at] * dz[f];
                    dx_dot[*column] += TURN * term;
                }
            }
        }
    }

    fn gradient(
        &self,
        site: Site,
        tile: &Tile,
        [stash, stash_dot]: [&[f64]; 2],
        [dy, dy_dot]: [&[f64]; 2],
        gradient: &mut [f64],
    ) {
        let (input, output) = (stride(self.inputs), stride(self.output().size()));
        let rows = site.block.rows;
        let (de_dot, dz_dot) = self.products(site, [stash, stash_dot], [dy, dy_dot]);
        let row = |buffer| move |row| Self::row(buffer, row, self.stash());
        let (stash, stash_dot) = (row(stash), row(stash_dot));
        let x = |buffer, row, line: usize| Self::row(buffer, row, input)[self.columns[line]];
        gradient.fill(0.0);
        self.add_lines(rows, tile, gradient, |row, line| match tile.segment {
            FREQUENCY => (
                TURN * x(site.trace.x, row, line),
                self.line(&dz_dot, row, line),
            ),
            PHASE => (1.0, self.line(&dz_dot, row, line)),
            WEIGHT => {
                let de_dot = de_dot[row * self.columns.len() * self.width + line];
                (de_dot, self.waves(stash(row), line / self.width).h)
            }
            _ => {
                let at = (row * self.columns.len() + line) * self.width;
                (1.0, &de_dot[at..][..self.width])
            }
        });
        self.add_lines(rows, tile, gradient, |row, line| match tile.segment {
            FREQUENCY if site.moves => {
                let dz = self.waves(stash(row), line).dz;
                (TURN * x(site.x_dot, row, line), dz)
            }
            WEIGHT => {
                let de = Self::row(dy, row, output)[self.inputs + line];
                (de, self.waves(stash_dot(row), line / self.width).h)
            }
            BIAS => (0.0, Self::row(dy, row, output)),
            _ => (0.0, self.waves(stash(row), line).dz),
        });
    }
}

impl Periodic {
    /// The k values of a column in a buffer that has them for each row and column.
    fn line<'a>(&self, buffer: &'a [f64], row: usize, number: usize) -> &'a [f64] {
        &buffer[(row * self.columns.len() + number) * self.waves..][..self.waves]
    }

    /// dė, where relu does not cut it, and dż of each row and column.
    fn products(
        &self,
        site: Site,
        [stash, stash_dot]: [&[f64]; 2],
        [dy, dy_dot]: [&[f64]; 2],
    ) -> (Vec<f64>, Vec<f64>) {
        let own = self.tensors(site.weights.parameters);
        let along = self.tensors(site.direction.parameters);
        let (output, k, length) = (stride(self.output().size()), self.waves, self.length());
        let (mut all_de_dot, mut all_dz_dot) = (Vec::new(), Vec::new());
        for row in 0..site.block.rows {
            let [dy, dy_dot, y] = [dy, dy_dot, site.trace.y].map(|of| Self::row(of, row, output));
            let [stash, stash_dot] = [stash, stash_dot].map(|of| Self::row(of, row, self.stash()));
            for number in 0..self.columns.len() {
                let place = self.place(number);
                let (waves, dots) = (self.waves(stash, number), self.waves(stash_dot, number));
                let mut de_dot = dy_dot[place.clone()].to_vec();
                if !self.is_pbld {
                    cut(&mut de_dot, &y[place.clone()]);
                }
                let first = number * self.width * length;
                let weights = own.weight[first..].chunks_exact(length);
                let weights = weights.zip(along.weight[first..].chunks_exact(length));
                let mut dz_dot = vec![0.0; k];
                for ((de, de_dot), (w, w_dot)) in dy[place].iter().zip(&de_dot).zip(weights) {
                    for (f, dz_dot) in dz_dot.iter_mut().enumerate() {
                        let dh_dot = w[f] * de_dot + w_dot[f] * de;
                        *dz_dot -= dots.sin[f] * w[f] * de + waves.sin[f] * dh_dot;
                        if !self.is_pbld {
                            let dh_dot = w[k + f] * de_dot + w_dot[k + f] * de;
                            *dz_dot += dots.cos[f] * w[k + f] * de + waves.cos[f] * dh_dot;
                        }
                    }
                }
                all_de_dot.extend(de_dot);
                all_dz_dot.extend(dz_dot);
            }
        }
        (all_de_dot, all_dz_dot)
    }
}
