//! A page: the script, the style and the data in one file.

use serde_json::{Value, json};

use crate::drawing;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// In the order in which they are run: each uses what stands above.
const SCRIPTS: [&str; 19] = [
    include_str!("page/dom.js"),
    include_str!("page/axes.js"),
    include_str!("page/charts.js"),
    include_str!("page/layout.js"),
    include_str!("page/scores.js"),
    include_str!("page/training.js"),
    include_str!("page/classes.js"),
    include_str!("page/numbers.js"),
    include_str!("page/columns.js"),
    include_str!("page/rows.js"),
    include_str!("page/judged.js"),
    include_str!("page/run.js"),
    include_str!("page/evaluation.js"),
    include_str!("page/comparison.js"),
    include_str!("page/cross_validation.js"),
    include_str!("page/learning_curve.js"),
    include_str!("page/importance.js"),
    include_str!("page/table.js"),
    include_str!("page/main.js"),
];

/// No page is larger.
pub const MOST_BYTES: usize = 1_000_000;
/// From so many bytes on, parts are left out.
const FULL: usize = 800_000;
/// Numbers of a list in a network that say something to a reader.
const NUMBERS: usize = 16;

/// What is left out of a page that would be too large, first to last: a path in its data, and how
/// many entries of the list there stay.
const LEFT_OUT: [(&str, usize); 16] = [
    ("/columns", 1_000),
    ("/inspection/by_column", 40),
    // It stands beside the page.
    ("/config", 0),
    ("/members", 0),
    ("/layers", 0),
    ("/steps", 0),
    ("/columns", 200),
    ("/columns", 50),
    ("/inspection/worst", 4),
    ("/inspection/columns", 200),
    ("/inspection/by_column", 4),
    ("/inspection/classes/curves", 3),
    ("/inspection/worst", 0),
    ("/notes", 20),
    ("/inspection/columns", 0),
    ("/reasons", 0),
];

/// The data of a page of this kind.
pub(crate) fn of_kind(kind: &str, mut data: Value) -> Value {
    data["kind"] = json!(kind);
    data["version"] = json!(env!("CARGO_PKG_VERSION"));
    data
}

/// The start of a run without what fills pages and says nothing there: the edges of bins of each column.
pub(crate) fn described(start: &Value) -> Value {
    match start {
        Value::Object(fields) => {
            let is_short = |value: &Value| match value {
                Value::Array(all) => all.len() <= NUMBERS || !all.iter().all(is_numeric),
                _ => true,
            };
            let kept = fields.iter().filter(|(_, value)| is_short(value));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), described(value)))
                    .collect(),
            )
        }
        Value::Array(all) => all.iter().map(described).collect(),
        other => other.clone(),
    }
}

/// A number, or a list of them.
fn is_numeric(value: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().all(is_numeric),
        other => other.is_number(),
    }
}

/// The page of these data, under [`MOST_BYTES`].
pub(crate) fn page(mut data: Value) -> String {
    let mut page = filled(&data);
    for (path, most) in LEFT_OUT {
        if page.len() <= FULL {
            break;
        }
        match data.pointer_mut(path) {
            Some(Value::Array(list)) => list.truncate(most),
            Some(other) => *other = Value::Null,
            None => continue,
        }
        data["left_out"] = json!(true);
        page = filled(&data);
    }
    page
}

fn filled(data: &Value) -> String {
    // In the order of the template, so that no part is looked for in another.
    let parts = [
        ("/*style*/", STYLE.to_owned()),
        ("/*static*/", drawing::svg(data).unwrap_or_default()),
        ("/*data*/", embedded(data)),
        ("/*script*/", SCRIPTS.concat()),
    ];
    let (mut page, mut rest) = (String::new(), HTML);
    for (place, part) in parts {
        if let Some((before, after)) = rest.split_once(place) {
            page.push_str(before);
            page.push_str(&part);
            rest = after;
        }
    }
    page + rest
}

/// JSON that no parser of HTML takes for the end of its element.
fn embedded(data: &Value) -> String {
    let text = data.to_string();
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    safe
}

/// The data of a page, read back.
pub fn data(page: &str) -> Option<Value> {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">")?;
    let (text, _) = rest.split_once("</script>")?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_data_early_and_all_of_it_comes_back() {
        let odd = "/*script*/ /*data*/ </script><script>alert(1)</script><!-- & \u{2028} \" \\ '";
        let page = page(json!({ "name": odd, odd: [1.5, null] }));
        assert_eq!(
            page.matches("alert(1)").count(),
            2,
            "in the data, and there alone"
        );
        assert!(!page.contains("<script>alert"));
        assert_eq!(
            data(&page).unwrap(),
            json!({ "name": odd, odd: [1.5, null] })
        );
    }

    #[test]
    fn a_page_that_would_be_too_large_says_what_it_leaves_out() {
        let columns = vec![json!({ "name": "c".repeat(90) }); 20_000];
        let page = page(json!({ "inspection": { "columns": columns } }));
        assert!(page.len() <= MOST_BYTES, "{}", page.len());
        let data = data(&page).unwrap();
        assert_eq!(data["left_out"], true);
        assert_eq!(data["inspection"]["columns"].as_array().unwrap().len(), 200);
    }

    #[test]
    fn the_start_of_a_run_has_no_long_lists_of_numbers() {
        let edges = vec![json!([0.5, 1.5]); 40];
        let layer = json!({ "name": "piecewise_linear", "bins": 2, "edges": edges, "of": [1, 2] });
        let start = json!({ "rows": { "train": 5 }, "network": { "layers": [layer] } });
        let layer = json!({ "name": "piecewise_linear", "bins": 2, "of": [1, 2] });
        let expected = json!({ "rows": { "train": 5 }, "network": { "layers": [layer] } });
        assert_eq!(described(&start), expected);
    }
}
