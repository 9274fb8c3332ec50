//! A run that goes on, followed by its log, and by those of its members if it is an ensemble.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};

use serde_json::{Map, Value, json};
use thalweg::Config;
use thalweg::run_folder::{CONFIG, LOG, RunFolder};
use thalweg::text::{count, figure};

use crate::drawing::in_characters;
use crate::history::History;

/// Points of the curves, and columns beside them.
const POINTS: usize = 1_000;
const MARGIN: usize = 16;
/// Members that have a line on the screen.
const MEMBERS: usize = 8;

/// What is known of the run so far.
pub struct Live {
    run: Followed,
    members: Vec<Followed>,
    /// How many of them there will be.
    all: usize,
}

/// A log that is read while it grows.
struct Followed {
    folder: RunFolder,
    history: History,
    /// Bytes of the log that were read, and epochs that have had a line.
    read: u64,
    told: usize,
}

impl Live {
    /// The run in this folder.
    ///
    /// # Errors
    /// If there is no log.
    pub fn open(folder: RunFolder) -> io::Result<Self> {
        let config = Config::read(&folder.file(CONFIG)).ok();
        let ensemble = config.and_then(|config| config.ensemble);
        Ok(Self {
            run: Followed::open(folder)?,
            members: Vec::new(),
            all: ensemble.map_or(0, |ensemble| ensemble.members),
        })
    }

    /// Reads what the logs have got since the last time; whether there was anything.
    ///
    /// # Errors
    /// If that of the run cannot be read.
    pub fn poll(&mut self) -> io::Result<bool> {
        let mut is_new = self.run.poll()?;
        // An ensemble that is over has the epochs of its members in its own log.
        for (number, epochs) in self.run.history.members().iter().enumerate() {
            let start = self.run.history.start.clone();
            let history = History::of(start, epochs.clone());
            match self.members.get_mut(number) {
                Some(member) => member.history = history,
                None => self.members.push(Followed {
                    folder: self.run.folder.member(number),
                    history,
                    read: 0,
                    told: 0,
                }),
            }
        }
        if !self.is_over() {
            let next = |number| Followed::open(self.run.folder.member(number)).ok();
            let found = (self.members.len()..self.all).map_while(next);
            self.members.extend(found.collect::<Vec<_>>());
            for member in &mut self.members {
                // Its folder goes when all are over.
                is_new |= member.poll().unwrap_or(false);
            }
        }
        Ok(is_new)
    }

    /// Whether the run has ended.
    pub fn is_over(&self) -> bool {
        self.run.history.end.is_some()
    }

    /// A line for each epoch that has had none.
    pub fn lines(&mut self) -> Vec<String> {
        if self.members.is_empty() {
            return self.run.lines();
        }
        let of_member = |(number, member): (usize, &mut Followed)| {
            let lines = member.lines().into_iter();
            lines.map(move |line| format!("member {}  {line}", number + 1))
        };
        let members = self.members.iter_mut().enumerate();
        members.flat_map(of_member).collect()
    }

    /// What the run is, where it stands, and its curves, in so many columns and lines.
    pub fn screen(&self, columns: usize, lines: usize) -> Vec<String> {
        let start = &self.run.history.start;
        let rows = start["rows"]["train"].as_u64().unwrap_or(0) as usize;
        let members = match self.all {
            0 => String::new(),
            all => format!(", {}", count(all, "member")),
        };
        let mut screen = vec![format!(
            "{}: {}, {}, {}{members}",
            self.run.folder,
            start["task"].as_str().unwrap_or("no run yet"),
            start["data"].as_str().unwrap_or_default(),
            count(rows, "row")
        )];
        match (&self.run.history.end, self.members.is_empty()) {
            (Some(end), _) => screen.push(ended(end)),
            (None, true) => screen.extend(self.run.now()),
            (None, false) => screen.extend(self.members_now()),
        }
        let data = match self.members.is_empty() {
            true => json!({ "curves": self.run.history.curves(POINTS) }),
            false => json!({ "runs": self.member_curves() }),
        };
        let left = lines.saturating_sub(screen.len() + 6);
        let drawn = in_characters(&data, columns.saturating_sub(MARGIN), left);
        let drawn = drawn.iter().flat_map(|text| text.lines());
        screen.extend(drawn.map(str::to_owned));
        screen
    }

