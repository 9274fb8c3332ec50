//! What a model predicts for the rows of a file.

use std::io::{self, Write};

use thalweg_core::dataset::Dataset;
use thalweg_core::error::Error;
use thalweg_core::losses::{LOSSES, Link};
use thalweg_core::metrics::Decision;
use thalweg_data::table::number_text;
use thalweg_data::{
    Column, Error as DataError, Loaded, Note, Part, Preprocessing, ReadAs, ReadOptions, Reading,
    Table, Task,
};

use crate::error::Result;
use crate::inspection::{Inspect, Inspection, Subject, inspect};
use crate::load;
use crate::middle::{self, medians};
use crate::model::Model;
use crate::pieces::{Gathered, News, Unusual};
use crate::scores::Scores;
use crate::threads::threads_or_all;

mod columns;

use columns::{as_columns, cell, kept};

/// The predictions for many rows.
#[derive(Debug)]
pub struct Predictions<'a> {
    /// As [`Model::predict`] gives them: [`Predictions::width`] a row.
    pub values: Vec<f64>,
    /// As [`Model::predict_intervals`] gives them.
    pub intervals: Option<Vec<[f64; 2]>>,
    /// As [`Model::predict_spread`] gives it, where it is asked for.
    pub spread: Option<Vec<f64>>,
    /// What should be known of the rows.
    pub notes: Vec<Note>,
    preprocessing: &'a Preprocessing,
    link: Link,
    has_probabilities: bool,
    /// Columns of the file that go before the predictions.
    kept: Vec<Column>,
    decision: &'a Decision,
}

/// What a line of predictions holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// A number, the likeliest class, or for a label false or true as the file spells it.
    Answers,
    /// The probability of each class or label.
    Probabilities,
}

