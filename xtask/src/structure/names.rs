//! Which file a path leads to: modules, imports and re-exports of a whole workspace.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::scan::{Function, Scope, scan};
use crate::Result;

/// The name of a package and of all it depends on, tests and examples included.
pub struct Package {
    pub name: String,
    pub dependencies: Vec<String>,
}

impl Package {
    /// Reads a manifest as this workspace writes them: a dependency a line.
    pub fn parse(manifest: &str) -> Option<Self> {
        let (mut name, mut dependencies, mut section) = (None, Vec::new(), "");
        for line in manifest.lines().map(str::trim) {
            if let Some(title) = line.strip_prefix('[') {
                section = title.trim_end_matches(']');
            } else if let Some((key, value)) = line.split_once('=') {
                let key = key.trim().split('.').next().unwrap_or_default();
                match section {
                    "package" if key == "name" => {
                        name = Some(value.trim().trim_matches('"').to_owned())
                    }
                    _ if section.ends_with("dependencies") => dependencies.push(key.to_owned()),
                    _ => {}
                }
            }
        }
        Some(Self {
            name: name?,
            dependencies,
        })
    }
}

/// A module's place: the crate, then names.
type Place = Vec<String>;

/// A file of the workspace.
pub struct File {
    /// Its path from the root of the workspace.
    pub shown: String,
    /// The module that it is.
    pub place: Place,
    lines: usize,
    functions: Vec<Function>,
}

/// All modules of all crates.
#[derive(Default)]
pub struct Workspace {
    files: Vec<File>,
    /// The file and the contents of each module.
    modules: BTreeMap<Place, (usize, Scope)>,
    /// What `use a::*` brings of a name into a module; nothing while it is looked for.
    through_globs: RefCell<BTreeMap<(Place, String, bool), Option<Found>>>,
}

/// Where a name leads.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// It is defined in a file.
    Item(usize),
    Module(Place),
    /// It is of no crate here.
    Outside,
}

/// Names that a file takes from another: (from, to) by their numbers.
pub type Imports = BTreeMap<(usize, usize), BTreeSet<String>>;

/// Re-exports that are followed one after another.
const DEPTH: usize = 16;

impl Workspace {
    /// Adds the file `inside` of a package's `src`.
    pub fn add(&mut self, package: &str, inside: &Path, shown: &str, text: &str) -> Result<()> {
        let stem = inside.with_extension("");
        let mut place = vec![package.replace('-', "_")];
        place.extend(stem.iter().map(|word| word.to_string_lossy().into_owned()));
        let is_root = place.len() == 2 && (place[1] == "lib" || place[1] == "main");
        if is_root || place.last().is_some_and(|last| last == "mod") {
            place.pop();
        }
        let scan = scan(text, shown)?;
        let number = self.files.len();
        for scope in scan.scopes {
            let own = [place.as_slice(), &scope.inside].concat();
            self.modules.insert(own, (number, scope));
        }
        let (lines, functions) = (text.lines().count(), scan.functions);
        self.files.push(File {
            shown: shown.to_owned(),
            place,
            lines,
            functions,
        });
        Ok(())
    }

    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Files and functions that are too long, a text each.
    pub fn long(&self, file_lines: usize, function_lines: usize) -> Vec<String> {
        let mut long = Vec::new();
        for File {
            shown,
            lines,
            functions,
            ..
        } in &self.files
        {
            if *lines > file_lines {
                long.push(format!("{shown}: {lines} lines, at most {file_lines}"));
            }
            for Function { name, line, lines } in functions {
                if *lines > function_lines {
                    long.push(format!(
                        "{shown}:{line}: `{name}` has {lines} lines, at most {function_lines}"
                    ));
                }
            }
        }
        long
    }

