//! Resizing: a triangle over the source of each pixel, as wide as what it stands for.

/// The pixels of an image of lines, pixels a line and channels in another size.
pub fn resize(pixels: &[u8], from: [usize; 3], [height, width]: [usize; 2]) -> Vec<u8> {
    let [own_height, own_width, channels] = from;
    let columns = weights(own_width, width);
    let rows = weights(own_height, height);
    // First every line, then every column.
    let mut lines = vec![0f32; own_height * width * channels];
    let from_lines = pixels.chunks_exact(own_width * channels);
    for (line, out) in from_lines.zip(lines.chunks_exact_mut(width * channels)) {
        for (pixel, (start, weights)) in out.chunks_exact_mut(channels).zip(&columns) {
            for (weight, from) in weights
                .iter()
                .zip(line[start * channels..].chunks(channels))
            {
                for (value, &byte) in pixel.iter_mut().zip(from) {
                    *value += weight * f32::from(byte);
                }
            }
        }
    }
    let stride = width * channels;
    let mut pixels = Vec::with_capacity(height * stride);
    for (start, weights) in &rows {
        for at in 0..stride {
            let values = lines[start * stride + at..].iter().step_by(stride);
            let sum: f32 = weights
                .iter()
                .zip(values)
                .map(|(weight, value)| weight * value)
                .sum();
            pixels.push(sum.round().clamp(0.0, 255.0) as u8);
        }
    }
    pixels
}

/// For each of `to` places the first of the `from` places that it is made of, and their weights.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f32 / to as f32;
    let reach = scale.max(1.0);
    let of = |place: usize| {
        let center = (place as f32 + 0.5) * scale;
        let start = ((center - reach).floor().max(0.0) as usize).min(from - 1);
        let end = ((center + reach).ceil() as usize).clamp(start + 1, from);
        let triangle = |at: usize| (1.0 - ((at as f32 + 0.5 - center) / reach).abs()).max(0.0);
        let weights: Vec<f32> = (start..end).map(triangle).collect();
        let sum: f32 = weights.iter().sum();
        (
            start,
            weights.into_iter().map(|weight| weight / sum).collect(),
        )
    };
    (0..to).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_change_as_pillow_changes_them() {
        // Pillow: Image.resize((w, h), BILINEAR).
        assert_eq!(resize(&[0, 100, 200, 40], [1, 4, 1], [1, 2]), [71, 117]);
        assert_eq!(resize(&[0, 100], [1, 2, 1], [1, 4]), [0, 25, 75, 100]);
        let square = [0, 100, 200, 40];
        assert_eq!(resize(&square, [2, 2, 1], [1, 1]), [85]);
        assert_eq!(resize(&square, [2, 2, 1], [2, 2]), square);
    }
}
