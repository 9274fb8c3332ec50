//! What a file defines, imports and mentions, from its tokens.

use std::collections::BTreeSet;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::Result;

/// A file, or a module within one.
#[derive(Debug, Default)]
pub struct Scope {
    /// Its place in the file: empty for the file itself.
    pub inside: Vec<String>,
    /// Names of functions, types, constants, macros.
    pub items: BTreeSet<String>,
    pub uses: Vec<Use>,
    /// Paths of at least two segments in signatures and bodies.
    pub mentions: Vec<Vec<String>>,
    /// Names in macro calls between items: such a call may list modules.
    pub listed: BTreeSet<String>,
    /// Modules that are compiled for tests alone.
    pub test_modules: Vec<String>,
}

/// `use path as alias`; an alias of `*` stands for all names.
#[derive(Debug)]
pub struct Use {
    pub path: Vec<String>,
    pub alias: String,
    pub is_public: bool,
}

/// A function from its `fn` to its last brace.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// A file as it was read.
#[derive(Debug, Default)]
pub struct Scan {
    pub scopes: Vec<Scope>,
    pub functions: Vec<Function>,
}

/// Reads a file's text; `shown` names it in errors.
pub fn scan(text: &str, shown: &str) -> Result<Scan> {
    let tokens = TokenStream::from_str(text).map_err(|error| format!("{shown}: {error}"))?;
    let mut scan = Scan::default();
    scan.module(tokens, Vec::new());
    Ok(scan)
}

impl Scan {
    /// The items of a module.
    fn module(&mut self, tokens: TokenStream, inside: Vec<String>) {
        let mut scope = Scope {
            inside: inside.clone(),
            ..Scope::default()
        };
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (is_test, after) = attributes(rest);
            let (item, after) = after.split_at(item_length(after));
            rest = after;
            let (is_public, item) = visibility(item);
            let Some(keyword) = item.iter().position(is_keyword) else {
                scope.macro_call(item);
                continue;
            };
            let name = item.get(keyword + 1).and_then(ident).unwrap_or_default();
            match (
                ident(&item[keyword]).unwrap_or_default().as_str(),
                item.last(),
            ) {
                ("mod", Some(TokenTree::Group(body))) if !is_test => {
                    let inside = [inside.as_slice(), &[name]].concat();
                    self.module(body.stream(), inside);
                }
                ("mod", _) if is_test => scope.test_modules.push(name),
                _ if is_test => {}
                ("mod", _) => {}
                ("use", _) => scope.import(&item[keyword + 1..], is_public),
                ("impl", _) => self.body(item, &mut scope),
                _ => {
                    // `macro_rules` has an exclamation mark before its name.
                    let name = item[keyword + 1..].iter().find_map(ident);
                    scope.items.extend(name);
                    self.body(item, &mut scope);
                }
            }
        }
        self.scopes.push(scope);
    }

    /// Paths, imports and functions in the tokens of an item.
    fn body(&mut self, tokens: &[TokenTree], scope: &mut Scope) {
        let mut k = 0;
        while k < tokens.len() {
            let (is_test, after) = attributes(&tokens[k..]);
            k = tokens.len() - after.len();
            if is_test {
                k += member_length(after);
                continue;
            }
            let (_, after) = visibility(after);
            k = tokens.len() - after.len();
            match after.first() {
                Some(TokenTree::Group(group)) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.body(&inner, scope);
                    k += 1;
                }
                Some(TokenTree::Ident(word)) if word == "use" => {
                    let length = item_length(after);
                    scope.import(&after[1..length], false);
                    k += length;
                }
                Some(TokenTree::Ident(word)) if word == "fn" => {
                    self.functions.extend(function(after));
                    k += 1;
                }
                Some(TokenTree::Ident(_)) => {
                    let (path, length) = path(after);
                    // What stands behind `::` belongs to a type that is no path, such as `<T as A>::B`.
                    let is_start = k == 0
                        || !is_punct(&tokens[k - 1], ':')
                        || !is_punct(tokens.get(k.wrapping_sub(2)).unwrap_or(&tokens[0]), ':');
                    if path.len() > 1 && is_start {
                        scope.mentions.push(path);
                    }
                    k += length;
                }
                _ => k += 1,
            }
        }
    }
}

impl Scope {
    /// `name! { … }` between items: its names, and its paths.
    fn macro_call(&mut self, tokens: &[TokenTree]) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.macro_call(&inner);
                }
                TokenTree::Ident(word) => {
                    self.listed.insert(word.to_string());
                }
                _ => {}
            }
        }
        let mut paths = Scan::default();
        paths.body(tokens, self);
    }

    /// A tree of imports: `a::{b, c as d, e::*}`.
    fn import(&mut self, tokens: &[TokenTree], is_public: bool) {
        let mut leaves = Vec::new();
        tree(tokens, &[], &mut leaves);
        self.uses
            .extend(leaves.into_iter().map(|(path, alias)| Use {
                path,
                alias,
                is_public,
            }));
    }
}

