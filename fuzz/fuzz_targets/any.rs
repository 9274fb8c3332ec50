#![no_main]

// Compressed files, archives, and everything that is recognized by its first bytes.
libfuzzer_sys::fuzz_target!(
    init: thalweg_fuzz::allow_caught_panics(),
    |bytes: &[u8]| thalweg_fuzz::read(None, bytes)
);
