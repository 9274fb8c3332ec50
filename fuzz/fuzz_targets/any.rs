#![no_main]

// Compressed files, archives, and everything that is recognized by its first bytes.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| thalweg_fuzz::read(None, bytes));