    /// A line for each of the first members.
    fn members_now(&self) -> Vec<String> {
        let line = |(number, member): (usize, &Followed)| {
            let epoch = member.history.epochs().last();
            let epoch = epoch.map_or("no epoch yet".to_owned(), |epoch| member.epoch(epoch));
            format!("member {}  {epoch}", number + 1)
        };
        let mut lines: Vec<String> = self.members.iter().enumerate().map(line).collect();
        let more = lines.len().saturating_sub(MEMBERS);
        lines.truncate(MEMBERS);
        lines.extend((more > 0).then(|| format!("and {} more", count(more, "member"))));
        lines
    }

    fn member_curves(&self) -> Vec<Value> {
        let curves = |(number, member): (usize, &Followed)| {
            let curves = member.history.curves(POINTS);
            json!({ "name": format!("member {}", number + 1), "curves": curves })
        };
        let members = self.members.iter().take(MEMBERS);
        members.enumerate().map(curves).collect()
    }
}

impl Followed {
    fn open(folder: RunFolder) -> io::Result<Self> {
        File::open(folder.file(LOG))?;
        Ok(Self {
            folder,
            history: History::default(),
            read: 0,
            told: 0,
        })
    }

    fn poll(&mut self) -> io::Result<bool> {
        let mut file = File::open(self.folder.file(LOG))?;
        // A run that was resumed begins again where its checkpoint was.
        if file.metadata()?.len() < self.read {
            (self.history, self.read) = (History::default(), 0);
        }
        file.seek(SeekFrom::Start(self.read))?;
        let (mut lines, mut line, before) = (BufReader::new(file), String::new(), self.read);
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.read += line.len() as u64;
            self.history.add(&line);
            line.clear();
        }
        Ok(self.read > before)
    }

    /// A line for each epoch that has had none.
    fn lines(&mut self) -> Vec<String> {
        let epochs = self.history.epochs();
        let new = epochs.iter().skip(self.told);
        let lines = new.map(|epoch| self.epoch(epoch)).collect();
        self.told = epochs.len();
        lines
    }

    /// The last epoch, its speed and what is left.
    fn now(&self) -> Vec<String> {
        match self.history.epochs().last() {
            Some(epoch) => vec![self.epoch(epoch), self.speed(epoch)],
            None => vec!["no epoch yet".to_owned()],
        }
    }

    /// The epochs that the run has at most.
    fn last_epoch(&self) -> u64 {
        let own = self.history.start["training"]["epochs"].as_u64();
        let first = self.history.epochs().first();
        let first = first.and_then(|epoch| epoch.get("epoch")?.as_u64());
        own.unwrap_or(0) + first.map_or(0, |first| first.saturating_sub(1))
    }

    fn epoch(&self, epoch: &Map<String, Value>) -> String {
        let number = |name: &str| epoch.get(name).and_then(Value::as_f64);
        let part = |(name, key): (&str, &str)| Some(format!("  {name} {}", figure(number(key)?)));
        let parts = [
            ("train", "train_loss"),
            ("validation", "validation_loss"),
            ("score", "validation_score"),
        ];
        let parts: String = parts.into_iter().filter_map(part).collect();
        let done = number("epoch").unwrap_or(0.0);
        format!("epoch {done}/{}{parts}", self.last_epoch())
    }

    fn speed(&self, epoch: &Map<String, Value>) -> String {
        let number = |name: &str| epoch.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let rate = count(number("rows_per_second") as usize, "row");
        let left = self.last_epoch() as f64 - number("epoch");
        format!(
            "learning rate {}  gradient norm {}  {rate}/s  at most {} s left",
            figure(number("lr")),
            figure(number("gradient_norm")),
            figure(left * number("seconds"))
        )
    }
}

fn ended(end: &Value) -> String {
    let why = end["stopped_by"].as_str().unwrap_or_default();
    let why = why.replace('_', " ");
    let epochs = end["epochs"].as_u64().unwrap_or(0) as usize;
    // Each member of an ensemble has its own.
    let is_single = end["ensemble"].is_null();
    let best = end["best_epoch"].as_u64().filter(|_| is_single);
    let best = best.map_or(String::new(), |best| format!("; weights of epoch {best}"));
    let seconds = figure(end["seconds"].as_f64().unwrap_or(0.0));
    format!(
        "ended after {} ({why}) in {seconds} s{best}",
        count(epochs, "epoch")
    )
}
