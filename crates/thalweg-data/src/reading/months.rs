//! Names of months and days of the week: one line each a language.

/// January to December, without accents.
const MONTHS: [&str; 7] = [
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
];
/// Short forms that are no beginnings of names.
const SHORT: [(&str, i64); 6] = [
    ("sept", 9),
    ("setiembre", 9),
    ("mrz", 3),
    ("mrt", 3),
    ("fevr", 2),
    ("janner", 1),
];
/// Monday to Sunday.
const DAYS: [&str; 7] = [
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miercoles jueves viernes sabado domingo",
    "lunedi martedi mercoledi giovedi venerdi sabato domenica",
    "segunda terca quarta quinta sexta sabado domingo",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
];
/// Letters that tell a month; of a day two are enough.
const LEAST: usize = 3;

/// The number of a month from its name or the first letters of it; none where these are of several.
pub(super) fn month(word: &str) -> Option<i64> {
    let word = plain(word).filter(|word| word.len() >= LEAST)?;
    let short = SHORT.iter().find(|(short, _)| *short == word);
    let mut numbers = MONTHS.iter().flat_map(|names| (1..).zip(names.split(' ')));
    let is_it = |(number, name): (i64, &str)| name.starts_with(&word).then_some(number);
    let found = short.map_or_else(
        || numbers.by_ref().find_map(is_it),
        |(_, number)| Some(*number),
    )?;
    let is_other = |(number, name): (i64, &str)| number != found && name.starts_with(&word);
    (!numbers.any(is_other)).then_some(found)
}

/// Whether a word is a day of the week.
pub(super) fn is_weekday(word: &str) -> bool {
    let days = || DAYS.iter().flat_map(|days| days.split(' '));
    plain(word).is_some_and(|word| word.len() > 1 && days().any(|day| day.starts_with(&word)))
}

/// Letters in lower case without accents; none where there are other characters.
fn plain(word: &str) -> Option<String> {
    let letter = |c: char| match c {
        'a'..='z' => Some(c),
        'á' | 'à' | 'â' | 'ä' | 'ã' => Some('a'),
        'é' | 'è' | 'ê' => Some('e'),
        'í' | 'ì' => Some('i'),
        'ó' | 'ò' | 'ô' => Some('o'),
        'ú' | 'ù' | 'û' | 'ü' => Some('u'),
        'ç' => Some('c'),
        _ => None,
    };
    word.chars()
        .flat_map(char::to_lowercase)
        .map(letter)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_by_names_and_first_letters() {
        for (word, number) in [
            ("Mar", 3),
            ("März", 3),
            ("mrz", 3),
            ("marzo", 3),
            ("MARS", 3),
            ("março", 3),
            ("Mai", 5),
            ("mei", 5),
            ("mag", 5),
            ("juin", 6),
            ("juil", 7),
            ("lug", 7),
            ("giu", 6),
            ("août", 8),
            ("ago", 8),
            ("Sept", 9),
            ("set", 9),
            ("Okt", 10),
            ("out", 10),
            ("ott", 10),
            ("févr", 2),
            ("ene", 1),
            ("gen", 1),
            ("Dez", 12),
            ("dic", 12),
            ("déc", 12),
            ("Jän", 1),
            ("Jänner", 1),
        ] {
            assert_eq!(month(word), Some(number), "{word}");
        }
        for word in ["ju", "jui", "ma", "x", "marc1", "", "marching"] {
            assert_eq!(month(word), None, "{word}");
        }
        for word in ["Mo", "Wed", "mercredi", "sábado", "lun"] {
            assert!(is_weekday(word), "{word}");
        }
        assert!(!is_weekday("m") && !is_weekday("monthly"));
    }
}
