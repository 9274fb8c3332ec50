//! The command line of Thalweg.

fn main() {}
