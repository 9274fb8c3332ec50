//! Arguments that a message names although one that was given excludes them: the message says that they
//! stand in the place of that one.

use thalweg::fields::FIELDS;

/// The line with that said of the arguments of this process.
pub fn worded(line: &str) -> String {
    let given = std::env::args_os().filter_map(|word| {
        let word = word.to_str()?.split('=').next()?.to_owned();
        word.starts_with("--").then_some(word)
    });
    beside(line, &given.collect::<Vec<_>>())
}

/// The same of arguments that were `given`.
fn beside(line: &str, given: &[String]) -> String {
    let mut line = line.to_owned();
    for (name, excludes) in arguments().filter(|(name, _)| !given.iter().any(|word| word == name)) {
        let is_excluded = |word: &&String| {
            let by_other = |(other, of): (&str, &[&str])| other == **word && of.contains(&name);
            excludes.contains(&word.as_str()) || arguments().any(by_other)
        };
        let other = given.iter().find(is_excluded);
        if let Some((other, end)) = other.and_then(|other| Some((other, clause(&line, name)?))) {
            line.insert_str(end, &format!(" (in the place of {other})"));
        }
    }
    line
}

/// The arguments for fields, with those that they exclude.
fn arguments() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FIELDS
        .iter()
        .filter_map(|field| Some((field.flag?.name, field.excludes)))
}

/// Where the words end that ask for an argument, if some do.
fn clause(line: &str, name: &str) -> Option<usize> {
    let is_within = |c: char| c == '-' || c.is_alphanumeric();
    let (start, _) = line.match_indices(name).find(|(start, _)| {
        let after = &line[start + name.len()..];
        // What was found wrong is what was given, also where a switch gave it.
        let is_asked =
            |before: &str| !before.ends_with("leave out ") && !before.ends_with("thalweg: ");
        !after.starts_with(is_within) && is_asked(&line[..*start])
    })?;
    let ends = [", ", "; ", ": ", ")"];
    let ends = ends.iter().filter_map(|end| line[start..].find(end));
    let end = ends.min().map_or(line.len(), |end| start + end);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excludes_a_remedy_is_named_beside_it() {
        let beside = |line: &str, given: &str| beside(line, &[given.to_owned()]);
        for (line, given, told) in [
            (
                "leave out --metric, or choose a larger --validation-fraction, or none",
                "--no-validation",
                "leave out --metric, or choose a larger --validation-fraction (in the place of --no-validation), or none",
            ),
            (
                "draw them from DATA by --validation-fraction 0.1",
                "--validation",
                "draw them from DATA by --validation-fraction 0.1 (in the place of --validation)",
            ),
            (
                "standardize them by --scaling standard",
                "--no-standardize",
                "standardize them by --scaling standard (in the place of --no-standardize)",
            ),
        ] {
            assert_eq!(beside(line, given), told);
            assert_eq!(beside(line, "--epochs"), line);
        }
        for line in [
            "leave out --validation-fraction",
            "thalweg: --validation-fraction: found",
        ] {
            assert_eq!(beside(line, "--no-validation"), line);
        }
    }
}
