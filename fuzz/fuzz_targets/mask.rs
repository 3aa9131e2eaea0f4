#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanwatch_fuzz::mask::hold(bytes));
