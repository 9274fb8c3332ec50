//! Many records at once, on all threads.
//!
//! A window of the file is cut into pieces, one a thread. A thread reads the records that begin in
//! its piece, from the first line end on, as if no quoted cell were open there. The pieces are
//! joined in order: one that does not begin where the one before ended is read again from there.
//! So the columns are those of reading record by record, whatever the number of threads. A record
//! that is not plain (another number of cells, a fault, text that is not UTF-8) ends a window; the
//! caller reads it.

use super::builder::{ColumnBuilder, Words};
use super::records::{Cell, Records, Scan, newlines, scan};
use crate::error::Result;
use crate::table::Lines;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;
/// More threads only wait for the reading of the file.
const MOST_THREADS: usize = 16;
/// Records that the caller reads after one that is not plain, before the next window.
const PAUSE: usize = 256;
const MOST_PAUSE: usize = 1 << 16;

/// Reads windows.
pub struct Windows {
    threads: usize,
    pause: usize,
    /// Records until the next window.
    wait: usize,
}

/// The columns so far, to which records are added.
pub struct Sink<'a> {
    pub builders: &'a mut [ColumnBuilder],
    pub lines: &'a mut Lines,
    pub rows: &'a mut usize,
    pub words: Words<'a>,
}

impl Windows {
    /// Windows for all threads of the machine.
    pub fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(threads)
    }

    /// Windows for so many threads.
    pub fn with_threads(threads: usize) -> Self {
        Self {
            threads: threads.min(MOST_THREADS),
            pause: 0,
            wait: 0,
        }
    }

    /// Adds the plain records that come next, as many as a window has.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn advance(&mut self, records: &mut Records, sink: Sink<'_>) -> Result<()> {
        if self.wait > 0 {
            self.wait -= 1;
            return Ok(());
        }
        let (delimiter, mut line) = (records.delimiter, records.line());
        let (bytes, at_end) = records.window(self.threads * PIECE)?;
        if self.threads < 2 || bytes.len() < 2 * PIECE {
            self.wait = usize::MAX;
            return Ok(());
        }
        let fresh: Vec<ColumnBuilder> = sink.builders.iter().map(ColumnBuilder::fresh).collect();
        let window = Window {
            bytes,
            at_end,
            delimiter,
            words: sink.words,
        };
        let cut = |piece: usize| piece * bytes.len() / self.threads;
        let pieces: Vec<Piece> = std::thread::scope(|scope| {
            let (window, fresh) = (&window, &fresh);
            let piece = move |i| {
                let empty = fresh.iter().map(ColumnBuilder::fresh).collect();
                window.read(window.line_after(cut(i)), cut(i + 1), empty)
            };
            let others: Vec<_> = (1..self.threads)
                .map(|i| scope.spawn(move || piece(i)))
                .collect();
            let first = piece(0);
            // A thread that is lost is read again below.
            let others = others
                .into_iter()
                .map(|other| other.join().unwrap_or_default());
            std::iter::once(first).chain(others).collect()
        });
        let (mut done, mut is_plain) = (0, true);
        for (i, mut piece) in pieces.into_iter().enumerate() {
            if done >= cut(i + 1) {
                continue;
            }
            if piece.start != done {
                piece = window.read(
                    done,
                    cut(i + 1),
                    fresh.iter().map(ColumnBuilder::fresh).collect(),
                );
            }
            let mut pairs = sink.builders.iter().zip(&piece.builders);
            if !pairs.all(|(builder, added)| builder.fits(added)) {
                is_plain = false;
                break;
            }
            let pairs = sink.builders.iter_mut().zip(piece.builders);
            pairs.for_each(|(builder, added)| builder.append(added));
            sink.lines.append(*sink.rows, line - 1, &piece.lines);
            *sink.rows += piece.rows;
            (done, line) = (piece.end, line + piece.line_ends);
            if !piece.is_plain {
                is_plain = false;
                break;
            }
        }
        records.skip(done, line);
        self.pause = if is_plain {
            0
        } else {
            (2 * self.pause).clamp(PAUSE, MOST_PAUSE)
        };
        self.wait = self.pause;
        Ok(())
    }
}

