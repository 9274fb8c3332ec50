//! A column that grows by columns of the same kind.

use std::collections::HashMap;

use thalweg_core::dataset::Values;

use crate::table::{ColumnData, MISSING};

/// A column so far, with the codes of its texts.
#[derive(Debug, Default)]
pub(super) struct Growing {
    data: Option<ColumnData>,
    codes: HashMap<String, u32>,
}

impl Growing {
    /// Adds a column; whether it is of the same kind.
    pub fn add(&mut self, added: ColumnData) -> bool {
        let Some(data) = &mut self.data else {
            if let ColumnData::Text(text) = &added {
                self.codes = text.levels.iter().cloned().zip(0..).collect();
            }
            self.data = Some(added);
            return true;
        };
        match (data, added) {
            (ColumnData::Numeric(all), ColumnData::Numeric(added))
            | (ColumnData::Time(all), ColumnData::Time(added)) => {
                all.extend(added);
            }
            (ColumnData::Text(all), ColumnData::Text(added)) => {
                let mut code_of = |text: String| match self.codes.get(&text) {
                    Some(code) => *code,
                    None => {
                        let code = all.levels.len() as u32;
                        all.levels.push(text.clone());
                        self.codes.insert(text, code);
                        code
                    }
                };
                let codes: Vec<u32> = added.levels.into_iter().map(&mut code_of).collect();
                let word_of = |word: String| {
                    let known = all.words.iter().position(|known| *known == word);
                    let i = known.unwrap_or_else(|| {
                        all.words.push(word);
                        all.words.len() - 1
                    });
                    MISSING - 1 - i as u32
                };
                let words: Vec<u32> = added.words.into_iter().map(word_of).collect();
                let word = |code: u32| {
                    words
                        .get((MISSING - 1).wrapping_sub(code) as usize)
                        .copied()
                };
                let code = |code: u32| {
                    codes
                        .get(code as usize)
                        .copied()
                        .or_else(|| word(code))
                        .unwrap_or(MISSING)
                };
                all.codes.extend(added.codes.into_iter().map(code));
            }
            (ColumnData::Block(all), ColumnData::Block(added)) if all.shape == added.shape => {
                return extend(&mut all.values, added.values);
            }
            _ => return false,
        }
        true
    }

    /// The column; without any, one of numbers.
    pub fn finish(self) -> ColumnData {
        self.data.unwrap_or(ColumnData::Numeric(Vec::new()))
    }
}

fn extend(all: &mut Values, added: Values) -> bool {
    match (all, added) {
        (Values::Sparse(all), Values::Sparse(added)) => return all.append(&added).is_ok(),
        (Values::F32(all), Values::F32(added)) => all.extend(added),
        (Values::F64(all), Values::F64(added)) => all.extend(added),
        (
            Values::U8 {
                bytes,
                scale,
                offset,
            },
            Values::U8 {
                bytes: added,
                scale: s,
                offset: o,
            },
        ) if (*scale, *offset) == (s, o) => {
            bytes.extend(added);
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TextColumn;

    #[test]
    fn texts_keep_what_they_say_whatever_their_codes_are() {
        let text = |codes: &[u32], levels: &[&str], words: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|text| text.to_string()).collect();
            ColumnData::Text(TextColumn {
                codes: codes.to_vec(),
                levels: owned(levels),
                words: owned(words),
            })
        };
        let mut all = Growing::default();
        assert!(all.add(text(&[0, 1, MISSING], &["a", "b"], &["NA"])));
        assert!(all.add(text(&[0, 1, MISSING - 1, MISSING], &["b", "c"], &["None"])));
        assert!(!all.add(ColumnData::Numeric(vec![1.0])));
        let expected = text(
            &[0, 1, MISSING, 1, 2, MISSING - 2, MISSING],
            &["a", "b", "c"],
            &["NA", "None"],
        );
        assert_eq!(all.finish(), expected);
    }
}
