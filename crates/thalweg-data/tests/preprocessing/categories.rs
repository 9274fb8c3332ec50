//! Text and codes: which cells are one category, and how categories become inputs.

use super::*;

#[test]
fn numbers_match_the_categories_that_they_spell() {
    // In another file the column may be all numbers, and 1 be written as 1.0.
    let (p, _) = fit(
        &table("k,y\n1,5\nA,6\n2,9\n1,7.5\n"),
        "y",
        &FitOptions::default(),
    );
    assert_eq!(p.input_names(), ["k=1", "k=2", "k=A", "k (other)"]);
    near(
        &features(&p, &table("k,y\n2,1\n1.0,1\n3,1\n")),
        &[0., 1., 0., 0., 1., 0., 0., 0., 0., 0., 0., 1.],
    );
}

#[test]
fn wide_integers_are_their_categories_alone_and_beside_others() {
    let read = |name: &str, text: &str| {
        let input = Input::bytes(name, text.as_bytes().to_vec()).unwrap();
        read_input(input, &ReadOptions::default()).unwrap().train
    };
    let ids = ["1152921504606846976", "100000000000000000000"];
    let json = |id: &str| format!("{{\"k\": {id}, \"y\": {}.5}}\n", id.len());
    let csv = |id: &str| format!("{id},{}.5\n", id.len());
    let cells = [ids[0], "\"A\"", ids[1], ids[0]];
    let train_json = read("t.jsonl", &cells.map(json).concat());
    let train_csv = read("t.csv", &format!("k,y\n{}", cells.map(csv).concat()));
    for train in [train_json, train_csv] {
        let (p, _) = fit(&train, "y", &FitOptions::default());
        let beside = features(&p, &train);
        let width = p.input_names().len();
        assert_eq!((width, beside[width - 1]), (4, 0.0));
        for (row, id) in [(0, ids[0]), (2, ids[1]), (2, "1e20")] {
            let expected = &beside[row * width..(row + 1) * width];
            near(&features(&p, &read("t.jsonl", &json(id))), expected);
            near(
                &features(&p, &read("t.csv", &format!("k,y\n{}", csv(id)))),
                expected,
            );
        }
        // Another identifier is another category, though f64 does not tell them apart.
        let other = format!("k,y\n{}", csv("1152921504606846977"));
        near(&features(&p, &read("t.csv", &other)), &[0., 0., 0., 1.]);
    }
}

#[test]
fn the_rarest_categories_share_an_input() {
    let options = FitOptions {
        max_categories: 2,
        ..Default::default()
    };
    let (p, notes) = fit(
        &table("k,y\na,1.5\nb,2\nb,3\nc,4\nc,5\nd,6\n"),
        "y",
        &options,
    );
    assert_eq!(p.input_names(), ["k=b", "k=c", "k (other)"]);
    assert!(
        notes[0]
            .text
            .contains("has 4 categories: the 2 most frequent")
    );
}

#[test]
fn codes_with_leading_zeros_stay_apart_from_numbers() {
    let text = "zip,n,t\n00123,5,01\n123,6,02\n00123,7,10\n00045,8,02\n";
    let input = Input::bytes("t.csv", text.as_bytes().to_vec()).unwrap();
    let loaded = read_input(input, &ReadOptions::default()).unwrap();
    let notes: Vec<String> = loaded.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "note: columns \"zip\", \"t\" read as text: \"00123\" has leading zeros, as in codes; `data.read.numeric` \
             reads numbers"
        ]
    );
    let (p, _) = fit(&loaded.train, "n", &FitOptions::default());
    assert_eq!(
        p.input_names()[..4],
        ["zip=00045", "zip=00123", "zip=123", "zip (other)"]
    );
    let target = choose(text, None, None).unwrap();
    assert_eq!(target.classes, ["01", "02", "10"]);
    let target = choose(text, None, Some(Task::Regression)).unwrap();
    let targets = target.encode(&table(text), &[0, 2]).unwrap();
    assert_eq!(
        targets,
        Targets::Values {
            width: 1,
            values: vec![1.0, 10.0]
        }
    );
    let target = choose("a,t\n1,0.5\n2,007\n3,1.25\n", None, None).unwrap();
    assert_eq!(target.task, Task::Regression);
    // Classes that are the same number are sorted whatever the order of the rows.
    for rows in ["1,7\n2,007\n3,007\n", "1,007\n2,7\n3,007\n"] {
        let target = choose(&format!("a,t\n{rows}"), None, None).unwrap();
        assert_eq!(target.classes, ["007", "7"]);
    }
    let weighted = FitOptions {
        sample_weight: Some("t".to_owned()),
        ..Default::default()
    };
    let (p, _) = fit(&loaded.train, "n", &weighted);
    let dataset = dataset(&p, &loaded.train, &[0, 2]).unwrap();
    assert_eq!(dataset.weights, Some(vec![1.0, 10.0]));
    // A column that the model knows as numeric may be written so.
    let (p, _) = fit(
        &table("x,y\n1,0.5\n2,1.5\n3,2.5\n"),
        "y",
        &FitOptions::default(),
    );
    let padded = features(&p, &table("x,y\n01,0.5\n02,1.5\n"));
    assert_eq!(padded, features(&p, &table("x,y\n1,0.5\n2,1.5\n")));
}

#[test]
fn columns_of_many_categories_become_codes_that_come_first() {
    let rows = ["c", "a", "b", "a", "b", "c", "d", ""];
    let row = |(i, k): (usize, &&str)| format!("{i},{k},{}\n", i * i);
    let text = rows.iter().enumerate().map(row).collect::<String>();
    let table = table(&format!("x,k,y\n{text}"));
    let options = |embed_above| FitOptions {
        embed_above,
        scaling: Scaling::None,
        ..FitOptions::default()
    };
    let (p, _) = fit(&table, "y", &options(Some(2)));
    assert_eq!(p.input_names(), ["k (code)", "x"]);
    assert_eq!(p.codes(), [("k", 4)]);
    // `d` comes once, and trains with the missing one the vector of unknown categories.
    let codes: Vec<f64> = features(&p, &table).into_iter().step_by(2).collect();
    assert_eq!(codes, [3.0, 1.0, 2.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
    let new = self::table("k,x\nb,0\nzebra,1\n,2\n");
    assert_eq!(features(&p, &new), [2.0, 0.0, 0.0, 1.0, 0.0, 2.0]);
    let unseen = p.bind(&new).unwrap().unseen(&new.all_rows());
    assert_eq!(
        unseen[0].note().unwrap().text,
        "column \"k\": 1 of 3 rows holds a value that training rarely or never saw, such as \"zebra\""
    );
    // With `embed_least` 1 a single row is enough; no category has 3.
    for (embed_least, codes) in [(1, &[("k", 5)][..]), (3, &[])] {
        let options = FitOptions {
            embed_least,
            ..options(Some(2))
        };
        assert_eq!(fit(&table, "y", &options).0.codes(), codes);
    }
    // Not more categories than that, or none asked for: an input each.
    for embed_above in [Some(3), None] {
        let (p, _) = fit(&table, "y", &options(embed_above));
        assert_eq!(p.codes(), []);
        assert_eq!(p.input_width(), 6);
    }
    // Through a file and back.
    let json = serde_json::to_string(&p).unwrap();
    assert!(
        json.contains(r#"{"name":"k","kind":"codes","levels":["a","b","c"]}"#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Preprocessing>(&json).unwrap(), p);
}