/// The bytes that are read at once.
struct Window<'a> {
    bytes: &'a [u8],
    at_end: bool,
    delimiter: u8,
    words: Words<'a>,
}

/// The records that begin in a piece of a window.
#[derive(Default)]
struct Piece {
    start: usize,
    end: usize,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    lines: Lines,
    line_ends: u64,
    /// Whether it ends where its records end, and not before one that is not plain.
    is_plain: bool,
}

impl Window<'_> {
    /// The start of the first line at or after this byte.
    fn line_after(&self, at: usize) -> usize {
        let Some(before) = at.checked_sub(1) else {
            return 0;
        };
        let end = self.bytes[before..].iter().position(|&byte| byte == b'\n');
        end.map_or(self.bytes.len(), |end| before + end + 1)
    }

    /// Reads from `start` the records that begin before `limit`.
    fn read(&self, start: usize, limit: usize, builders: Vec<ColumnBuilder>) -> Piece {
        let mut piece = Piece {
            start,
            end: start,
            builders,
            is_plain: true,
            ..Piece::default()
        };
        let mut cells = Vec::new();
        while piece.end < limit && piece.is_plain {
            let rest = &self.bytes[piece.end..];
            match scan(rest, self.delimiter, self.at_end, &mut cells) {
                Scan::Record(length) => piece.add(&rest[..length], &cells, self.words),
                Scan::Incomplete => break,
                _ => piece.is_plain = false,
            }
        }
        piece
    }
}

impl Piece {
    fn add(&mut self, record: &[u8], cells: &[Cell], words: Words<'_>) {
        let is_blank = matches!(cells, [cell] if cell.is_blank());
        if !is_blank {
            if cells.len() != self.builders.len() || std::str::from_utf8(record).is_err() {
                self.is_plain = false;
                return;
            }
            for (cell, builder) in cells.iter().zip(&mut self.builders) {
                let bytes = cell.bytes(record);
                builder.push(std::str::from_utf8(&bytes).unwrap_or_default(), words);
            }
            self.lines.push(self.rows, 1 + self.line_ends);
            self.rows += 1;
        }
        self.line_ends += newlines(record, cells);
        self.end += record.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is read of a text by so many threads.
    fn read(text: &str, threads: usize) -> String {
        let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let mut records = Records::new("t.csv".to_owned(), reader).unwrap();
        let mut builders = vec![ColumnBuilder::default(), ColumnBuilder::default()];
        let (mut lines, mut rows, mut odd) = (Lines::default(), 0, Vec::new());
        let mut windows = Windows::with_threads(threads);
        while let Some(record) = records.next().unwrap() {
            let line = record.line;
            match record.lossy().as_slice() {
                [a, b] => {
                    builders[0].push(a, Words::default());
                    builders[1].push(b, Words::default());
                    lines.push(rows, line);
                    rows += 1;
                }
                other => odd.push((line, other.to_vec())),
            }
            let (builders, lines, rows) = (&mut builders[..], &mut lines, &mut rows);
            let words = Words::default();
            let sink = Sink {
                builders,
                lines,
                rows,
                words,
            };
            windows.advance(&mut records, sink).unwrap();
        }
        let columns: Vec<_> = builders.into_iter().map(ColumnBuilder::finish).collect();
        format!("{rows} {odd:?} {lines:?} {columns:?}")
    }

    #[test]
    fn what_is_read_does_not_depend_on_the_number_of_threads() {
        let long = "x".repeat(3000);
        let row = |i: usize| match i % 1000 {
            7 => format!("{i},\"several\nlines, {i} \"\"quoted\"\"\"\n"),
            300 if i % 3000 == 300 => format!("{i},\"{}\"\n", "1,2\n".repeat(300_000)),
            500 => "\n".to_owned(),
            501 if i > 60_000 => format!("{i}, \"{long}\" \r\n"),
            900 if i % 20_000 == 900 => "1,2,3\n".to_owned(),
            _ => format!("{i}.50,{}\n", i % 13),
        };
        let text: String = (0..90_000).map(row).collect();
        assert!(text.len() > 20 * PIECE);
        let expected = read(&text, 1);
        for threads in [2, 3, 7] {
            assert!(read(&text, threads) == expected, "{threads} threads");
        }
    }
}