impl Model {
    /// Predicts the rows of a file, a folder, or a built-in set, whose columns may come in any
    /// order.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("flowers.csv");
    /// # std::fs::write(&path, "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n")?;
    /// let model = thalweg::Trainer::from_file("builtin:iris").set("training.epochs", 20).fit()?;
    /// # let name = thalweg::data::read(&thalweg::data::Source::parse("builtin:iris")?, &Default::default())?;
    /// let predictions = model.predict_file("builtin:iris")?;
    /// assert_eq!(predictions.labels()[0], "setosa");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read, or lacks a column of the model.
    pub fn predict_file(&self, source: impl AsRef<str>) -> Result<Predictions<'_>> {
        self.predict_source(source.as_ref(), ReadOptions::default())
    }

    /// The same for a file that is read as the options say.
    ///
    /// # Errors
    /// As [`Model::predict_file`].
    pub fn predict_source(&self, source: &str, options: ReadOptions) -> Result<Predictions<'_>> {
        self.predict_keeping(source, options, &[])
    }

    /// The same with how far the members of an ensemble are apart: see [`Model::predict_spread`].
    ///
    /// # Errors
    /// As [`Model::predict_keeping`], and if the model is no ensemble.
    pub fn predict_with_spread(
        &self,
        source: &str,
        options: ReadOptions,
        keep: &[String],
    ) -> Result<Predictions<'_>> {
        self.check_spread()?;
        self.predict_all(source, options, keep, true)
    }

    /// The same with columns of the file, such as identifiers, in front of the predictions.
    ///
    /// # Errors
    /// As [`Model::predict_file`], and if there is no such column, or it holds several numbers a row.
    pub fn predict_keeping(
        &self,
        source: &str,
        options: ReadOptions,
        keep: &[String],
    ) -> Result<Predictions<'_>> {
        self.predict_all(source, options, keep, false)
    }

    fn predict_all(
        &self,
        source: &str,
        options: ReadOptions,
        keep: &[String],
        spreads: bool,
    ) -> Result<Predictions<'_>> {
        let options = self.keeping(options, keep);
        let loaded = load::load_for(self.description(), source, options)?;
        let mut unusual = Unusual::of(self.description());
        let mut predictions = self.predict_loaded(loaded, keep, spreads, &mut unusual)?;
        predictions.notes.extend(unusual.notes()?);
        Ok(predictions)
    }

    /// Refuses to say how far the members of a single network are apart.
    fn check_spread(&self) -> Result<()> {
        if self.has_members()? {
            return Ok(());
        }
        let found = "a single network";
        let error = Error::invalid("`spread`", found, "an ensemble, whose members differ");
        Err(error.remedy("train one by `ensemble.members`").into())
    }

    /// The same in pieces, in the order of the rows, so that a file of any size is predicted: delimited text and caches.
    /// Others are one piece. Beside the columns to keep stands whether the members of an ensemble are compared.
    ///
    /// # Errors
    /// As [`Model::predict_with_spread`], and those of `visit`.
    pub fn predict_each(
        &self,
        source: &str,
        options: ReadOptions,
        (keep, spreads): (&[String], bool),
        visit: &mut dyn FnMut(Predictions<'_>) -> Result<()>,
    ) -> Result<Vec<Note>> {
        if spreads {
            self.check_spread()?;
        }
        let options = self.keeping(options, keep);
        let (mut news, mut unusual) = (News::default(), Unusual::of(self.description()));
        let mut more = load::each_for(self.description(), source, options, &mut |loaded| {
            let mut predictions = self.predict_loaded(loaded, keep, spreads, &mut unusual)?;
            predictions.notes.retain(|note| news.is_new(note));
            visit(predictions)
        })?;
        more.retain(|note| news.is_new(note));
        more.extend(unusual.notes()?);
        Ok(more)
    }

    /// Columns that are kept are as they are written, unless the model reads them.
    fn keeping(&self, mut options: ReadOptions, keep: &[String]) -> ReadOptions {
        let inputs = &self.description().preprocessing.inputs;
        let is_input = |name: &&String| inputs.iter().any(|input| input.name == **name);
        let kept_alone = keep.iter().filter(|name| !is_input(name));
        let as_text = |name: &String| (name.clone(), Reading::of(ReadAs::Text, ""));
        options.columns.extend(kept_alone.map(as_text));
        options
    }

    fn predict_loaded(
        &self,
        loaded: Loaded,
        keep: &[String],
        spreads: bool,
        unusual: &mut Unusual,
    ) -> Result<Predictions<'_>> {
        let description = self.description();
        let preprocessing = &description.preprocessing;
        let table = &loaded.train;
        let keep = match keep {
            [] => table.roles.names.as_slice(),
            keep => keep,
        };
        let dtype = description.training.dtype;
        let (rows, bound) = (table.all_rows(), preprocessing.bind(table)?);
        let features = bound.features(&rows, dtype)?;
        unusual.add_unseen(bound.unseen(&rows));
        unusual.add_far(features.view());
        let mut values = self.outputs(&features)?;
        let intervals = self.intervals(&values);
        self.to_user_units(&mut values);
        check_finite(&loaded.train, &values)?;
        let spread = match spreads {
            true => self.predict_spread(&features)?,
            false => None,
        };
        Ok(Predictions {
            values,
            intervals,
            notes: (loaded.notes.into_iter())
                .chain(bound.notes(keep))
                .collect(),
            spread,
            preprocessing,
            kept: kept(table, keep)?,
            has_probabilities: self.has_probabilities()?,
            link: LOSSES.build(&description.network.loss, &())?.link(),
            decision: &description.decision,
        })
    }

    /// Scores of rows whose targets are known, with notes on these rows. Delimited text and caches are read in pieces,
    /// of which predictions and targets are kept.
    ///
    /// # Errors
    /// As [`Model::predict_file`], and if a target is none of the model's.
    pub fn evaluate_source(
        &self,
        source: &str,
        options: ReadOptions,
    ) -> Result<(Scores, Vec<Note>)> {
        let (mut news, mut notes) = (News::default(), Vec::new());
        let (mut gathered, mut unusual) = (Gathered::default(), Unusual::of(self.description()));
        let mut engine = self.engine(threads_or_all(self.threads()))?;
        let more = load::each_for(self.description(), source, options, &mut |loaded| {
            let (rows, more) = self.rows_of(loaded, &mut unusual)?;
            notes.extend(more.into_iter().filter(|note| news.is_new(note)));
            gathered.add(&mut *engine, rows)
        })?;
        notes.extend(more.into_iter().filter(|note| news.is_new(note)));
        notes.extend(unusual.notes()?);
        notes.extend(self.note_on_scores());
        Ok((gathered.scores(&self.judge()?)?, notes))
    }

    /// The same, with what a report shows of these rows, if it is asked for.
    ///
    /// # Errors
    /// As [`Model::evaluate_source`].
    pub fn inspect_source(
        &self,
        source: &str,
        options: ReadOptions,
        what: Option<Inspect>,
    ) -> Result<(Scores, Vec<Note>, Option<Inspection>)> {
        let Some(what) = what else {
            let (scores, notes) = self.evaluate_source(source, options)?;
            return Ok((scores, notes, None));
        };
        let loaded = load::load_for(self.description(), source, options)?;
        let description = self.description();
        let mut unusual = Unusual::of(description);
        let (dataset, mut notes) = self.rows_of(loaded, &mut unusual)?;
        notes.extend(unusual.notes()?);
        notes.extend(self.note_on_scores());
        let mut engine = self.engine(threads_or_all(self.threads()))?;
        let subject = Subject {
            part: "rows",
            dataset: dataset.view(),
            decision: &description.decision,
            metric: description.judging.metric_name(),
            numbers: None,
            training: None,
            budget: dataset.rows(),
        };
        let inspection = inspect(
            &mut *engine,
            &description.preprocessing,
            &description.network,
            &subject,
            what,
        )?;
        Ok((self.evaluate(&dataset)?, notes, Some(inspection)))
    }

    /// What the metrics of a model of quantiles are of.
    fn note_on_scores(&self) -> Option<Note> {
        let description = self.description();
        middle::note(&description.preprocessing, description.interval.is_some())
    }

    /// Rows with their targets, as the network sees them, and notes on them; what is unusual is counted.
    pub(crate) fn rows_of(
        &self,
        loaded: Loaded,
        unusual: &mut Unusual,
    ) -> Result<(Dataset, Vec<Note>)> {
        let description = self.description();
        let preprocessing = &description.preprocessing;
        let (targets, classes) = (&preprocessing.target.columns, preprocessing.classes());
        let weights = preprocessing.sample_weight.as_deref();
        unusual.lacks_weights |= weights.is_some_and(|name| loaded.train.column(name).is_none());
        let table = (unusual.left_out).keep(&loaded.train, weights, targets, Some(classes))?;
        let (table, dtype) = (&*table, description.training.dtype);
        let (rows, bound) = (table.all_rows(), preprocessing.bind(table)?);
        let loss = &description.network.loss;
        let dataset = bound.dataset(Part::new("rows", &rows[..]), dtype);
        let dataset = dataset.and_then(|dataset| {
            let (parts, tables) = ([&dataset].into_iter(), [table].into_iter());
            load::check_domain(preprocessing, parts, tables, loss)?;
            Ok(dataset)
        });
        let dataset = dataset.map_err(|error| load::to_correct(error, &preprocessing.target))?;
        let notes = (loaded.notes.into_iter()).chain(bound.notes(&[])).collect();
        unusual.add_unseen(bound.unseen(&rows));
        unusual.add_far(dataset.features.view());
        unusual.add_known(&loaded.train, dataset.view());
        Ok((dataset, notes))
    }

    /// Whether predictions are probabilities of classes or labels.
    ///
    /// # Errors
    /// If the model's network is not valid.
    pub fn has_probabilities(&self) -> Result<bool> {
        let network = &self.description().network;
        let link = LOSSES.build(&network.loss, &())?.link();
        // Of 0 and 1, squared error learns the mean, which is the probability of 1.
        Ok(self.description().preprocessing.task() != Task::Regression
            && (link.makes_probabilities()
                || (link == Link::Identity && network.ends_in_probabilities()?)))
    }
}

