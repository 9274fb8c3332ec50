//! Circles in the imports between files.

use std::collections::{BTreeSet, VecDeque};

use super::names::{File, Imports};

/// Files and the arrows between them.
pub struct Graph<'a> {
    files: &'a [File],
    imports: Imports,
    /// By the number of the file that imports; by that of the file that is imported.
    arrows: Vec<Vec<usize>>,
    back: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    pub fn new(files: &'a [File], imports: Imports) -> Self {
        let mut arrows = vec![Vec::new(); files.len()];
        let mut back = arrows.clone();
        for &(from, to) in imports.keys() {
            arrows[from].push(to);
            back[to].push(from);
        }
        Self {
            files,
            imports,
            arrows,
            back,
        }
    }

    /// Sets of files that all reach each other, circles through a module and its own children aside.
    pub fn knots(&self) -> Vec<BTreeSet<usize>> {
        let all = (0..self.files.len()).collect();
        let mut knots = Vec::new();
        self.collect_knots(all, &mut knots);
        knots
    }

    /// Where a file is the module of all others in a knot, what it ties is no circle; what is left may have one.
    fn collect_knots(&self, among: BTreeSet<usize>, knots: &mut Vec<BTreeSet<usize>>) {
        for mut knot in self.components(&among) {
            match knot
                .iter()
                .copied()
                .find(|&one| self.is_module_of(one, &knot))
            {
                Some(module) => {
                    knot.remove(&module);
                    self.collect_knots(knot, knots);
                }
                None => knots.push(knot),
            }
        }
    }

    fn is_module_of(&self, module: usize, others: &BTreeSet<usize>) -> bool {
        let place = &self.files[module].place;
        let mut others = others.iter().filter(|&&other| other != module);
        others.all(|&other| self.files[other].place.starts_with(place))
    }

    /// Strongly connected components of at least two files.
    fn components(&self, among: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut left = among.clone();
        let mut components = Vec::new();
        while let Some(first) = left.first().copied() {
            let forward = reach(&self.arrows, first, &left);
            let back = reach(&self.back, first, &left);
            let component: BTreeSet<usize> = forward.intersection(&back).copied().collect();
            left.retain(|file| !component.contains(file));
            if component.len() > 1 {
                components.push(component);
            }
        }
        components
    }

    /// The shortest circle through a file.
    fn circle(&self, first: usize, knot: &BTreeSet<usize>) -> Vec<usize> {
        let mut before = vec![None; self.files.len()];
        let mut open = VecDeque::from([first]);
        while let Some(file) = open.pop_front() {
            for &next in &self.arrows[file] {
                if next == first {
                    let mut circle = vec![file];
                    while let Some(previous) = before[circle[circle.len() - 1]] {
                        circle.push(previous);
                    }
                    circle.reverse();
                    return circle;
                }
                if knot.contains(&next) && before[next].is_none() {
                    before[next] = Some(file);
                    open.push_back(next);
                }
            }
        }
        Vec::new()
    }

    /// The shortest circles of a knot, at most so many, with the names that tie them.
    pub fn describe(&self, knot: &BTreeSet<usize>, most: usize) -> String {
        let circles = knot.iter().map(|&file| {
            let mut circle = self.circle(file, knot);
            let least = circle.iter().enumerate().min_by_key(|(_, file)| **file);
            let least = least.map_or(0, |(k, _)| k);
            circle.rotate_left(least);
            (circle.len(), circle)
        });
        let circles: BTreeSet<(usize, Vec<usize>)> = circles.collect();
        let is_circle = |circle: &&(usize, Vec<usize>)| {
            let files: BTreeSet<usize> = circle.1.iter().copied().collect();
            !files.iter().any(|&file| self.is_module_of(file, &files))
        };
        let mut text = format!("circle of {} files:", knot.len());
        for (_, circle) in circles.iter().filter(is_circle).take(most) {
            text += "\n  ";
            text += &self.files[circle[0]].shown;
            for (k, from) in circle.iter().enumerate() {
                let to = circle[(k + 1) % circle.len()];
                let names: Vec<&str> = self.imports[&(*from, to)]
                    .iter()
                    .map(String::as_str)
                    .collect();
                text += &format!(" → {} ({})", self.files[to].shown, names.join(", "));
            }
        }
        text
    }
}

/// The files among some to which arrows lead from one, itself included.
fn reach(arrows: &[Vec<usize>], from: usize, among: &BTreeSet<usize>) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(file) = open.pop() {
        for &next in &arrows[file] {
            if among.contains(&next) && reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}