fn tree(tokens: &[TokenTree], before: &[String], leaves: &mut Vec<(Vec<String>, String)>) {
    for branch in tokens.split(|token| is_punct(token, ',')) {
        let mut path = before.to_vec();
        let mut alias = None;
        let mut words = branch.iter();
        while let Some(token) = words.next() {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    tree(&inner, &path, leaves);
                    path.clear();
                }
                TokenTree::Ident(word) if word == "as" => alias = words.next().and_then(ident),
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => alias = Some("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = path.last() {
            let alias = alias.unwrap_or_else(|| last.clone());
            leaves.push((path, alias));
        }
    }
}

/// Whether attributes say that what follows is for tests, and what follows.
fn attributes(mut tokens: &[TokenTree]) -> (bool, &[TokenTree]) {
    let mut is_test = false;
    loop {
        tokens = match tokens {
            [sign, TokenTree::Group(group), rest @ ..]
                if is_punct(sign, '#') && group.delimiter() == Delimiter::Bracket =>
            {
                is_test |= is_for_tests(group);
                rest
            }
            [sign, mark, TokenTree::Group(_), rest @ ..]
                if is_punct(sign, '#') && is_punct(mark, '!') =>
            {
                rest
            }
            _ => return (is_test, tokens),
        };
    }
}

/// `cfg(test)`, also within `all(…)`.
fn is_for_tests(attribute: &Group) -> bool {
    let words: Vec<TokenTree> = attribute.stream().into_iter().collect();
    let [name, TokenTree::Group(condition)] = words.as_slice() else {
        return false;
    };
    let condition: Vec<TokenTree> = condition.stream().into_iter().collect();
    let is_word = |token: &TokenTree, word: &str| ident(token).is_some_and(|found| found == word);
    is_word(name, "cfg")
        && match condition.as_slice() {
            [one] => is_word(one, "test"),
            [all, TokenTree::Group(group)] if is_word(all, "all") => group
                .stream()
                .into_iter()
                .any(|token| is_word(&token, "test")),
            _ => false,
        }
}

/// Whether `pub` stands in front, and what follows it and its brackets.
fn visibility(tokens: &[TokenTree]) -> (bool, &[TokenTree]) {
    match tokens {
        [TokenTree::Ident(word), TokenTree::Group(group), rest @ ..]
            if word == "pub" && group.delimiter() == Delimiter::Parenthesis =>
        {
            (true, rest)
        }
        [TokenTree::Ident(word), rest @ ..] if word == "pub" => (true, rest),
        _ => (false, tokens),
    }
}

/// The keyword of an item.
fn is_keyword(token: &TokenTree) -> bool {
    const WORDS: &[&str] = &[
        "mod",
        "use",
        "impl",
        "fn",
        "struct",
        "enum",
        "union",
        "trait",
        "type",
        "const",
        "static",
        "macro_rules",
    ];
    ident(token).is_some_and(|word| WORDS.contains(&word.as_str()))
}

/// Tokens of the item in front: up to its semicolon or its braces. Values and imports have braces inside.
fn item_length(tokens: &[TokenTree]) -> usize {
    let words = tokens.iter().take(3).filter_map(ident);
    let words: Vec<String> = words.collect();
    let has = |word: &str| words.iter().any(|one| one == word);
    let is_value = has("use")
        || has("static")
        || has("type")
        || (has("const")
            && !tokens
                .iter()
                .take(5)
                .filter_map(ident)
                .any(|word| word == "fn"));
    let end = tokens.iter().position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_value,
        token => is_punct(token, ';'),
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// The same for what stands in an item, such as a field.
fn member_length(tokens: &[TokenTree]) -> usize {
    let comma = tokens.iter().position(|token| is_punct(token, ','));
    item_length(tokens).min(comma.map_or(usize::MAX, |comma| comma + 1))
}

/// The function whose `fn` stands in front, unless it is a type or has no body.
fn function(tokens: &[TokenTree]) -> Option<Function> {
    let name = tokens.get(1).and_then(ident)?;
    let end = &tokens[item_length(tokens) - 1];
    let TokenTree::Group(body) = end else {
        return None;
    };
    let line = tokens[0].span().start().line;
    let lines = body.span_close().end().line + 1 - line;
    Some(Function { name, line, lines })
}

/// The path in front and its number of tokens.
fn path(tokens: &[TokenTree]) -> (Vec<String>, usize) {
    let mut path = vec![ident(&tokens[0]).unwrap_or_default()];
    let mut length = 1;
    while let [a, b, next, ..] = &tokens[length..] {
        let (true, true, Some(word)) = (is_punct(a, ':'), is_punct(b, ':'), ident(next)) else {
            break;
        };
        path.push(word);
        length += 3;
    }
    (path, length)
}

fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}