/// Refuses a prediction that is not finite, as of inputs whose sum overflows.
fn check_finite(table: &Table, values: &[f64]) -> Result<()> {
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let row = at * table.rows / values.len().max(1);
    let error = DataError::invalid(
        table.line_of(row),
        format!("a prediction that is {}", values[at]),
        "a finite number",
    );
    Err(error
        .remedy("look for values in the row that are far beyond those of the training")
        .into())
}

impl<'a> Predictions<'a> {
    /// Predictions of a model, or the mean of those of several like it, answered by a decision.
    pub(crate) fn of(model: &'a Model, values: Vec<f64>, decision: &'a Decision) -> Result<Self> {
        let description = model.description();
        Ok(Self {
            values,
            intervals: None,
            notes: Vec::new(),
            spread: None,
            preprocessing: &description.preprocessing,
            link: LOSSES.build(&description.network.loss, &())?.link(),
            has_probabilities: model.has_probabilities()?,
            kept: Vec::new(),
            decision,
        })
    }
}

impl Predictions<'_> {
    /// Values a row.
    pub fn width(&self) -> usize {
        self.preprocessing.output_width().max(1)
    }

    /// The class of each row, by the model's decision; empty where the task has none.
    pub fn labels(&self) -> Vec<&str> {
        match self.preprocessing.classes() {
            [] => Vec::new(),
            _ => self.rows().map(|row| self.class(row)).collect(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.width())
    }

    fn class(&self, row: &[f64]) -> &str {
        let class = self
            .preprocessing
            .class(self.decision.class(self.link, row));
        class.unwrap_or_default()
    }

    /// Writes them as CSV with a header: the names of the targets (`TARGET_predicted` beside a kept
    /// column of that name), or `TARGET=CLASS` for probabilities; `TARGET_low` and `TARGET_high` are the bounds of an interval, and of several
    /// quantiles each is in a column `TARGET_q0.05`.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_csv(&self, output: &mut impl Write, columns: Columns) -> io::Result<()> {
        let names = self.kept.iter().map(|column| column.name.clone());
        let header: Vec<String> = (names.chain(self.header(columns)))
            .map(|name| cell(&name))
            .collect();
        writeln!(output, "{}", header.join(","))?;
        self.write_rows(output, columns)
    }

    /// The same without the header.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_rows(&self, output: &mut impl Write, columns: Columns) -> io::Result<()> {
        for (index, texts) in self.lines(columns).enumerate() {
            let kept = (self.kept.iter()).map(|column| column.text(index).unwrap_or_default());
            let cells: Vec<String> = kept.chain(texts).map(|text| cell(&text)).collect();
            writeln!(output, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// The same as a table, to be written in any format.
    pub fn table(&self, columns: Columns) -> Table {
        let rows: Vec<Vec<String>> = self.lines(columns).collect();
        let is_text = |at| columns == Columns::Answers && self.is_text(at);
        let predicted = as_columns(self.header(columns).into_iter(), &rows, is_text);
        let columns = self.kept.iter().cloned().chain(predicted).collect();
        Table::without_lines("predictions".to_owned(), rows.len(), columns)
    }

    /// The cells of each row: predictions, and behind them how far members are apart.
    pub(crate) fn lines(&self, columns: Columns) -> impl Iterator<Item = Vec<String>> {
        let targets = self.preprocessing.target.columns.len().max(1);
        let mut intervals = (self.intervals.iter()).flat_map(move |all| all.chunks(targets));
        let mut spread = (self.spread.iter()).flat_map(|all| all.chunks(self.width()));
        self.rows().map(move |row| {
            let mut cells = match intervals.next() {
                Some(intervals) => self.between(row, intervals),
                None => self.cells(row, columns),
            };
            if let Some(spread) = spread.next() {
                cells.extend(self.spread_of(spread, columns).map(number_text));
            }
            cells
        })
    }

    /// How far members are apart, in the columns of the predictions: both of two probabilities are
    /// equally far.
    fn spread_of<'s>(&self, spread: &'s [f64], columns: Columns) -> impl Iterator<Item = f64> + 's {
        let of_two = self.preprocessing.task() == Task::Binary && columns == Columns::Probabilities;
        let times = if of_two { 2 } else { 1 };
        let answers = match self.intervals.is_some() {
            true => medians(self.preprocessing, spread.to_vec()),
            false => spread.to_vec(),
        };
        let each = move |one| std::iter::repeat_n(one, times);
        answers.into_iter().flat_map(each)
    }

    /// Whether an answer is a word: a class, or a label that the file does not spell 0 or 1.
    fn is_text(&self, at: usize) -> bool {
        let target = &self.preprocessing.target;
        let mut labels = target.labels.get(at).into_iter();
        !target.classes.is_empty() || labels.any(|words| words != &["0", "1"])
    }

    /// Cells of answers, a line a row, as columns `NAME_predicted`, and probabilities beside them.
    pub(crate) fn held_out_columns(&self, lines: &[Vec<String>]) -> Result<Vec<Column>> {
        let names = self.header(Columns::Answers).into_iter();
        let names = names.map(|name| format!("{name}_predicted"));
        let mut columns = as_columns(names, lines, |at| self.is_text(at));
        if self.has_probabilities {
            // Labels have the names of their columns.
            let names = self.header(Columns::Probabilities).into_iter();
            let names = names.map(|name| match name.contains('=') {
                true => name,
                false => format!("{name}=1"),
            });
            let lines: Vec<Vec<String>> = self.lines(Columns::Probabilities).collect();
            columns.extend(as_columns(names, &lines, |_| false));
        }
        Ok(columns)
    }

    /// Each number and the interval around it.
    fn between(&self, row: &[f64], intervals: &[[f64; 2]]) -> Vec<String> {
        let answers = medians(self.preprocessing, row.to_vec());
        let all = answers.into_iter().zip(intervals);
        all.flat_map(|(answer, [low, high])| [answer, *low, *high].map(number_text))
            .collect()
    }

    pub(crate) fn header(&self, columns: Columns) -> Vec<String> {
        let mut names = self.names(columns);
        if self.spread.is_some() {
            let of_answers = names.iter().filter(|name| match self.intervals {
                Some(_) => !name.ends_with("_low") && !name.ends_with("_high"),
                None => true,
            });
            let spread: Vec<String> = of_answers.map(|name| format!("{name}_spread")).collect();
            names.extend(spread);
        }
        for name in &mut names {
            if self.kept.iter().any(|column| column.name == *name) {
                name.push_str("_predicted");
            }
        }
        names
    }

    fn names(&self, columns: Columns) -> Vec<String> {
        let target = &self.preprocessing.target;
        let names = target.columns.iter();
        if self.intervals.is_some() {
            let each =
                |name: &String| [name.clone(), format!("{name}_low"), format!("{name}_high")];
            return names.flat_map(each).collect();
        }
        if let quantiles @ [_, _, ..] = target.quantiles.as_slice() {
            let one = |name: &String, quantile: &f64| format!("{name}_q{}", number_text(*quantile));
            let each = |name| quantiles.iter().map(move |quantile| one(name, quantile));
            return names.flat_map(each).collect();
        }
        match (columns, target.columns.as_slice()) {
            (Columns::Probabilities, [name]) if !target.classes.is_empty() => {
                let classes = target.classes.iter();
                classes.map(|class| format!("{name}={class}")).collect()
            }
            (_, names) => names.to_vec(),
        }
    }

    fn cells(&self, row: &[f64], columns: Columns) -> Vec<String> {
        match (self.preprocessing.task(), columns, row) {
            (Task::Binary, Columns::Probabilities, [p]) => {
                vec![number_text(1.0 - p), number_text(*p)]
            }
            (Task::Regression, ..) | (_, Columns::Probabilities, _) => {
                row.iter().copied().map(number_text).collect()
            }
            (Task::Multilabel, Columns::Answers, _) => {
                let label = |(label, p): (usize, &f64)| {
                    let holds = self.decision.has_label(self.link, *p, label);
                    self.preprocessing.target.label(label, holds).to_owned()
                };
                row.iter().enumerate().map(label).collect()
            }
            (Task::Binary | Task::Multiclass, Columns::Answers, _) => {
                vec![self.class(row).to_owned()]
            }
        }
    }
}
