//! Many records at once, on all threads.
//!
//! The file is cut into blocks at ends of lines where, by the number of quotes, no cell is open.
//! Each thread takes the next block and reads its records into columns of its own; blocks that are
//! complete are added to the table in order. Where quotes are not in pairs a block may end inside a
//! record: the next block is read again from the start of that record. So the columns are those of
//! reading record by record, whatever the number of threads. A thread numbers the texts of all its blocks
//! together, and only those that are new to it are looked up in the table. A record that is not plain (another
//! number of cells, a fault, text that is not UTF-8) ends it; the caller reads it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use super::builder::{Before, ColumnBuilder, Part, Words};
use super::cell::Cell;
use super::ends::Ends;
use super::records::{Block, Records, Scan, scan};
use crate::compression::Room;
use crate::error::{Error, Result};
use crate::table::Lines;
use crate::threads::{self, lock};

/// Room for so many times the rows that are expected by those of the first block.
const MORE: f64 = 1.0625;
/// Bytes of a block: with its columns it stays in a core's cache.
const BLOCK: usize = 1 << 19;
/// An open record of more bytes is left to the caller.
const MOST_OPEN: usize = 4 << 20;
/// Blocks a thread that may wait for one which the system holds up, before no others are read.
const MOST_WAITING: usize = 4;
/// More threads only wait for the reading of the file.
const MOST_THREADS: usize = 16;
/// Records that the caller reads after one that is not plain, before the next blocks.
const PAUSE: usize = 256;
const MOST_PAUSE: usize = 1 << 16;

/// Reads blocks.
pub struct Blocks {
    threads: usize,
    pause: usize,
    /// Records until the next blocks.
    wait: usize,
}

/// The columns so far, to which records are added.
pub struct Sink<'a> {
    pub builders: &'a mut [ColumnBuilder],
    pub lines: &'a mut Lines,
    pub rows: &'a mut usize,
    /// With so many rows no other block is added.
    pub most: usize,
    pub words: Words<'a>,
    /// Whether each row ends in a delimiter that begins no cell.
    pub trailing: bool,
    pub room: &'a Room,
}

impl Blocks {
    /// Blocks for all threads of the machine.
    pub fn new() -> Self {
        Self::with_threads(threads::available())
    }

    /// Blocks for so many threads.
    pub fn with_threads(threads: usize) -> Self {
        Self {
            threads: threads.min(MOST_THREADS),
            pause: 0,
            wait: 0,
        }
    }

    /// Adds the plain records that come next.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn advance(&mut self, records: &mut Records, sink: Sink<'_>) -> Result<()> {
        if self.wait > 0 {
            self.wait -= 1;
            return Ok(());
        }
        let (seen, is_all) = records.sample();
        let threads = if is_all && seen.len() < 2 * BLOCK {
            1
        } else {
            self.threads
        };
        let plan = Plan {
            delimiter: records.delimiter,
            words: sink.words,
            trailing: sink.trailing,
            empty: sink.builders.iter().map(ColumnBuilder::fresh).collect(),
        };
        let order = Order {
            plan: &plan,
            line: records.line(),
            left: records.left(),
            sink,
            next: 0,
            waiting: BTreeMap::new(),
            open: Vec::new(),
            readers: (0..threads)
                .map(|_| Reader::new(plan.empty.len()))
                .collect(),
            is_over: false,
            is_full: false,
        };
        let (feed, order) = (
            Mutex::new(Feed {
                records,
                taken: 0,
                error: None,
            }),
            Mutex::new(order),
        );
        let added = Condvar::new();
        let work = |reader: usize| {
            let (mut before, mut round) = (Vec::new(), 0);
            let _leaving = Leaving(&order, &added);
            let next = || lock(&feed).take();
            while let Some((number, block)) = next() {
                let (piece, left) = plan.read(&block, std::mem::take(&mut before));
                let by = (reader, round);
                let mut order = lock(&order);
                let is_over = order.add(number, Waiting { block, piece, by });
                added.notify_all();
                if is_over {
                    break;
                }
                let now = order.readers[reader].round;
                if now == round {
                    before = left;
                }
                round = now;
                while order.waiting.len() > MOST_WAITING * threads && !order.is_over {
                    order = added.wait(order).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        std::thread::scope(|scope| {
            let work = &work;
            (1..threads).for_each(|reader| drop(scope.spawn(move || work(reader))));
            work(0);
        });
        let feed = feed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let order = order.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.settle(feed, order)
    }

    /// Gives back what was read and is not added, and decides when the next blocks come.
    fn settle(&mut self, feed: Feed, order: Order) -> Result<()> {
        if let Some(error) = feed.error {
            return Err(error);
        }
        let mut rest = order.open;
        for waiting in order.waiting.values() {
            rest.extend_from_slice(waiting.block.bytes());
        }
        feed.records.put_back(rest, order.line);
        let is_plain = matches!(feed.records.sample(), ([], true));
        self.pause = if is_plain || order.is_full {
            0
        } else {
            (2 * self.pause).clamp(PAUSE, MOST_PAUSE)
        };
        self.wait = self.pause;
        Ok(())
    }
}

/// A thread that ends by a panic leaves no others waiting for its block.
struct Leaving<'a, 'b>(&'a Mutex<Order<'b>>, &'a Condvar);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.0).is_over = true;
            self.1.notify_all();
        }
    }
}

