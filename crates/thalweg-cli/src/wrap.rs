//! Lines as wide as the terminal: wrapped at words, cut, or in blocks of columns.

use std::io::{self, Write};
use std::ops::Range;

use console::Term;
use thalweg::text;

/// Lines that begin further to the right are no rows of columns.
const FAR: usize = 8;

/// Columns and lines of the terminal.
pub fn size() -> (usize, usize) {
    let (lines, columns) = Term::stdout().size();
    (usize::from(columns), usize::from(lines))
}

/// A text as a stream shows it: wrapped at words on a terminal, else as it is.
pub fn on(stream: &Term, text: &str) -> String {
    match stream.is_term() {
        true => words(text, usize::from(stream.size().1)),
        false => text.to_owned(),
    }
}

/// Prints lines of a result on standard output, wrapped as [`on`] does.
///
/// # Errors
/// If the reader has gone.
pub fn print(output: &mut impl Write, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let stream = Term::stdout();
    let mut lines = lines.into_iter();
    lines.try_for_each(|line| writeln!(output, "{}", on(&stream, &line)))
}

/// Texts in columns, the first to the left; on a terminal in blocks that are no wider than it.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    blocks(rows, width())
}

/// Characters that a line of standard output may have.
pub fn width() -> usize {
    match Term::stdout().is_term() {
        true => size().0,
        false => usize::MAX,
    }
}

/// As many columns as fit into `width`, below them the others, each time with the first column.
fn blocks(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, j: usize| row.get(j).cloned().unwrap_or_default();
    let part = |range: Range<usize>| -> Vec<String> {
        let of = |row: &Vec<String>| {
            let chosen = range.clone().map(|j| cell(row, j));
            std::iter::once(cell(row, 0)).chain(chosen).collect()
        };
        text::columns(&rows.iter().map(of).collect::<Vec<_>>())
    };
    let widest = |lines: &[String]| lines.iter().map(|line| line.chars().count()).max();
    let fits = |lines: &[String]| widest(lines).unwrap_or(0) <= width;
    if count < 2 {
        return text::columns(rows);
    }
    let (mut lines, mut from) = (Vec::new(), 1);
    while from < count {
        let more = |to: &usize| fits(&part(from..to + 1));
        let to = (from + 1..count).take_while(more).last();
        let to = to.map_or(from + 1, |to| to + 1);
        lines.extend((from > 1).then(String::new));
        lines.extend(part(from..to));
        from = to;
    }
    lines
}

/// A text in lines of at most `width` columns. The later ones of a line begin where its last column does,
/// which follows two spaces or more; of a line without columns, or far to the right itself, two more to
/// the right than it. What is drawn stays as it is.
fn words(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| wrapped(line, width)).collect();
    lines.join("\n")
}

fn wrapped(line: &str, width: usize) -> String {
    if line.chars().count() <= width || line.contains(['│', '└']) {
        return line.to_owned();
    }
    let indent = hanging(line).min(2 * width / 3);
    let mut wrapped = String::new();
    let mut column = 0;
    for (i, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if i > 0 && column + 1 + length > width && column > indent {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if i > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Where the later lines begin.
fn hanging(line: &str) -> usize {
    let chars: Vec<char> = line.chars().collect();
    let own = chars.iter().take_while(|c| **c == ' ').count();
    if own >= FAR {
        return own + 2;
    }
    let gap = (own + 1..chars.len().saturating_sub(2))
        .rev()
        .find(|&i| chars[i] == ' ' && chars[i - 1] == ' ' && chars[i + 1] != ' ');
    gap.map_or(own + 2, |gap| gap + 1)
}

/// The beginning of a line, without characters that would move the cursor.
pub fn cut(line: &str, width: usize) -> String {
    let printable = line.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wrap_at_words_below_their_last_column() {
        let line = "  --lr  0.001  Adam takes it where nothing else is known";
        let expected = "  --lr  0.001  Adam takes it\n               where nothing else\n               is known";
        assert_eq!(words(line, 33), expected);
        assert_eq!(words("note: a b c d", 10), "note: a b\n  c d");
        assert_eq!(words("narrow", 10), "narrow");
        let long = "x".repeat(30);
        assert_eq!(words(&long, 10), long, "a word is not cut");
        assert_eq!(
            words("two\nlines that are long", 11),
            "two\nlines that\n  are long"
        );
    }

    #[test]
    fn columns_that_do_not_fit_stand_below_the_others() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["run", "a", "long", "b"]),
            row(["loss", "0.5", "1", "2"]),
        ];
        assert_eq!(
            blocks(&rows, 80),
            ["run     a  long  b", "loss  0.5     1  2"]
        );
        let expected = [
            "run     a",
            "loss  0.5",
            "",
            "run   long  b",
            "loss     1  2",
        ];
        assert_eq!(blocks(&rows, 13), expected);
        assert_eq!(blocks(&rows, 3).len(), 8, "a column a block at least");
    }

    #[test]
    fn no_line_moves_the_cursor() {
        assert_eq!(cut("a\u{1b}[2Jb", 4), "a [2");
    }
}
