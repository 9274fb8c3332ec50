//! Blocks that a thread of their own reads and checks before they are asked for.

use std::io::{Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use super::layout::{CHECKSUM, checksum};

/// The most blocks that are read ahead.
const MOST: usize = crate::order::WINDOW;

/// A block that is wanted, with room for its bytes.
struct Wanted {
    number: usize,
    place: SeekFrom,
    length: usize,
    bytes: Vec<u8>,
}

/// A block that was read; `is_whole` if its checksum is right.
struct Done {
    number: usize,
    bytes: Vec<u8>,
    is_whole: bool,
}

/// See the module's text. Its buffers go round, so that it takes no memory after the first blocks.
pub(super) struct Ahead {
    wanted: SyncSender<Wanted>,
    done: Receiver<Done>,
    /// Numbers of the blocks that are being read.
    under_way: Vec<usize>,
    ready: Vec<Done>,
    free: Vec<Vec<u8>>,
}

impl Ahead {
    /// Starts the thread; none if the system has none to give. It ends with this.
    pub fn new(from: impl Read + Seek + Send + 'static) -> Option<Self> {
        let (wanted, orders) = sync_channel(MOST);
        // Two more, so that the thread never waits to hand over a block.
        let (deliver, done) = sync_channel(MOST + 2);
        let read = move || serve(from, &orders, &deliver);
        thread::Builder::new()
            .name("rows ahead".to_owned())
            .spawn(read)
            .ok()?;
        Some(Self {
            wanted,
            done,
            under_way: Vec::with_capacity(MOST),
            ready: Vec::with_capacity(MOST),
            free: (0..MOST).map(|_| Vec::new()).collect(),
        })
    }

    /// Whether a block is read or being read.
    fn has(&self, number: usize) -> bool {
        self.under_way.contains(&number) || self.ready.iter().any(|done| done.number == number)
    }

    /// Asks for a block, unless it is on its way or nothing is free.
    pub fn ask(&mut self, number: usize, place: SeekFrom, length: usize) {
        if self.has(number) {
            return;
        }
        let Some(bytes) = self.free.pop() else {
            return;
        };
        let wanted = Wanted {
            number,
            place,
            length,
            bytes,
        };
        match self.wanted.try_send(wanted) {
            Ok(()) => self.under_way.push(number),
            Err(TrySendError::Full(wanted) | TrySendError::Disconnected(wanted)) => {
                self.free.push(wanted.bytes)
            }
        }
    }

    /// Puts the bytes of a block that was asked for into `bytes`; whether it was, and is whole.
    pub fn take(&mut self, number: usize, bytes: &mut Vec<u8>) -> bool {
        while self.under_way.contains(&number) {
            let Ok(done) = self.done.recv() else {
                self.under_way.clear();
                return false;
            };
            self.arrived(done);
        }
        let Some(at) = self.ready.iter().position(|done| done.number == number) else {
            return false;
        };
        let mut done = self.ready.swap_remove(at);
        if done.is_whole {
            std::mem::swap(&mut done.bytes, bytes);
        }
        self.free.push(done.bytes);
        done.is_whole
    }

    /// Forgets the blocks that are not wanted any more.
    pub fn retain(&mut self, is_wanted: impl Fn(usize) -> bool) {
        while let Ok(done) = self.done.try_recv() {
            self.arrived(done);
        }
        let mut at = 0;
        while at < self.ready.len() {
            match is_wanted(self.ready[at].number) {
                true => at += 1,
                false => {
                    let done = self.ready.swap_remove(at);
                    self.free.push(done.bytes);
                }
            }
        }
    }

    fn arrived(&mut self, done: Done) {
        self.under_way.retain(|number| *number != done.number);
        self.ready.push(done);
    }
}

/// Reads what is wanted until nothing is wanted any more.
fn serve(mut from: impl Read + Seek, orders: &Receiver<Wanted>, deliver: &SyncSender<Done>) {
    while let Ok(Wanted {
        number,
        place,
        length,
        mut bytes,
    }) = orders.recv()
    {
        bytes.resize(length, 0);
        let read = from.seek(place).and_then(|_| from.read_exact(&mut bytes));
        let (rows, stored) = bytes.split_at(length.saturating_sub(CHECKSUM));
        let is_whole = read.is_ok() && checksum(number, rows).to_le_bytes() == stored;
        if deliver
            .send(Done {
                number,
                bytes,
                is_whole,
            })
            .is_err()
        {
            return;
        }
    }
}
