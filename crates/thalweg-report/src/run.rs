//! The page of a run.

use serde_json::{Value, json};
use thalweg::Model;
use thalweg::data::Note;
use thalweg::fields::{field, paths_by_flags};
use thalweg::fit::Ended;
use thalweg::model::EnsembleMember;
use thalweg::preset::Reason;
use thalweg::run_folder::{CONFIG, RunFolder};

use crate::history::{EPOCHS, History};
use crate::page::{described, of_kind, page};

/// Notes and their lengths that a page has.
const NOTES: usize = 60;
const CHARACTERS: usize = 600;

/// The page of a run that has ended and left its files in `folder`; `notes` are those reported
/// before and after training.
///
/// # Errors
/// If its log or config cannot be read.
pub fn run(folder: &RunFolder, ended: &Ended, notes: &[Note]) -> std::io::Result<String> {
    let history = History::read(folder)?;
    Ok(page(of_kind(
        "run",
        json!({
            "name": folder.to_string(),
            "start": described(&history.start),
            "curves": history.curves(EPOCHS),
            "steps": history.steps(),
            "layers": history.layers(),
            "members": history.member_curves(),
            "end": history.end,
            "gradient_norm": ended.gradient_norm,
            "metric": ended.config.judging.metric.as_ref().map(|metric| &metric.name),
            "failure": ended.failure.as_ref().map(|text| cut(&paths_by_flags(text), CHARACTERS)),
            "reasons": reasons(&ended.reasons),
            "notes": self::notes(notes),
            "config": std::fs::read_to_string(folder.file(CONFIG))?,
            "inspection": ended.inspection,
            "networks": ended.model.as_ref().map(networks),
        }),
    )))
}

/// The kinds of the layers of a model, which may be another than the network that was trained: of each
/// member of an ensemble its own.
fn networks(model: &Model) -> Value {
    let description = model.description();
    let recipes = match description.networks.as_slice() {
        [] => std::slice::from_ref(&description.network),
        several => several,
    };
    let kinds: Vec<Value> = recipes
        .iter()
        .map(|network| kinds(&json!(network)))
        .collect();
    let of_member = |member: &EnsembleMember| kinds.get(member.recipe);
    match description.members.as_slice() {
        [] => json!(kinds),
        members => members
            .iter()
            .map(|member| json!(of_member(member)))
            .collect(),
    }
}

/// The names of layers and of those inside them.
fn kinds(of: &Value) -> Value {
    match of {
        Value::Array(all) => all.iter().map(kinds).collect(),
        Value::Object(fields) => {
            let named = ["name", "layers", "projection"].into_iter();
            let named = named.filter_map(|name| Some((name.to_owned(), kinds(fields.get(name)?))));
            Value::Object(named.collect())
        }
        other => other.clone(),
    }
}

/// What the preset chose, and why.
pub(crate) fn reasons(reasons: &[Reason]) -> Value {
    let reason = |reason: &Reason| {
        let flag = field(reason.field).and_then(|field| field.flag_name());
        json!({
            "field": reason.field,
            "flag": flag,
            "choice": reason.choice,
            "why": reason.why,
        })
    };
    reasons.iter().map(reason).collect()
}

/// Notes in the words of the command line.
pub(crate) fn notes(notes: &[Note]) -> Value {
    let note = |note: &Note| json!({ "warning": note.warning, "text": cut(&paths_by_flags(&note.text), CHARACTERS) });
    notes.iter().take(NOTES).map(note).collect()
}

/// The beginning of a text.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(characters).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
