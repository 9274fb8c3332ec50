#![no_main]

libfuzzer_sys::fuzz_target!(
    init: thalweg_fuzz::allow_caught_panics(),
    |bytes: &[u8]| thalweg_fuzz::read(Some("images"), bytes)
);
