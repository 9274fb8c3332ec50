//! The rows of an archive some at a time: those of X come as they are unpacked, and its targets and weights are held.

use super::{Role, beside, note_on_unused, role};
use crate::error::{Error, Location, Note, Result};
use crate::input::Input;
use crate::numpy::{Array, zip};
use crate::options::ReadOptions;
use crate::table::Table;

/// The arrays of an archive in a file.
struct Arrays {
    file: String,
    members: Vec<zip::InFile>,
}

impl Arrays {
    /// None where it is not whole, which reading it at once says, or is no file.
    fn of(input: &Input) -> Option<Self> {
        let members = zip::in_file(input.whole.as_ref()?).ok()?;
        let file = input.file.clone();
        Some(Self { file, members })
    }

    fn names(&self) -> Vec<String> {
        let name = |member: &zip::InFile| member.name.trim_end_matches(".npy").to_owned();
        self.members.iter().map(name).collect()
    }

    /// How many arrays hold that, and of a test part.
    fn count(&self, wanted: Role, test: bool) -> usize {
        let names = self.names();
        let is = |name: &&String| role(name) == Some((wanted, test));
        names.iter().filter(is).count()
    }

    /// The array that holds that.
    fn open(&self, wanted: Role) -> Result<Option<Input>> {
        let names = self.names();
        let mut all = names.iter().zip(&self.members);
        let Some((name, member)) = all.find(|(name, _)| role(name) == Some((wanted, false))) else {
            return Ok(None);
        };
        let reader = member.reader().map_err(|found| {
            let error = Error::invalid(Location::file(&self.file), found, "an .npz file");
            error.remedy("write it again with numpy.savez")
        })?;
        Input::stream(&format!("{}[{name}]", self.file), reader).map(Some)
    }

    fn held(&self, wanted: Role) -> Result<Option<Array>> {
        let input = self.open(wanted)?;
        input.map(|mut input| Array::read(&mut input)).transpose()
    }
}

/// Whether an archive has one X, whose rows come one behind the other, and no rows beside it.
pub fn fits(input: &mut Input) -> Result<bool> {
    let Some(arrays) = Arrays::of(input) else {
        return Ok(false);
    };
    let [x, y, weights] = [Role::Features, Role::Targets, Role::Weights];
    let is_plain = arrays.count(x, false) == 1
        && [y, weights]
            .iter()
            .all(|role| arrays.count(*role, false) < 2)
        && [x, y, weights]
            .iter()
            .all(|role| arrays.count(*role, true) == 0)
        && !arrays.names().iter().any(|name| name == "format");
    match arrays.open(x)? {
        Some(mut input) if is_plain => Array::is_in_pieces(&mut input),
        _ => Ok(false),
    }
}

/// Rows and cells.
pub fn size(input: &mut Input, _: u64) -> Result<(u64, u64)> {
    let x = Arrays::of(input).map(|arrays| arrays.open(Role::Features));
    match x.transpose()?.flatten() {
        Some(mut input) => Array::size(&mut input).map(|(rows, cells)| (rows, cells + 2 * rows)),
        None => Ok((0, 0)),
    }
}

/// The rows in pieces.
pub fn chunks(
    input: Input,
    _: &ReadOptions,
    size: usize,
    visit: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<Vec<Note>> {
    let fail = || Error::invalid(Location::file(&input.file), "no array X", "an .npz file");
    let arrays = Arrays::of(&input).ok_or_else(fail)?;
    let mut x = arrays.open(Role::Features)?.ok_or_else(fail)?;
    let of_shape = arrays.open(Role::Features)?;
    let (rows, _) = of_shape.map_or(Ok((0, 0)), |mut input| Array::size(&mut input))?;
    let (y, weights) = (arrays.held(Role::Targets)?, arrays.held(Role::Weights)?);
    let all = beside(&arrays.file, rows as usize, y, weights, "")?;
    let mut start = 0;
    Array::each(&mut x, size, &mut |array| {
        let part: Vec<usize> = (start..start + array.rows()).collect();
        start += part.len();
        let mut table = all.keep(&part);
        table
            .columns
            .insert(0, array.into_column("X", &arrays.file)?);
        visit(table)
    })?;
    Ok(note_on_unused(&arrays.names()).into_iter().collect())
}