    /// What every file takes from others.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        let for_tests = self.modules.iter().flat_map(|(place, (_, scope))| {
            scope
                .test_modules
                .iter()
                .map(|name| [place.as_slice(), std::slice::from_ref(name)].concat())
        });
        let for_tests: Vec<Place> = for_tests.collect();
        for (place, (file, scope)) in &self.modules {
            if for_tests.iter().any(|test| place.starts_with(test)) {
                continue;
            }
            let mut add = |found: &Found, name: &str| {
                if let Some(to) = self.file(found)
                    && to != *file
                {
                    imports
                        .entry((*file, to))
                        .or_default()
                        .insert(name.to_owned());
                }
            };
            for one in &scope.uses {
                let found = self.resolve(place, &one.path, 0);
                let is_namespace = matches!(found, Found::Module(_));
                // A module that is imported is a prefix of paths; these are what counts.
                if !is_namespace || one.is_public || one.alias == "*" {
                    add(&found, one.path.last().map_or("", String::as_str));
                }
            }
            for path in &scope.mentions {
                let found = self.resolve(place, path, 0);
                if matches!(found, Found::Item(_)) {
                    add(&found, self.name(place, path));
                }
            }
            for name in &scope.listed {
                let child = [place.as_slice(), std::slice::from_ref(name)].concat();
                if self.modules.contains_key(&child) {
                    add(&Found::Module(child), "list");
                }
            }
        }
        imports
    }

    fn file(&self, found: &Found) -> Option<usize> {
        match found {
            Found::Item(file) => Some(*file),
            Found::Module(place) => self.modules.get(place).map(|(file, _)| *file),
            Found::Outside => None,
        }
    }

    /// The segment of a path that is no module any more.
    fn name<'a>(&self, place: &Place, path: &'a [String]) -> &'a str {
        let is_module =
            |length: &usize| matches!(self.resolve(place, &path[..*length], 0), Found::Module(_));
        let modules = (1..path.len()).take_while(is_module).count();
        path.get(modules).map_or("", String::as_str)
    }

    /// Where a path leads that stands in the module `place`.
    fn resolve(&self, place: &Place, path: &[String], depth: usize) -> Found {
        let Some((first, rest)) = path.split_first() else {
            return Found::Outside;
        };
        if depth > DEPTH {
            return Found::Outside;
        }
        let start = match first.as_str() {
            "crate" => Found::Module(place[..1].to_vec()),
            "self" => Found::Module(place.clone()),
            "super" => Found::Module(place[..place.len().saturating_sub(1).max(1)].to_vec()),
            name => match self.look_up(place, name, !rest.is_empty(), depth) {
                Some(found) => found,
                None if self.modules.contains_key([name.to_owned()].as_slice()) => {
                    Found::Module(vec![name.to_owned()])
                }
                None => Found::Outside,
            },
        };
        match start {
            Found::Module(place) => self.walk(place, rest, depth),
            found => found,
        }
    }

    fn walk(&self, place: Place, rest: &[String], depth: usize) -> Found {
        let Some((name, rest)) = rest.split_first() else {
            return Found::Module(place);
        };
        let next = match name.as_str() {
            "super" => Some(Found::Module(
                place[..place.len().saturating_sub(1).max(1)].to_vec(),
            )),
            name => self.look_up(&place, name, !rest.is_empty(), depth),
        };
        match next {
            Some(Found::Module(place)) => self.walk(place, rest, depth),
            Some(found) => found,
            // A macro defines it.
            None => self
                .modules
                .get(&place)
                .map_or(Found::Outside, |(file, _)| Found::Item(*file)),
        }
    }

    /// What a name means in a module; before `::` a module is preferred.
    fn look_up(&self, place: &Place, name: &str, is_prefix: bool, depth: usize) -> Option<Found> {
        let (file, scope) = self.modules.get(place)?;
        let child = [place.as_slice(), &[name.to_owned()]].concat();
        let child = self
            .modules
            .contains_key(&child)
            .then_some(Found::Module(child));
        if is_prefix && child.is_some() {
            return child;
        }
        if scope.items.contains(name) {
            return Some(Found::Item(*file));
        }
        if let Some(one) = scope.uses.iter().find(|one| one.alias == name) {
            // `use a;` in the root of a crate would find itself.
            let is_itself = one.path.len() == 1 && one.path[0] == name;
            return Some(match is_itself {
                true => child.unwrap_or(Found::Outside),
                false => self.resolve(place, &one.path, depth + 1),
            });
        }
        child.or_else(|| self.through_globs(place, scope, (name, is_prefix), depth))
    }

    /// What a name means by the imports of everything from other modules. Each is looked for once: two
    /// modules may import each other.
    fn through_globs(
        &self,
        place: &Place,
        scope: &Scope,
        (name, is_prefix): (&str, bool),
        depth: usize,
    ) -> Option<Found> {
        let key = (place.clone(), name.to_owned(), is_prefix);
        if let Some(known) = self.through_globs.borrow().get(&key) {
            return known.clone();
        }
        self.through_globs.borrow_mut().insert(key.clone(), None);
        let mut globs = scope.uses.iter().filter(|one| one.alias == "*");
        let found = globs.find_map(|glob| match self.resolve(place, &glob.path, depth + 1) {
            Found::Module(of) if of != *place && depth < DEPTH => {
                self.look_up(&of, name, is_prefix, depth + 1)
            }
            _ => None,
        });
        self.through_globs.borrow_mut().insert(key, found.clone());
        found
    }
}