/// Where blocks come from.
struct Feed<'a> {
    records: &'a mut Records,
    taken: usize,
    error: Option<Error>,
}

impl Feed<'_> {
    /// The next block with its number.
    fn take(&mut self) -> Option<(usize, Block)> {
        let block = match self.records.take_block(BLOCK) {
            _ if self.error.is_some() => None,
            Ok(block) => block,
            Err(error) => {
                self.error = Some(error);
                None
            }
        };
        self.taken += 1;
        block.map(|block| (self.taken - 1, block))
    }
}

/// Where they go.
struct Order<'a> {
    plan: &'a Plan<'a>,
    sink: Sink<'a>,
    /// The number of the block that is added next.
    next: usize,
    /// Those that are read and come later.
    waiting: BTreeMap<usize, Waiting>,
    /// The start of a record that the next block goes on with.
    open: Vec<u8>,
    /// What the threads have read.
    readers: Vec<Reader>,
    /// The line on which the next record begins.
    line: u64,
    /// Bytes of all blocks, where that is known and there is no room for their rows yet.
    left: Option<u64>,
    /// Whether the rest is for the caller.
    is_over: bool,
    /// Whether that is so because there are rows enough.
    is_full: bool,
}

/// A block that is read, and the number of its thread with its round.
struct Waiting {
    block: Block,
    piece: Piece,
    by: (usize, usize),
}

/// The texts of a thread.
struct Reader {
    /// How often it began anew: after a block that was read again, whose texts are in no table.
    round: usize,
    /// The codes of its levels, of each column.
    known: Vec<Vec<u32>>,
}

impl Reader {
    fn new(columns: usize) -> Self {
        Self {
            round: 0,
            known: vec![Vec::new(); columns],
        }
    }
}

impl Order<'_> {
    /// Adds a block, and those after it that wait; whether the rest is for the caller.
    fn add(&mut self, number: usize, waiting: Waiting) -> bool {
        self.waiting.insert(number, waiting);
        while !self.is_over
            && let Some(Waiting { block, piece, by }) = self.waiting.remove(&self.next)
        {
            self.next += 1;
            let (reader, round) = by;
            let columns = self.plan.empty.len();
            let is_current = round == self.readers[reader].round;
            if is_current && self.open.is_empty() {
                let mut known = std::mem::take(&mut self.readers[reader].known);
                self.append(&block, piece, &mut known);
                self.readers[reader].known = known;
                continue;
            }
            if is_current {
                let round = round + 1;
                self.readers[reader] = Reader {
                    round,
                    ..Reader::new(columns)
                };
            }
            let block = block.after(&self.open);
            let (piece, _) = self.plan.read(&block, Vec::new());
            self.append(&block, piece, &mut Reader::new(columns).known);
        }
        self.is_over
    }

    fn append(&mut self, block: &Block, piece: Piece, known: &mut [Vec<u32>]) {
        let Sink {
            builders,
            lines,
            rows,
            most,
            room,
            ..
        } = &mut self.sink;
        let columns = builders.len();
        let mut pairs = builders.iter().zip(&piece.columns);
        let fits = pairs.all(|(builder, added)| builder.fits(added));
        let mut end = 0;
        if fits {
            if piece.rows > 0
                && let Some(left) = self.left.take()
            {
                let share = left as f64 / piece.end as f64;
                let more = (share * MORE * piece.rows as f64) as usize;
                let expected = most.saturating_sub(**rows).min(more) + **rows;
                builders
                    .iter_mut()
                    .for_each(|builder| builder.reserve(expected));
            }
            let pairs = builders.iter_mut().zip(piece.columns).zip(known);
            pairs.for_each(|((builder, added), known)| builder.append(added, known));
            lines.append(**rows, self.line - 1, &piece.lines);
            **rows += piece.rows;
            (end, self.line) = (piece.end, self.line + piece.line_ends);
        }
        self.open = block.bytes()[end..].to_vec();
        let has_room = room.check(**rows, columns).is_ok();
        let is_odd = !fits || !piece.is_plain || self.open.len() > MOST_OPEN || !has_room;
        self.is_full = !is_odd && **rows >= *most;
        self.is_over = is_odd || self.is_full;
    }
}

/// How blocks are read.
struct Plan<'a> {
    delimiter: u8,
    words: Words<'a>,
    trailing: bool,
    /// Columns without cells.
    empty: Vec<ColumnBuilder>,
}

