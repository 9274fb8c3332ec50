//! The shape of a row, and the layout of rows in buffers.

use std::fmt;

/// The shape of a row: an image, or a flat list of values, each a channel of one pixel.
///
/// Values are stored channel by channel, each channel line by line. An image of one pixel is stored
/// as a list is, but still is an image: a window may slide over it and its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels of an image; values of a list.
    pub channels: usize,
    /// Lines.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
    is_image: bool,
}

impl Shape {
    /// A flat list.
    pub fn flat(values: usize) -> Self {
        Self {
            is_image: false,
            ..Self::image([values, 1, 1])
        }
    }

    /// An image of this many channels, lines and pixels a line.
    pub const fn image([channels, height, width]: [usize; 3]) -> Self {
        Self {
            channels,
            height,
            width,
            is_image: true,
        }
    }

    /// Values of a row.
    pub fn size(self) -> usize {
        self.channels * self.area()
    }

    /// Values of a channel.
    pub fn area(self) -> usize {
        self.height * self.width
    }

    /// Whether it is a list and not an image.
    pub fn is_flat(self) -> bool {
        !self.is_image
    }

    /// Whether rows of the two can be added: as many channels, lines and pixels.
    pub fn matches(self, other: Self) -> bool {
        [self.channels, self.height, self.width] == [other.channels, other.height, other.width]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_flat() {
            true => write!(f, "{}", self.channels),
            false => write!(f, "{}×{}×{}", self.channels, self.height, self.width),
        }
    }
}

/// Rows in buffers are padded to a multiple of this many values.
pub const ROW_MULTIPLE: usize = 16;

/// Values that a row of `width` values takes in a buffer.
pub fn stride(width: usize) -> usize {
    width.next_multiple_of(ROW_MULTIPLE)
}