/// The records of a block.
#[derive(Default)]
struct Piece {
    /// Bytes of them.
    end: usize,
    columns: Vec<Part>,
    rows: usize,
    lines: Lines,
    line_ends: u64,
    /// Whether what follows is the end of the block or an open record.
    is_plain: bool,
}

impl Plan<'_> {
    /// Reads a block, behind those before it; and what it leaves for the next one.
    fn read(&self, block: &Block, before: Vec<Before>) -> (Piece, Vec<Before>) {
        let bytes = block.bytes();
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        });
        let mut before = before.into_iter();
        let after = |empty: &ColumnBuilder| empty.fresh_after(before.next().unwrap_or_default());
        let mut builders: Vec<ColumnBuilder> = self.empty.iter().map(after).collect();
        let mut piece = Piece {
            is_plain: true,
            ..Piece::default()
        };
        let (mut cells, mut room) = (Vec::new(), Vec::new());
        let mut ends = (self.delimiter != b' ').then(|| Ends::of(bytes, self.delimiter, &mut room));
        while piece.end < bytes.len() && piece.is_plain {
            let plain = ends
                .as_mut()
                .filter(|_| !self.trailing)
                .and_then(|ends| ends.plain(piece.end, builders.len()))
                .filter(|(_, end)| *end <= text.len() && bytes[piece.end] != b'#');
            if let Some((places, end)) = plain {
                let mut start = piece.end;
                for (place, builder) in places.iter().zip(&mut builders) {
                    let place = *place as usize;
                    builder.push_between(start..place, (text, bytes), self.delimiter, self.words);
                    start = place + 1;
                }
                piece.lines.push(piece.rows, 1 + piece.line_ends);
                piece.rows += 1;
                piece.line_ends += 1;
                piece.end = end;
                continue;
            }
            let cut = ends
                .as_mut()
                .and_then(|ends| ends.cut(piece.end, &mut cells));
            let (length, lines) = match cut {
                Some(cut) => cut,
                None => match scan(
                    &bytes[piece.end..],
                    self.delimiter,
                    block.is_last,
                    &mut cells,
                ) {
                    Scan::Record(length, lines) => {
                        cells
                            .iter_mut()
                            .for_each(|cell| *cell = cell.shifted(piece.end));
                        (length, lines)
                    }
                    Scan::Incomplete => break,
                    _ => (0, 0),
                },
            };
            let end = piece.end + length;
            let is_text = length > 0 && end <= text.len();
            piece.is_plain = is_text && self.add(&mut piece, &mut builders, (text, bytes), &cells);
            if piece.is_plain {
                piece.line_ends += lines;
                piece.end = end;
            }
        }
        let left;
        (piece.columns, left) = builders.into_iter().map(ColumnBuilder::into_part).unzip();
        (piece, left)
    }

    /// Adds a record if it is plain.
    fn add(
        &self,
        piece: &mut Piece,
        builders: &mut [ColumnBuilder],
        (text, bytes): (&str, &[u8]),
        mut cells: &[Cell],
    ) -> bool {
        if matches!(cells, [cell] if cell.is_blank()) {
            return true;
        }
        if self.trailing
            && let [rest @ .., last] = cells
            && last.is_empty()
        {
            cells = rest;
        }
        if cells.len() != builders.len() || bytes.get(piece.end) == Some(&b'#') {
            return false;
        }
        for (cell, builder) in cells.iter().zip(builders) {
            builder.push_cell(*cell, (text, bytes), self.words);
        }
        piece.lines.push(piece.rows, 1 + piece.line_ends);
        piece.rows += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is read of a text by so many threads; record by record by none.
    fn read(text: &str, threads: usize) -> String {
        let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let mut records = Records::new("t.csv".to_owned(), reader).unwrap();
        let mut builders = vec![ColumnBuilder::default(), ColumnBuilder::default()];
        let (mut lines, mut rows, mut odd) = (Lines::default(), 0, Vec::new());
        let mut blocks = Blocks::with_threads(threads);
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
                most: usize::MAX,
                words,
                trailing: false,
                room: &Room::default(),
            };
            if threads > 0 {
                blocks.advance(&mut records, sink).unwrap();
            }
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
            8 => format!("{i},5.25\" disk\n"),
            500 => "\n".to_owned(),
            501 if i > 60_000 => format!("{i}, \"{long}\" \r\n"),
            900 if i % 20_000 == 900 => "1,2,3\n".to_owned(),
            _ => format!("{i}.50,{}\n", i % 13),
        };
        let text: String = (0..90_000).map(row).collect();
        assert!(text.len() > 20 * BLOCK);
        let expected = read(&text, 0);
        for threads in [1, 2, 3, 7] {
            assert!(read(&text, threads) == expected, "{threads} threads");
        }
    }
}
